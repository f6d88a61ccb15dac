"""Steps of the journal for reports, with or without those that drills caused."""

from collections.abc import AsyncIterator, Sequence

from sidecar.core.model.journal_entry import TargetSteps
from sidecar.core.model.state import State
from sidecar.core.ports.storage import Journal

MOST_DRILLS = 5000
"""Number of the last drills that reports leave out, and that the history shows."""


async def read_steps(
    journal: Journal,
    state: State,
    since_wall: float,
    until_wall: float,
    *,
    with_drills: bool = False,
) -> AsyncIterator[Sequence[tuple[str, TargetSteps]]]:
    """Steps as ``Journal.steps`` gives them. Raises StoreUnavailable."""
    records = () if with_drills else await journal.drills(MOST_DRILLS)
    recent = tuple(record for record in records if record.ended_wall >= since_wall)
    current = None if with_drills else state.drill
    pieces = journal.steps(since_wall, until_wall)
    if not recent and current is None:
        async for piece in pieces:
            yield piece
        return
    from sidecar.core.reporting.drill_times import (  # noqa: PLC0415 - rarely needed
        DrillFilter,
    )

    without_drills = DrillFilter(recent, current, until_wall)
    async for piece in pieces:
        yield without_drills.apply(piece)
    yield without_drills.close()
