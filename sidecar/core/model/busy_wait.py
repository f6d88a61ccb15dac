"""The wait of a restart for a target that is busy."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sidecar.core.model.container import RunId
from sidecar.core.reason.reason import NO_REASON, Reason


class BusyVerdict(StrEnum):
    """Answer of a target to the question whether it is busy.

    UNCLEAR: it did not answer, or answered something else.
    """

    FREE = "free"
    BUSY = "busy"
    UNCLEAR = "unclear"


class BusyAnswer(NamedTuple):
    """An answer with its reason, which is masked and short."""

    verdict: BusyVerdict
    reason: Reason = NO_REASON


@dataclass(frozen=True, slots=True)
class BusyWait:
    """A restart waits for this instance, or has just asked it.

    ``run``: the run that is asked; a wait for another run is over. ``answer`` None:
    there is none yet. ``has_waited``: an earlier answer was not "free".
    """

    run: RunId
    since_mono: float
    answer: BusyAnswer | None = None
    answered_mono: float = 0.0
    has_waited: bool = False
