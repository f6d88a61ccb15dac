"""How long each wallet daemon's chain has stood still."""

from dataclasses import dataclass

from sidecar.core.model.container import RunId


@dataclass(frozen=True, slots=True)
class _LastHeight:
    run: RunId
    height: int
    since_mono: float


class BlockHeightTracker:
    """Remembers one height per daemon; a restart of the daemon forgets it."""

    def __init__(self) -> None:
        self._seen: dict[str, _LastHeight] = {}

    def unchanged_s(
        self, place: str, run: RunId, height: int, server_height: int, now_mono: float
    ) -> float:
        """Seconds for which both heights have been this same one.

        0.0 while they differ: then blocks are on their way.
        """
        if height != server_height:
            self._seen.pop(place, None)
            return 0.0
        seen = self._seen.get(place)
        if seen is None or (seen.run, seen.height) != (run, height):
            self._seen[place] = _LastHeight(run, height, now_mono)
            return 0.0
        return now_mono - seen.since_mono
