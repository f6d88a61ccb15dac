"""Causes, a row each with all that is known of it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sidecar.core.model.cause import Cause, CauseSource, RemedyKind, Severity


class CauseRule(NamedTuple):
    """All that follows from a cause once it is certain.

    ``remedy`` is None where no remedy of ours can help; ``why_not`` then says so
    in words that fit after "because". ``grace_s`` is how long the cause may
    last before a person is told; ``advice`` is what the person should do.
    ``was`` fits after a target's name in a post-mortem, ``next_steps`` are its action
    items. ``source``: which probes can yield the cause; ``wallets_only``: those of
    wallet daemons alone.
    """

    severity: Severity
    why_not: str
    advice: str
    was: str
    next_steps: tuple[str, ...]
    remedy: RemedyKind | None = None
    grace_s: float = 0.0
    source: CauseSource = CauseSource.PROBE
    wallets_only: bool = False


_READ_THE_LOG = (
    "Find the reason in the log, and report it to whom the software comes from.",
)


def _curable(
    was: str,
    next_steps: tuple[str, ...],
    *,
    remedy: RemedyKind = RemedyKind.RESTART,
    source: CauseSource = CauseSource.PROBE,
) -> CauseRule:
    advice = "nothing, unless the restarts do not help: then read the container's log"
    return CauseRule(Severity.P1, "", advice, was, next_steps, remedy, 0.0, source)


CAUSES: Mapping[Cause, CauseRule] = MappingProxyType(
    {
        Cause.REFUSED: _curable(
            "did not accept connections",
            (
                "Find out why the program ended while its container went on running.",
                "Make the container end when the program in it does.",
            ),
        ),
        Cause.HUNG: _curable(
            "accepted requests but did not answer them",
            (
                "Find out what the program was busy with when it fell silent.",
                "Look for clients that keep connections open and say nothing.",
            ),
        ),
        Cause.THREAD_HELD: CauseRule(
            severity=Severity.P2,
            grace_s=600.0,
            why_not=(
                "a daemon that is busy comes back by itself, and a restart "
                "can lose addresses already handed out"
            ),
            advice=(
                "find out which client makes slow calls, and whether the "
                "daemon has its upstream server"
            ),
            was="answered late, because other calls held its only thread",
            next_steps=(
                "Find out which client makes calls that wait for the network.",
                "Configure a second network server to fall back to.",
            ),
            wallets_only=True,
        ),
        Cause.KILLED_BY_PROBE: CauseRule(
            severity=Severity.P1,
            why_not="it would die of the same call again",
            advice=(
                "look whether the daemon is set to offline, and restart it "
                "once that is mended: the call is tried again then"
            ),
            was="ended when it was asked for its state",
            next_steps=("Find out why the daemon ends of a call that only reads.",),
            wallets_only=True,
        ),
        Cause.NEVER_UP: CauseRule(
            severity=Severity.P1,
            why_not="one restart did not open the port, and another would not either",
            advice=(
                "compare the port of the probe with the daemon's, and look "
                "for a broken configuration, or a lock or port that another "
                "process holds"
            ),
            was="did not open its port after it was started",
            next_steps=(
                "Check port, configuration and lock files after every change.",
                (
                    "Try new versions and settings elsewhere before they go into "
                    "service."
                ),
            ),
            source=CauseSource.NO_PROBE,
        ),
        Cause.RESET: _curable("broke off connections", _READ_THE_LOG),
        Cause.BAD_BODY: _curable("gave answers that could not be used", _READ_THE_LOG),
        Cause.HTTP_5XX: _curable("answered requests with errors", _READ_THE_LOG),
        Cause.COMMAND_FAILED: _curable("failed its health check", _READ_THE_LOG),
        Cause.NOT_RUNNING: _curable(
            "had stopped running",
            (
                "Find out why it ended: its exit code and the end of its log.",
                "If memory ran out, raise the limit or find the leak.",
            ),
            remedy=RemedyKind.START,
            source=CauseSource.NO_PROBE,
        ),
        Cause.ENGINE_UNHEALTHY: _curable("failed its health check", _READ_THE_LOG),
        Cause.WALLET_NOT_LOADED: CauseRule(
            remedy=RemedyKind.LOAD_WALLET,
            severity=Severity.P1,
            why_not="a restart is what unloads a wallet",
            advice="load the wallet, or set load_wallet and the wallet's password",
            was="was running, but its wallet was not open",
            next_steps=("Make sure that the wallet is opened after every start.",),
            wallets_only=True,
        ),
        Cause.WALLET_SYNCING: CauseRule(
            severity=Severity.P2,
            grace_s=1800.0,
            why_not="a restart makes the synchronisation start over",
            advice="wait, and look at the upstream server when it lasts",
            was="was still synchronising its wallet",
            next_steps=(
                "Measure how long a synchronisation takes, and plan restarts for it.",
            ),
            wallets_only=True,
        ),
        Cause.UPSTREAM_LOST: CauseRule(
            severity=Severity.P2,
            grace_s=600.0,
            why_not=(
                "a restart does not bring the upstream server back and can "
                "lose addresses already handed out"
            ),
            advice="check the network and the upstream server",
            was="had lost its connection to the network server that it relies on",
            next_steps=(
                "Configure a second network server to fall back to.",
                "Ask the server's operator what happened.",
            ),
            wallets_only=True,
        ),
        Cause.UPSTREAM_STALE: CauseRule(
            severity=Severity.P2,
            grace_s=600.0,
            why_not="a restart does not make the upstream server's chain advance",
            advice=(
                "compare the height with a block explorer, and choose another server"
            ),
            was="was following a network server that no longer advanced",
            next_steps=(
                "Configure a second network server, and compare their heights.",
                "Check payments of that time against a block explorer.",
            ),
            wallets_only=True,
        ),
        Cause.AUTH: CauseRule(
            severity=Severity.P2,
            why_not="a restart does not change a password",
            advice="make the probe's user and password those of the daemon",
            was="rejected the credentials that it was asked with",
            next_steps=(
                "Change passwords on both sides in one step, and test them at once.",
            ),
        ),
        Cause.MISCONFIGURED: CauseRule(
            severity=Severity.P2,
            why_not="a restart does not correct an address, path or method",
            advice="correct the probe's url, or the daemon's settings",
            was="did not understand what it was asked",
            next_steps=(
                "Check address, path and method after every change of a version.",
            ),
        ),
        Cause.DETACHED: CauseRule(
            severity=Severity.P1,
            why_not="a restart does not reconnect a network",
            advice="put the target and the sidecar on one network",
            was="could not be reached over the network",
            next_steps=("Find out what changed in the network's configuration.",),
        ),
        Cause.CRASH_LOOP: CauseRule(
            severity=Severity.P1,
            why_not="it dies soon after every start, another start would end alike",
            advice="read its last log lines and mend what they name",
            was="ended again soon after each start",
            next_steps=(
                "Mend what the last log lines name before it is started again.",
                (
                    "Try new versions and settings elsewhere before they go into "
                    "service."
                ),
            ),
            source=CauseSource.NO_PROBE,
        ),
        Cause.ADDRESSES_LOST: CauseRule(
            severity=Severity.P1,
            why_not="a restart does not bring forgotten addresses back",
            advice=(
                "compare the addresses that your service has handed out "
                "lately with the wallet's own, create the missing ones anew "
                "before others are handed out, and acknowledge the incident"
            ),
            was="forgot payment addresses that it had handed out",
            next_steps=(
                "Compare the addresses given to customers with the wallet's own.",
                "Find out who ended the daemon before it had saved, and prevent it.",
            ),
            wallets_only=True,
            source=CauseSource.NO_PROBE,
        ),
        Cause.STOPPED: CauseRule(
            severity=Severity.P3,
            why_not="what somebody stopped is not ours to start",
            advice="start it when the work is done",
            was="was stopped",
            next_steps=("Announce maintenance beforehand.",),
            source=CauseSource.NO_PROBE,
        ),
        Cause.PAUSED: CauseRule(
            severity=Severity.P3,
            why_not="what somebody paused is not ours to wake",
            advice="unpause it when the work is done",
            was="was paused",
            next_steps=("Announce maintenance beforehand.",),
            source=CauseSource.NO_PROBE,
        ),
        Cause.MISSING: CauseRule(
            severity=Severity.P1,
            grace_s=60.0,
            why_not="there is no container to restart",
            advice="bring it up with docker compose up -d",
            was="was not deployed",
            next_steps=("Find out who or what removed it, and how that is prevented.",),
            source=CauseSource.NO_PROBE,
        ),
        Cause.PROBER_FAILED: CauseRule(
            severity=Severity.P2,
            grace_s=600.0,
            why_not="the probe itself fails, which says nothing about the target",
            advice=(
                "see to the sidecar's own means: file descriptors, memory, the engine"
            ),
            was="could not be checked",
            next_steps=("Look at the host that the monitoring runs on.",),
            source=CauseSource.UNKNOWN_PROBE,
        ),
        Cause.OWN_NETWORK: CauseRule(
            severity=Severity.P2,
            why_not="the network that is lost is Sidecar's own",
            advice="put Sidecar back on the network of its targets",
            was="could not be checked, because Sidecar had lost its network",
            next_steps=("Find out who or what took Sidecar off the network.",),
            source=CauseSource.UNKNOWN_PROBE,
        ),
        Cause.SUSPENDED: CauseRule(
            severity=Severity.P3,
            grace_s=600.0,
            why_not="this host was asleep",
            advice="nothing",
            was="could not be checked",
            next_steps=("Keep the host from going to sleep.",),
            source=CauseSource.UNKNOWN_PROBE,
        ),
    }
)
