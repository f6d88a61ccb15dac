"""What a container said before it died: often all that a person needs."""

from loguru import logger

from sidecar.core.container import Container
from sidecar.core.decision import Decision
from sidecar.remedies.evidence import EvidenceRoom

SHOWN_LINES = 10


async def show_last_lines(
    room: EvidenceRoom, decision: Decision, container: Container
) -> None:
    """Write the end of the container's log into ours, masked."""
    evidence = await room.gather(decision, container)
    lines = evidence.log.splitlines()[-SHOWN_LINES:]
    said = "\n".join(lines) or "(it wrote nothing)"
    logger.bind(target=decision.name, incident=decision.incident).warning(
        "the last log lines of its container:\n{}", said
    )
