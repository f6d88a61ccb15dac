"""Names of the guards, each with the consequences of its objection."""

from enum import StrEnum
from typing import NamedTuple, Self


class GuardRule(NamedTuple):
    """Consequences of a guard's objection.

    ``is_asked``: it is asked about every remedy (policy/guards/table.py); the others
    are named by proposals that hold without a guard.
    ``makes_plans_wait``: a planned restart waits for it; others skip the restart.
    ``pages``: time alone hardly lifts it, so a person is paged.
    ``needs_person``: only a person lifts it, and messages say how.
    ``is_lasting``: an incident does not wait for a dependent's restart that it holds.
    ``is_permanent``: the settings say so; a dependent's restart is given up.
    ``is_intended``: a planned restart that it skips is skipped as configured.
    ``waits_for_others``: the timeline of an incident omits it.
    ``holds_takeover``: a remedy that a dead predecessor began must pass it as well, and
    so must the stop that restores a person's stop.
    ``holds_takeover_restart``: such a remedy must pass it as well, unless it starts a
    container that does not run.
    """

    is_asked: bool = True
    makes_plans_wait: bool = False
    pages: bool = False
    needs_person: bool = False
    is_lasting: bool = False
    is_permanent: bool = False
    is_intended: bool = False
    waits_for_others: bool = False
    holds_takeover: bool = False
    holds_takeover_restart: bool = False


_PLAIN = GuardRule()
_BY_PROPOSAL = GuardRule(is_asked=False)


class Guard(StrEnum):
    """Public names, in the order in which the guards are asked. NONE: none objected."""

    rule: GuardRule

    def __new__(cls, name: str, rule: GuardRule = _PLAIN) -> Self:
        """A member with its rule; its value is the name alone."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.rule = rule
        return member

    NONE = "none", _BY_PROPOSAL
    THRESHOLD = "threshold", _BY_PROPOSAL
    NOT_CURABLE = "not_curable", _BY_PROPOSAL
    UNSTABLE = "unstable", _BY_PROPOSAL
    OPTED_OUT = (
        "opted_out",
        GuardRule(
            needs_person=True,
            is_lasting=True,
            is_permanent=True,
            is_intended=True,
            holds_takeover_restart=True,
        ),
    )
    PAUSED = (
        "paused",
        GuardRule(needs_person=True, is_lasting=True, holds_takeover_restart=True),
    )
    MAINTENANCE = (
        "maintenance",
        GuardRule(is_lasting=True, is_intended=True, holds_takeover_restart=True),
    )
    LEASE = (
        "lease",
        GuardRule(is_lasting=True, is_intended=True, holds_takeover=True),
    )
    ENGINE = "engine", GuardRule(makes_plans_wait=True, holds_takeover=True)
    FORBIDDEN = (
        "forbidden",
        GuardRule(pages=True, needs_person=True, is_lasting=True, holds_takeover=True),
    )
    WALLET_FILE = (
        "wallet_file",
        GuardRule(needs_person=True, is_lasting=True, holds_takeover_restart=True),
    )
    OWN_NETWORK = "own_network"
    STOPPING = "stopping"
    STARTING = "starting", GuardRule(makes_plans_wait=True)
    ENGINE_POLICY = (
        "engine_policy",
        GuardRule(makes_plans_wait=True, holds_takeover=True),
    )
    SELF_RESTART = "self_restart"
    HOST = "host", GuardRule(pages=True)
    REMEDY_RUNNING = (
        "remedy_running",
        GuardRule(makes_plans_wait=True, waits_for_others=True, holds_takeover=True),
    )
    DEPENDENCY = (
        "dependency",
        GuardRule(makes_plans_wait=True, waits_for_others=True),
    )
    DRAINING = (
        "draining",
        GuardRule(makes_plans_wait=True, waits_for_others=True),
    )
    RATE_LIMIT = (
        "rate_limit",
        GuardRule(pages=True, needs_person=True, is_lasting=True),
    )
    INEFFECTIVE = "ineffective", GuardRule(pages=True, needs_person=True)
    BACKOFF = "backoff"
    BUDGET = "budget", GuardRule(pages=True, is_lasting=True)
    RECENTLY_RESTARTED = "recently_restarted", GuardRule(is_intended=True)
    BUSY = "busy", GuardRule(makes_plans_wait=True)
    OBSERVE = (
        "observe",
        GuardRule(
            is_lasting=True, is_permanent=True, is_intended=True, holds_takeover=True
        ),
    )
