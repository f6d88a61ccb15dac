"""The last memory sample of each container: the engine is not asked at every probe."""

from typing import NamedTuple

from sidecar.core.model.container import RunId
from sidecar.core.model.probe_result import ProbeResult

_KEPT = 4096


class _LastResult(NamedTuple):
    run: RunId
    at_mono: float
    result: ProbeResult


class MemorySamples:
    """Remembers the last result for each container, of its present run alone."""

    def __init__(self) -> None:
        self._results: dict[str, _LastResult] = {}

    def recent(
        self, run: RunId, within_s: float, now_mono: float
    ) -> ProbeResult | None:
        """The result of a sample less than ``within_s`` ago; None: there is none."""
        last = self._results.get(run.container_id)
        if last is None or last.run != run or now_mono - last.at_mono >= within_s:
            return None
        return last.result

    def note(self, run: RunId, result: ProbeResult, now_mono: float) -> None:
        """Remember a result."""
        if len(self._results) >= _KEPT:
            self._results.clear()
        self._results[run.container_id] = _LastResult(run, now_mono, result)
