"""Why a target does not work, and what each cause means for a remedy."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Severity(StrEnum):
    """How urgently a person is needed; P0 is the most urgent."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


class Cause(StrEnum):
    """Why a target is not serving. Public names: metrics and scripts use them."""

    REFUSED = "refused"
    HUNG = "hung"
    THREAD_HELD = "thread_held"
    """It answers, but other calls hold its only thread."""
    KILLED_BY_PROBE = "killed_by_probe"
    """It died of one of our calls, twice."""
    NEVER_UP = "never_up"
    """It refused connections through two whole starts in a row."""
    RESET = "reset"
    BAD_BODY = "bad_body"
    HTTP_5XX = "http_5xx"
    COMMAND_FAILED = "command_failed"
    NOT_RUNNING = "not_running"
    ENGINE_UNHEALTHY = "engine_unhealthy"
    WALLET_NOT_LOADED = "wallet_not_loaded"
    WALLET_SYNCING = "wallet_syncing"
    UPSTREAM_LOST = "upstream_lost"
    UPSTREAM_STALE = "upstream_stale"
    AUTH = "auth"
    MISCONFIGURED = "misconfigured"
    DETACHED = "detached"
    CRASH_LOOP = "crash_loop"
    ADDRESSES_LOST = "addresses_lost"
    """Of an incident alone: a wallet has fewer addresses than it had."""
    STOPPED = "stopped"
    PAUSED = "paused"
    MISSING = "missing"
    PROBER_FAILED = "prober_failed"
    """Only with UNKNOWN: the probe could not be carried out."""
    OWN_NETWORK = "own_network"
    """Only with UNKNOWN: Sidecar's own network is lost, so it was not reached."""
    SUSPENDED = "suspended"
    """Only with UNKNOWN: the host slept or this process stalled during the probe."""


UPSTREAM_CAUSES = frozenset({Cause.UPSTREAM_LOST, Cause.UPSTREAM_STALE})
"""Trouble of the server that a wallet daemon follows, not of the daemon."""

BEYOND_REMEDIES = UPSTREAM_CAUSES | {Cause.WALLET_SYNCING}
"""What a daemon says that works itself: it runs, answers and has its wallets."""


class RemedyKind(StrEnum):
    """What is tried against a cause, where anything is."""

    RESTART = "restart"
    START = "start"
    LOAD_WALLET = "load_wallet"


class CauseRule(NamedTuple):
    """What follows from a cause once it is certain.

    ``cure`` is None where no remedy of ours can help; ``why_not`` then says so
    in words that fit after "because". ``grace_s`` is how long the cause may
    last before a person is told.
    """

    cure: RemedyKind | None
    severity: Severity
    grace_s: float
    why_not: str
    advice: str


_RESTART_ADVICE = (
    "nothing, unless the restarts do not help: then read the container's log"
)


def _curable_by(cure: RemedyKind = RemedyKind.RESTART) -> CauseRule:
    return CauseRule(cure, Severity.P1, 0.0, "", _RESTART_ADVICE)


CAUSES: Mapping[Cause, CauseRule] = MappingProxyType(
    {
        Cause.REFUSED: _curable_by(),
        Cause.HUNG: _curable_by(),
        Cause.THREAD_HELD: CauseRule(
            None,
            Severity.P2,
            600.0,
            "a daemon that is busy comes back by itself, and a restart can lose "
            "addresses already handed out",
            "find out which client makes slow calls, and whether the daemon has its "
            "upstream server",
        ),
        Cause.KILLED_BY_PROBE: CauseRule(
            None,
            Severity.P1,
            0.0,
            "it would die of the same call again",
            "look whether the daemon is set to offline, and restart it once that is "
            "mended: the call is tried again then",
        ),
        Cause.NEVER_UP: CauseRule(
            None,
            Severity.P1,
            0.0,
            "one restart did not open the port, and another would not either",
            "compare the port of the probe with the daemon's, and look for a broken "
            "configuration, or a lock or port that another process holds",
        ),
        Cause.RESET: _curable_by(),
        Cause.BAD_BODY: _curable_by(),
        Cause.HTTP_5XX: _curable_by(),
        Cause.COMMAND_FAILED: _curable_by(),
        Cause.ENGINE_UNHEALTHY: _curable_by(),
        Cause.NOT_RUNNING: _curable_by(RemedyKind.START),
        Cause.WALLET_NOT_LOADED: CauseRule(
            RemedyKind.LOAD_WALLET,
            Severity.P1,
            0.0,
            "a restart is what unloads a wallet",
            "load the wallet, or set load_wallet and the wallet's password",
        ),
        Cause.WALLET_SYNCING: CauseRule(
            None,
            Severity.P2,
            1800.0,
            "a restart makes the synchronisation start over",
            "wait, and look at the upstream server when it lasts",
        ),
        Cause.UPSTREAM_LOST: CauseRule(
            None,
            Severity.P2,
            600.0,
            "a restart does not bring the upstream server back and can lose "
            "addresses already handed out",
            "check the network and the upstream server",
        ),
        Cause.UPSTREAM_STALE: CauseRule(
            None,
            Severity.P2,
            600.0,
            "a restart does not make the upstream server's chain advance",
            "compare the height with a block explorer, and choose another server",
        ),
        Cause.AUTH: CauseRule(
            None,
            Severity.P2,
            0.0,
            "a restart does not change a password",
            "make the probe's user and password those of the daemon",
        ),
        Cause.MISCONFIGURED: CauseRule(
            None,
            Severity.P2,
            0.0,
            "a restart does not correct an address, path or method",
            "correct the probe's url, or the daemon's settings",
        ),
        Cause.DETACHED: CauseRule(
            None,
            Severity.P1,
            0.0,
            "a restart does not reconnect a network",
            "put the target and the sidecar on one network",
        ),
        Cause.CRASH_LOOP: CauseRule(
            None,
            Severity.P1,
            0.0,
            "it dies soon after every start, another start would end alike",
            "read its last log lines and mend what they name",
        ),
        Cause.ADDRESSES_LOST: CauseRule(
            None,
            Severity.P1,
            0.0,
            "a restart does not bring forgotten addresses back",
            "compare the addresses that your service has handed out lately with the "
            "wallet's own, create the missing ones anew before others are handed out, "
            "and acknowledge the incident",
        ),
        Cause.STOPPED: CauseRule(
            None,
            Severity.P3,
            0.0,
            "what somebody stopped is not ours to start",
            "start it when the work is done",
        ),
        Cause.PAUSED: CauseRule(
            None,
            Severity.P3,
            0.0,
            "what somebody paused is not ours to wake",
            "unpause it when the work is done",
        ),
        Cause.MISSING: CauseRule(
            None,
            Severity.P1,
            60.0,
            "there is no container to restart",
            "bring it up with docker compose up -d",
        ),
        Cause.PROBER_FAILED: CauseRule(
            None,
            Severity.P2,
            600.0,
            "the probe itself fails, which says nothing about the target",
            "see to the sidecar's own means: file descriptors, memory, the engine",
        ),
        Cause.OWN_NETWORK: CauseRule(
            None,
            Severity.P2,
            0.0,
            "the network that is lost is Sidecar's own",
            "put Sidecar back on the network of its targets",
        ),
        Cause.SUSPENDED: CauseRule(
            None, Severity.P3, 600.0, "this host was asleep", "nothing"
        ),
    }
)
