"""What belongs to a page: gathered beside the loop, a few at a time.

What a container said before it died is often all that a person needs.
"""

import asyncio

from loguru import logger

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.decision import Decision
from sidecar.core.model.event import EvidenceGathered
from sidecar.core.ports.loop import Clock, Post
from sidecar.core.status.run_log import AGAIN
from sidecar.core.text.printable import printable
from sidecar.remedies.evidence import EvidenceCollector

AT_ONCE = 2
WAITING = 50
SHOWN_LINES = 10
LINE_CHARACTERS = 200

_NOTHING = "(it wrote nothing)"
_TOLD_BY_LOG = frozenset({Cause.CRASH_LOOP})


class PageEvidence:
    """Gathers evidence for pages; each that is gathered ends in an event."""

    def __init__(self, room: EvidenceCollector, clock: Clock, post: Post) -> None:
        self._room = room
        self._clock = clock
        self._post = post
        self._few = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def testify(self, decision: Decision, container: Container) -> None:
        """Begin; return at once. Of a flood of pages some go without evidence."""
        if len(self._tasks) >= WAITING:
            logger.debug("no evidence for a page about {}", decision.name)
            return
        task = asyncio.get_running_loop().create_task(self._gather(decision, container))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _gather(self, decision: Decision, container: Container) -> None:
        async with self._few:
            evidence, _ = await self._room.gather(decision, container)
        said = None if evidence.log is None else last_lines(evidence.log)
        if decision.cause in _TOLD_BY_LOG:
            logger.bind(target=decision.name, incident=decision.incident).warning(
                "the last log lines of its container:\n{}",
                said or ("(it could not be read)" if said is None else _NOTHING),
            )
        self._post(EvidenceGathered(self._clock.now(), decision.instance, said))


def last_lines(log: str) -> str:
    """The end of a log that fits into a message; no line of it can forge another.

    What stands between two runs is no line of it.
    """
    lines = (printable(line)[:LINE_CHARACTERS] for line in log.splitlines())
    told = [line for line in lines if line.strip()]
    own = [nth for nth, line in enumerate(told) if line != AGAIN]
    return "\n".join(told[own[-SHOWN_LINES:][0] :]) if own else ""
