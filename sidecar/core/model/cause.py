"""Causes of failures, severities, and kinds of remedies."""

from enum import StrEnum


class Severity(StrEnum):
    """Urgency of an incident for people; P0 is the most urgent."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


class Cause(StrEnum):
    """Cause of a failing target. Public names: metrics and scripts use them."""

    REFUSED = "refused"
    HUNG = "hung"
    THREAD_HELD = "thread_held"
    """It answers, but other calls hold its only thread."""
    KILLED_BY_PROBE = "killed_by_probe"
    """One of our calls ended the daemon, twice."""
    NEVER_UP = "never_up"
    """It refused connections through two whole starts in a row."""
    RESET = "reset"
    BAD_BODY = "bad_body"
    HTTP_5XX = "http_5xx"
    COMMAND_FAILED = "command_failed"
    LOG_MATCHED = "log_matched"
    """Its log says what a ``log`` probe with ``on_match: fail`` looks for."""
    NOT_RUNNING = "not_running"
    ENGINE_UNHEALTHY = "engine_unhealthy"
    MEMORY_OVER = "memory_over"
    """Its working set is above the share of its limit that its probe allows."""
    WALLET_NOT_LOADED = "wallet_not_loaded"
    WALLET_SYNCING = "wallet_syncing"
    UPSTREAM_LOST = "upstream_lost"
    UPSTREAM_STALE = "upstream_stale"
    AUTH = "auth"
    MISCONFIGURED = "misconfigured"
    DETACHED = "detached"
    DISK_FULL = "disk_full"
    HOST_OVERLOADED = "host_overloaded"
    CRASH_LOOP = "crash_loop"
    ADDRESSES_LOST = "addresses_lost"
    """Only for incidents: a wallet has fewer addresses than before."""
    WALLET_DAMAGED = "wallet_damaged"
    """Only for incidents: the wallet file on disk is damaged."""
    STOPPED = "stopped"
    PAUSED = "paused"
    MISSING = "missing"
    PROBER_FAILED = "prober_failed"
    """Only with UNKNOWN: the probe could not be carried out."""
    OWN_NETWORK = "own_network"
    """Only with UNKNOWN: not reached, because Sidecar lost its own network."""
    SUSPENDED = "suspended"
    """Only with UNKNOWN: the host slept or this process stalled during the probe."""


class RemedyKind(StrEnum):
    """Remedy for a cause."""

    RESTART = "restart"
    START = "start"
    RECREATE = "recreate"
    LOAD_WALLET = "load_wallet"


class CauseSource(StrEnum):
    """Probe results that can carry a cause: failures, UNKNOWN results, or none."""

    PROBE = "probe"
    UNKNOWN_PROBE = "unknown_probe"
    NO_PROBE = "no_probe"
