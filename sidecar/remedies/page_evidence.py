"""Evidence for pages: gathered in tasks of their own, AT_ONCE at a time.

The last log lines of a dead container are often all that a person needs.
"""

import asyncio

from loguru import logger

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.decision import Decision
from sidecar.core.model.event import EvidenceGathered
from sidecar.core.ports.loop import Clock, Post
from sidecar.core.status.run_log import RUN_SEPARATOR
from sidecar.core.text.printable import printable
from sidecar.remedies.evidence import EvidenceCollector

AT_ONCE = 2
WAITING = 50
SHOWN_LINES = 10
LINE_CHARACTERS = 200

_NOTHING = "(it wrote nothing)"
_TOLD_BY_LOG = frozenset({Cause.CRASH_LOOP})


class PageEvidence:
    """Gathers evidence for pages, and posts it as an event."""

    def __init__(self, evidence: EvidenceCollector, clock: Clock, post: Post) -> None:
        self._evidence = evidence
        self._clock = clock
        self._post = post
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, decision: Decision, container: Container) -> None:
        """Start to gather, and return at once.

        With WAITING pages in progress, a further page has no evidence.
        """
        if len(self._tasks) >= WAITING:
            logger.debug("no evidence for a page about {}", decision.name)
            return
        task = asyncio.get_running_loop().create_task(self._gather(decision, container))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _gather(self, decision: Decision, container: Container) -> None:
        async with self._limit:
            evidence, _ = await self._evidence.gather(decision, container)
        log_end = None if evidence.log is None else last_lines(evidence.log)
        if decision.cause in _TOLD_BY_LOG:
            logger.bind(target=decision.name, incident=decision.incident).warning(
                "the last log lines of its container:\n{}",
                log_end or ("(it could not be read)" if log_end is None else _NOTHING),
            )
        self._post(EvidenceGathered(self._clock.now(), decision.instance, log_end))


def last_lines(log: str) -> str:
    """The last SHOWN_LINES lines of a log, made printable and cut for a message.

    The line AGAIN between two runs does not count as a line.
    """
    lines = (printable(line)[:LINE_CHARACTERS] for line in log.splitlines())
    text_lines = [line for line in lines if line.strip()]
    own = [nth for nth, line in enumerate(text_lines) if line != RUN_SEPARATOR]
    return "\n".join(text_lines[own[-SHOWN_LINES:][0] :]) if own else ""
