"""Servers of a load balancer: which of them get requests.

Where Sidecar does not know, it changes nothing: the load balancer's own checks decide.
While it starts it does not know who is drained or down, and changes nothing either.
"""

import re
from enum import Enum, auto
from typing import NamedTuple

from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target_state import BROKEN_STATES, WORKING_STATES, TargetState
from sidecar.core.reason.public_reason import public_reason
from sidecar.core.status import lease as lease_rules
from sidecar.core.text.printable import mark_unprintable

START_S = 15.0
"""After a start, the longest time without the first list of containers."""

REASON_CHARACTERS = 80
"""HAProxy shows about 100 characters of a reason."""

_NAME = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9_.-]{0,119}(/[A-Za-z0-9][A-Za-z0-9_.-]{0,119})?"
)
_FAILOVER = "failover="


class ServerQuestion(NamedTuple):
    """The question about one server.

    ``name`` is TARGET, TARGET/REPLICA or the name of a replica. ``other``: the server
    that takes over while this one does not work; empty: there is none.
    """

    name: str
    other: str = ""


class ServerAnswer(NamedTuple):
    """Answer about one server, for the load balancer to carry out.

    ``works`` None: the server stays up or down, as it was. ``is_draining`` None: it
    goes on getting new requests, or none.
    """

    works: bool | None = True
    is_draining: bool | None = False
    reason: str = ""
    """Why it does not work: printable ASCII for everybody."""


UNCHANGED = ServerAnswer(works=None, is_draining=None)


class _Condition(Enum):
    """Does a server work? BROKEN: certainly not."""

    WORKS = auto()
    UNSURE = auto()
    BROKEN = auto()


def parse_question(line: str) -> ServerQuestion | None:
    """The question ``NAME`` or ``NAME failover=OTHER``; None: the line is neither."""
    name, _, rest = line.strip().partition(" ")
    other = rest.removeprefix(_FAILOVER)
    if rest and (other == rest or not _NAME.fullmatch(other)):
        return None
    return ServerQuestion(name, other) if _NAME.fullmatch(name) else None


def find_replicas(state: State, name: str) -> tuple[Instance, ...]:
    """The replicas of TARGET, of TARGET/REPLICA, or of that name; empty: none."""
    if name in state.targets:
        return tuple(state.replicas(name))
    target, _, replica = name.partition("/")
    if not replica:
        return tuple(i for i in state.instances.values() if i.name == name)
    names = {replica, f"{target}-{replica}"}
    return tuple(
        i
        for i in state.replicas(target)
        if str(i.id.number) == replica or i.name in names
    )


def answer_question(
    state: State,
    question: ServerQuestion,
    at: Moment,
    *,
    is_ending: bool = False,
    has_drained: bool = False,
) -> ServerAnswer:
    """The answer about one server.

    Without ``other`` a server is up, whatever its state: the load balancer's own check
    notices a failure, and no server stays down because Sidecar ended meanwhile. With
    ``other`` it is down only while it certainly does not work and the other one works.
    ``is_ending``: Sidecar ends, so nothing may stay drained. ``has_drained``: this
    process has told the load balancer of a drain that it has not taken back. Of several
    watchdogs the one that acts answers, and each that has drained: the load balancer
    asks only a watchdog that answers.
    """
    if not (has_drained or lease_rules.answers(state.lease, at.mono)):
        return UNCHANGED
    is_listed = state.engine.listed_mono is not None
    if not (is_listed or is_ending) and at.mono - state.started.mono < START_S:
        return UNCHANGED
    replicas = find_replicas(state, question.name)
    is_draining = not is_ending and _are_draining(replicas)
    if not question.other:
        return ServerAnswer(is_draining=is_draining)
    if is_ending or not is_listed:
        return ServerAnswer(works=None)
    works = _may_serve(replicas, find_replicas(state, question.other))
    reason = _describe(replicas) if works is False else ""
    return ServerAnswer(works, is_draining, reason)


def takes_traffic(instance: Instance) -> bool:
    """Does the replica get new requests? Only what certainly cannot serve does not."""
    is_absent = instance.state in {TargetState.STARTING, TargetState.DRAINING}
    return not is_absent and not _is_broken(instance)


def _are_draining(replicas: tuple[Instance, ...]) -> bool:
    return bool(replicas) and all(_is_draining(i) for i in replicas)


def _is_draining(instance: Instance) -> bool:
    """Is it drained, or restarted after a drain, until it works again?

    While it is being stopped, it may still accept requests that it cannot finish.
    """
    remedy = instance.remedy
    is_restarted = remedy is not None and remedy.decision.drained
    return instance.state is TargetState.DRAINING or is_restarted


def _may_serve(
    replicas: tuple[Instance, ...], others: tuple[Instance, ...]
) -> bool | None:
    condition, other = _condition(replicas), _condition(others)
    if condition is _Condition.WORKS or not others or other is _Condition.BROKEN:
        return True
    is_certain = condition is _Condition.BROKEN and other is _Condition.WORKS
    return False if is_certain else None


def _condition(replicas: tuple[Instance, ...]) -> _Condition:
    if any(i.state in WORKING_STATES for i in replicas):
        return _Condition.WORKS
    if replicas and all(_is_broken(i) for i in replicas):
        return _Condition.BROKEN
    return _Condition.UNSURE


def _is_broken(instance: Instance) -> bool:
    """Does it certainly not serve? A fault of Sidecar's own probe proves nothing."""
    if instance.state not in BROKEN_STATES:
        return False
    rule = CAUSES[instance.cause] if instance.cause is not None else None
    return rule is None or rule.serves_nobody or not rule.is_unmeasured


def _describe(replicas: tuple[Instance, ...]) -> str:
    """The state and its public reason; HAProxy shows it to whoever sees its page."""
    first = replicas[0]
    reason = public_reason(first.reason)
    text = f"{first.state}: {reason}" if reason else first.state
    clean = mark_unprintable(text).encode("ascii", "replace").decode()
    return clean[:REASON_CHARACTERS]
