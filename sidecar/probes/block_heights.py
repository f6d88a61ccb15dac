"""The time since each wallet daemon's block height last changed."""

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
        self._last_heights: dict[str, _LastHeight] = {}

    def unchanged_s(
        self, place: str, run: RunId, height: int, server_height: int, now_mono: float
    ) -> float:
        """Seconds for which both heights have had this same value.

        0.0 while they differ: then the daemon is still loading blocks.
        """
        if height != server_height:
            self._last_heights.pop(place, None)
            return 0.0
        last = self._last_heights.get(place)
        if last is None or (last.run, last.height) != (run, height):
            self._last_heights[place] = _LastHeight(run, height, now_mono)
            return 0.0
        return now_mono - last.since_mono
