"""Why a target does not work, and what each cause means for a remedy."""

from enum import StrEnum


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


class CauseSource(StrEnum):
    """Which probe results can carry a cause: failures, UNKNOWN ones, or none."""

    PROBE = "probe"
    UNKNOWN_PROBE = "unknown_probe"
    NO_PROBE = "no_probe"
