"""Services that the HTTP server uses; the composition root passes them."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field

from sidecar.core.backup.ports import WalletBackups
from sidecar.core.model.state import State
from sidecar.core.ports.drill_planning import DrillPlanning
from sidecar.core.ports.loop import Ask, Clock, Component, Feed, Schedule, TaskSchedule
from sidecar.core.ports.storage import Journal
from sidecar.web.turns import Turns


@dataclass(frozen=True, slots=True)
class ApiServices:
    """All calls return at once, except ``ask``, ``metrics``, ``reload`` and the
    journal's.

    ``liveness`` says whether the loop turned lately; ``components`` is all that
    must work for us to be ready, the loop among it. ``metrics`` takes an
    Accept header and gives the content type and a body in pieces, each made in a
    millisecond when it is taken. ``evidence`` gives the last bundle of an instance
    by name. ``seconds`` reads a duration such as ``2h``, or raises ValueError.
    ``reload`` takes the changed configuration file and gives its faults, a line each;
    with any, nothing was changed. ``log`` takes a container's id, a number of lines and
    a time in seconds since 1970 (empty: from the beginning); it gives the last lines
    since then, each with its time, or raises EngineError. ``mask`` removes secrets and
    what is unsafe to print. ``backups`` are those of wallet files.
    ``drills`` has the facts for orders of drills.
    ``turns`` are those of all answers that take long.
    Without ``token`` the control endpoints answer 403.
    """

    version: str
    stack: str
    clock: Clock
    state: Callable[[], State]
    ask: Ask
    liveness: Callable[[], Component]
    components: Callable[[], tuple[Component, ...]]
    feed: Feed
    schedule: Schedule
    tasks: TaskSchedule
    journal: Journal
    metrics: Callable[[str], Awaitable[tuple[Iterator[bytes], str]]]
    evidence: Callable[[str], Mapping[str, object] | None]
    seconds: Callable[[str], float]
    reload: Callable[[], Awaitable[tuple[str, ...]]]
    log: Callable[[str, int, str], Awaitable[str]]
    mask: Callable[[str], str]
    backups: WalletBackups
    drills: DrillPlanning
    token: str | None = field(default=None, repr=False)
    turns: Turns = field(default_factory=Turns)
