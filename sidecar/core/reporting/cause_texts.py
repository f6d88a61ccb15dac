"""What each cause means to people outside, and what to consider afterwards."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sidecar.core.model.cause import Cause


class CauseText(NamedTuple):
    """``was`` fits after a target's name; ``next_steps`` are action items."""

    was: str
    next_steps: tuple[str, ...]


_READ_THE_LOG = (
    "Find the reason in the log, and report it to whom the software comes from.",
)

CAUSE_TEXTS: Mapping[Cause, CauseText] = MappingProxyType(
    {
        Cause.REFUSED: CauseText(
            "did not accept connections",
            (
                "Find out why the program ended while its container went on running.",
                "Make the container end when the program in it does.",
            ),
        ),
        Cause.HUNG: CauseText(
            "accepted requests but did not answer them",
            (
                "Find out what the program was busy with when it fell silent.",
                "Look for clients that keep connections open and say nothing.",
            ),
        ),
        Cause.THREAD_HELD: CauseText(
            "answered late, because other calls held its only thread",
            (
                "Find out which client makes calls that wait for the network.",
                "Configure a second network server to fall back to.",
            ),
        ),
        Cause.KILLED_BY_PROBE: CauseText(
            "ended when it was asked for its state",
            ("Find out why the daemon ends of a call that only reads.",),
        ),
        Cause.NEVER_UP: CauseText(
            "did not open its port after it was started",
            (
                "Check port, configuration and lock files after every change.",
                "Try new versions and settings elsewhere before they go into service.",
            ),
        ),
        Cause.ADDRESSES_LOST: CauseText(
            "forgot payment addresses that it had handed out",
            (
                "Compare the addresses given to customers with the wallet's own.",
                "Find out who ended the daemon before it had saved, and prevent it.",
            ),
        ),
        Cause.RESET: CauseText("broke off connections", _READ_THE_LOG),
        Cause.BAD_BODY: CauseText("gave answers that could not be used", _READ_THE_LOG),
        Cause.HTTP_5XX: CauseText("answered requests with errors", _READ_THE_LOG),
        Cause.COMMAND_FAILED: CauseText("failed its health check", _READ_THE_LOG),
        Cause.ENGINE_UNHEALTHY: CauseText("failed its health check", _READ_THE_LOG),
        Cause.NOT_RUNNING: CauseText(
            "had stopped running",
            (
                "Find out why it ended: its exit code and the end of its log.",
                "If memory ran out, raise the limit or find the leak.",
            ),
        ),
        Cause.WALLET_NOT_LOADED: CauseText(
            "was running, but its wallet was not open",
            ("Make sure that the wallet is opened after every start.",),
        ),
        Cause.WALLET_SYNCING: CauseText(
            "was still synchronising its wallet",
            ("Measure how long a synchronisation takes, and plan restarts for it.",),
        ),
        Cause.UPSTREAM_LOST: CauseText(
            "had lost its connection to the network server that it relies on",
            (
                "Configure a second network server to fall back to.",
                "Ask the server's operator what happened.",
            ),
        ),
        Cause.UPSTREAM_STALE: CauseText(
            "was following a network server that no longer advanced",
            (
                "Configure a second network server, and compare their heights.",
                "Check payments of that time against a block explorer.",
            ),
        ),
        Cause.AUTH: CauseText(
            "rejected the credentials that it was asked with",
            ("Change passwords on both sides in one step, and test them at once.",),
        ),
        Cause.MISCONFIGURED: CauseText(
            "did not understand what it was asked",
            ("Check address, path and method after every change of a version.",),
        ),
        Cause.DETACHED: CauseText(
            "could not be reached over the network",
            ("Find out what changed in the network's configuration.",),
        ),
        Cause.CRASH_LOOP: CauseText(
            "ended again soon after each start",
            (
                "Mend what the last log lines name before it is started again.",
                "Try new versions and settings elsewhere before they go into service.",
            ),
        ),
        Cause.STOPPED: CauseText("was stopped", ("Announce maintenance beforehand.",)),
        Cause.PAUSED: CauseText("was paused", ("Announce maintenance beforehand.",)),
        Cause.MISSING: CauseText(
            "was not deployed",
            ("Find out who or what removed it, and how that is prevented.",),
        ),
        Cause.PROBER_FAILED: CauseText(
            "could not be checked", ("Look at the host that the monitoring runs on.",)
        ),
        Cause.OWN_NETWORK: CauseText(
            "could not be checked, because Sidecar had lost its network",
            ("Find out who or what took Sidecar off the network.",),
        ),
        Cause.SUSPENDED: CauseText(
            "could not be checked", ("Keep the host from going to sleep.",)
        ),
    }
)
