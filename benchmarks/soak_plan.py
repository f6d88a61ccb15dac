"""The faults of a soak: their kinds, what is right for each, and their order. Pure."""

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Part(StrEnum):
    """A part of the stack, as a fault and an action name it."""

    WALLET = "wallet"
    SECOND_WALLET = "second wallet"
    SERVICE = "service"
    SIDECAR = "sidecar"
    ENGINE = "engine"
    NEIGHBOUR = "neighbour"


WALLETS = (Part.WALLET, Part.SECOND_WALLET)


class Treatment(StrEnum):
    """The right treatment of a fault."""

    HEALED = "healed"
    LEFT = "left alone"


_RESTART = frozenset({"restart"})
_START = frozenset({"start"})
_WAKE = frozenset({"restart", "kill", "exec"})
"""A stopped process is continued first: by a signal, or by a command."""


@dataclass(frozen=True)
class FaultKind:
    """A kind of fault.

    ``verbs``: the requests to the engine about the part that are right.
    ``bound_s``: seconds within which it is healed; of one to be left alone, within
    which Sidecar reports it, and within which all is healthy again after its end.
    ``lasts_s``: how long a fault that nobody heals lasts, once Sidecar reports it.
    """

    name: str
    what: str
    part: Part
    treatment: Treatment
    bound_s: float
    verbs: frozenset[str] = frozenset()
    lasts_s: float = 0.0

    @property
    def ends_container(self) -> bool:
        """Whether the container ends by itself."""
        return self.verbs == _START

    @property
    def is_healed(self) -> bool:
        """Whether Sidecar has to heal it."""
        return self.treatment is Treatment.HEALED


def _healed_kind(
    name: str, what: str, part: Part, bound_s: float, verbs: frozenset[str] = _RESTART
) -> FaultKind:
    return FaultKind(name, what, part, Treatment.HEALED, bound_s, verbs)


def _left_kind(
    name: str, what: str, part: Part, bound_s: float, lasts_s: float
) -> FaultKind:
    return FaultKind(name, what, part, Treatment.LEFT, bound_s, lasts_s=lasts_s)


SIDECAR_KILL = "sidecar-kill"
KINDS = {
    kind.name: kind
    for kind in (
        _healed_kind("die", "daemon dies, its container stays", Part.WALLET, 15.0),
        _healed_kind("exit", "container exits", Part.SECOND_WALLET, 15.0, _START),
        _healed_kind("freeze", "daemon is stopped (SIGSTOP)", Part.WALLET, 25.0, _WAKE),
        _healed_kind(
            "freeze-in-outage",
            "daemon is stopped without its upstream server",
            Part.SECOND_WALLET,
            25.0,
            _WAKE | _START,
        ),
        _healed_kind("hang", "daemon hangs for good", Part.WALLET, 55.0),
        _healed_kind("error", "daemon answers every call with 500", Part.WALLET, 40.0),
        _healed_kind("service-fail", "service is unhealthy", Part.SERVICE, 20.0),
        _healed_kind("service-exit", "service exits", Part.SERVICE, 15.0, _START),
        _healed_kind("order", "operator orders a restart", Part.WALLET, 25.0),
        _left_kind("busy", "a long call holds the daemon", Part.WALLET, 10.0, 3.0),
        _left_kind("password", "RPC password is wrong", Part.WALLET, 10.0, 3.0),
        _left_kind("upstream", "upstream server is lost", Part.WALLET, 10.0, 3.0),
        _left_kind(
            "stop", "operator stops the container", Part.SECOND_WALLET, 15.0, 4.0
        ),
        _left_kind("kill", "docker kill -s KILL", Part.SECOND_WALLET, 15.0, 4.0),
        _left_kind("pause", "docker pause", Part.WALLET, 10.0, 6.0),
        _left_kind(
            "netcut", "container loses its network", Part.SECOND_WALLET, 15.0, 6.0
        ),
        _left_kind("own-netcut", "Sidecar loses its network", Part.SIDECAR, 20.0, 6.0),
        _left_kind("engine", "engine's socket is lost", Part.ENGINE, 20.0, 6.0),
        _left_kind("neighbour", "neighbour's daemon dies", Part.NEIGHBOUR, 10.0, 5.0),
        _left_kind(
            SIDECAR_KILL, "Sidecar is killed (kill -9)", Part.SIDECAR, 20.0, 0.0
        ),
    )
}
"""By their names. The bounds are for the timings of ``soak_stack``."""


class Beside(StrEnum):
    """Trouble of Sidecar itself in the middle of the treatment of a fault."""

    NOTHING = "nothing"
    SIDECAR_KILLED = "Sidecar killed"
    ENGINE_LOST = "engine lost"


BESIDE_SHARE = 0.4
"""Share of the faults to be healed beside which something else happens."""
KILLED_SHARE = 0.5
BESIDE_WITHIN_S = 5.0
PAUSE_S = (0.5, 2.5)
SPACED_S = 61.0
"""Least age of a run that ends by itself, but for the first such end of a part.

Three ends within two minutes, or of three runs of less than a minute, are a crash loop.
"""


class PlannedFault(NamedTuple):
    """One fault of the plan: after a pause, and with an event beside it."""

    kind: FaultKind
    pause_s: float
    beside: Beside = Beside.NOTHING
    beside_after_s: float = 0.0


def choose_kinds(names: str) -> tuple[FaultKind, ...]:
    """The kinds of a list such as ``die,exit``; ValueError names one that is none."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in KINDS]
    if unknown or not wanted:
        raise ValueError(
            f"found {', '.join(unknown) or 'no fault'}; allowed: {', '.join(KINDS)}"
        )
    return tuple(KINDS[name] for name in dict.fromkeys(wanted))


def plan_round(
    seed: str, number: int, kinds: Collection[FaultKind], *, kills: bool
) -> Iterator[PlannedFault]:
    """Each kind once, in an order of the seed and the round; the first round is plain.

    Sidecar is killed first, and only with ``kills``: so one of its lives is long
    enough to show growth.
    """
    rng = random.Random(f"{seed}/{number}")
    order = [kind for kind in kinds if kind.name != SIDECAR_KILL]
    rng.shuffle(order)
    if kills:
        order = [kind for kind in kinds if kind.name == SIDECAR_KILL] + order
    for kind in order:
        beside = Beside.NOTHING
        if number > 0 and kind.is_healed and rng.random() < BESIDE_SHARE:
            killed = kills and rng.random() < KILLED_SHARE
            beside = Beside.SIDECAR_KILLED if killed else Beside.ENGINE_LOST
        yield PlannedFault(
            kind,
            pause_s=rng.uniform(*PAUSE_S),
            beside=beside,
            beside_after_s=rng.uniform(0.0, BESIDE_WITHIN_S),
        )
