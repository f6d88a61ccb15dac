"""Table of causes: the properties of each cause."""

from collections.abc import Mapping
from types import MappingProxyType

from sidecar.core.model.cause import Cause, CauseSource, RemedyKind, Severity
from sidecar.core.model.cause_rule import CauseRule, curable_rule
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason

_READ_THE_LOG = (
    "Find the reason in the log, and report it to whom the software comes from.",
)
_TRY_ELSEWHERE = "Try new versions and settings elsewhere before they go into service."

CAUSES: Mapping[Cause, CauseRule] = MappingProxyType(
    {
        Cause.REFUSED: curable_rule(
            "did not accept connections",
            (
                "Find out why the program ended while its container went on running.",
                "Make the container end when the program in it does.",
            ),
        ),
        Cause.HUNG: curable_rule(
            "accepted requests but did not answer them",
            (
                "Find out what the program was busy with when it fell silent.",
                "Look for clients that keep connections open and say nothing.",
            ),
        ),
        Cause.THREAD_HELD: CauseRule(
            severity=Severity.P2,
            grace_s=600.0,
            why_not=Reason.of(R.BUSY_COMES_BACK),
            advice=Reason.of(R.FIND_SLOW_CLIENT),
            was="answered late, because other calls held its only thread",
            next_steps=(
                "Find out which client makes calls that wait for the network.",
                "Configure a second network server to fall back to.",
            ),
            wallets_only=True,
            worse_by_restart=True,
        ),
        Cause.KILLED_BY_PROBE: CauseRule(
            severity=Severity.P1,
            why_not=Reason.of(R.SAME_CALL_AGAIN),
            advice=Reason.of(R.CHECK_OFFLINE),
            was="ended when it was asked for its state",
            next_steps=("Find out why the daemon ends of a call that only reads.",),
            wallets_only=True,
            serves_nobody=True,
            is_unmeasured=True,
        ),
        Cause.NEVER_UP: CauseRule(
            severity=Severity.P1,
            why_not=Reason.of(R.PORT_STAYS_CLOSED),
            advice=Reason.of(R.COMPARE_PORTS),
            was="did not open its port after it was started",
            next_steps=(
                "Check port, configuration and lock files after every change.",
                _TRY_ELSEWHERE,
            ),
            source=CauseSource.NO_PROBE,
            serves_nobody=True,
        ),
        Cause.RESET: curable_rule("broke off connections", _READ_THE_LOG),
        Cause.BAD_BODY: curable_rule(
            "gave answers that could not be used", _READ_THE_LOG, proves_answer=True
        ),
        Cause.HTTP_5XX: curable_rule(
            "answered requests with errors", _READ_THE_LOG, proves_answer=True
        ),
        Cause.COMMAND_FAILED: curable_rule("failed its health check", _READ_THE_LOG),
        Cause.LOG_MATCHED: curable_rule(
            "wrote into its log what its probe looks for", _READ_THE_LOG
        ),
        Cause.NOT_RUNNING: curable_rule(
            "had stopped running",
            (
                "Find out why it ended: its exit code and the end of its log.",
                "If memory ran out, raise the limit or find the leak.",
            ),
            remedy=RemedyKind.START,
            source=CauseSource.NO_PROBE,
        ),
        Cause.ENGINE_UNHEALTHY: curable_rule("failed its health check", _READ_THE_LOG),
        Cause.MEMORY_OVER: CauseRule(
            remedy=RemedyKind.RESTART,
            severity=Severity.P2,
            why_not=NO_REASON,
            advice=Reason.of(R.RAISE_LIMIT_OR_FIND_LEAK),
            was="used nearly all the memory that it may use",
            next_steps=("Raise its memory limit, or find the leak.",),
        ),
        Cause.WALLET_NOT_LOADED: CauseRule(
            remedy=RemedyKind.LOAD_WALLET,
            severity=Severity.P1,
            why_not=Reason.of(R.RESTART_UNLOADS),
            advice=Reason.of(R.LOAD_THE_WALLET),
            was="was running, but its wallet was not open",
            next_steps=("Make sure that the wallet is opened after every start.",),
            wallets_only=True,
        ),
        Cause.WALLET_SYNCING: CauseRule(
            severity=Severity.P2,
            grace_s=1800.0,
            why_not=Reason.of(R.SYNC_STARTS_OVER),
            advice=Reason.of(R.WAIT_FOR_SYNC),
            was="was still synchronising its wallet",
            next_steps=(
                "Measure how long a synchronisation takes, and plan restarts for it.",
            ),
            wallets_only=True,
            daemon_works=True,
            worse_by_restart=True,
        ),
        Cause.UPSTREAM_LOST: CauseRule(
            severity=Severity.P2,
            grace_s=600.0,
            why_not=Reason.of(R.UPSTREAM_STAYS_LOST),
            advice=Reason.of(R.CHECK_UPSTREAM),
            was="had lost its connection to the network server that it relies on",
            next_steps=(
                "Configure a second network server to fall back to.",
                "Ask the server's operator what happened.",
            ),
            wallets_only=True,
            daemon_works=True,
            of_upstream=True,
            worse_by_restart=True,
        ),
        Cause.UPSTREAM_STALE: CauseRule(
            severity=Severity.P2,
            grace_s=600.0,
            why_not=Reason.of(R.CHAIN_STAYS_STALE),
            advice=Reason.of(R.COMPARE_HEIGHTS),
            was="was following a network server that no longer advanced",
            next_steps=(
                "Configure a second network server, and compare their heights.",
                "Check payments of that time against a block explorer.",
            ),
            wallets_only=True,
            daemon_works=True,
            of_upstream=True,
            worse_by_restart=True,
        ),
        Cause.AUTH: CauseRule(
            severity=Severity.P2,
            why_not=Reason.of(R.PASSWORD_STAYS),
            advice=Reason.of(R.MATCH_PASSWORDS),
            was="rejected the credentials that it was asked with",
            next_steps=(
                "Change passwords on both sides in one step, and test them at once.",
            ),
            proves_answer=True,
            is_unmeasured=True,
            is_ours=True,
        ),
        Cause.MISCONFIGURED: CauseRule(
            severity=Severity.P2,
            why_not=Reason.of(R.SETTING_STAYS),
            advice=Reason.of(R.CORRECT_URL),
            was="did not understand what it was asked",
            next_steps=(
                "Check address, path and method after every change of a version.",
            ),
            proves_answer=True,
            is_unmeasured=True,
            is_ours=True,
        ),
        Cause.DETACHED: CauseRule(
            severity=Severity.P1,
            why_not=Reason.of(R.NETWORK_STAYS),
            advice=Reason.of(R.SHARE_A_NETWORK),
            was="could not be reached over the network",
            next_steps=("Find out what changed in the network's configuration.",),
            is_unmeasured=True,
            is_ours=True,
        ),
        Cause.DISK_FULL: CauseRule(
            severity=Severity.P1,
            why_not=Reason.of(R.DISK_STAYS_FULL),
            advice=Reason.of(R.FREE_THE_DISK),
            was="failed while a disk that it writes to was full",
            next_steps=(
                "Find out what filled the disk, and limit it or move it elsewhere.",
                "Have an alert on the free space of every disk.",
            ),
            serves_nobody=True,
        ),
        Cause.HOST_OVERLOADED: CauseRule(
            severity=Severity.P2,
            grace_s=120.0,
            why_not=Reason.of(R.HOST_STAYS_SLOW),
            advice=Reason.of(R.RELIEVE_THE_HOST),
            was="did not answer while its host was overloaded",
            next_steps=(
                "Find out what used the host's processors or memory.",
                "Limit it, or give the host more.",
            ),
            serves_nobody=True,
        ),
        Cause.CRASH_LOOP: CauseRule(
            severity=Severity.P1,
            why_not=Reason.of(R.LOOP_GOES_ON),
            advice=Reason.of(R.MEND_BY_LOG),
            was="ended again soon after each start",
            next_steps=(
                "Mend what the last log lines name before it is started again.",
                _TRY_ELSEWHERE,
            ),
            source=CauseSource.NO_PROBE,
        ),
        Cause.ADDRESSES_LOST: CauseRule(
            severity=Severity.P1,
            why_not=Reason.of(R.ADDRESSES_STAY_LOST),
            advice=Reason.of(R.COMPARE_ADDRESSES),
            was="forgot payment addresses that it had handed out",
            next_steps=(
                "Compare the addresses given to customers with the wallet's own.",
                "Find out who ended the daemon before it had saved, and prevent it.",
            ),
            wallets_only=True,
            source=CauseSource.NO_PROBE,
        ),
        Cause.WALLET_DAMAGED: CauseRule(
            severity=Severity.P1,
            why_not=Reason.of(R.DAMAGE_STAYS),
            advice=Reason.of(R.RESTORE_THE_WALLET),
            was="had a damaged wallet file on its disk",
            next_steps=(
                "Find out what wrote to the wallet file, or what the disk lost.",
                "Keep a backup that was proven to load, and one off this host.",
            ),
            wallets_only=True,
            source=CauseSource.NO_PROBE,
            worse_by_restart=True,
        ),
        Cause.STOPPED: CauseRule(
            severity=Severity.P3,
            why_not=Reason.of(R.STOP_WAS_MEANT),
            advice=Reason.of(R.START_WHEN_DONE),
            was="was stopped",
            next_steps=("Announce maintenance beforehand.",),
            source=CauseSource.NO_PROBE,
            is_meant=True,
        ),
        Cause.PAUSED: CauseRule(
            severity=Severity.P3,
            why_not=Reason.of(R.PAUSE_WAS_MEANT),
            advice=Reason.of(R.UNPAUSE_WHEN_DONE),
            was="was paused",
            next_steps=("Announce maintenance beforehand.",),
            source=CauseSource.NO_PROBE,
            is_meant=True,
        ),
        Cause.MISSING: CauseRule(
            severity=Severity.P1,
            grace_s=60.0,
            why_not=Reason.of(R.NO_CONTAINER_TO_RESTART),
            advice=Reason.of(R.COMPOSE_UP),
            was="was not deployed",
            next_steps=("Find out who or what removed it, and how that is prevented.",),
            source=CauseSource.NO_PROBE,
        ),
        Cause.PROBER_FAILED: CauseRule(
            severity=Severity.P2,
            grace_s=600.0,
            why_not=Reason.of(R.PROBE_ITSELF_FAILS),
            advice=Reason.of(R.CHECK_OWN_MEANS),
            was="could not be checked",
            next_steps=("Look at the host that the monitoring runs on.",),
            source=CauseSource.UNKNOWN_PROBE,
            is_unmeasured=True,
        ),
        Cause.OWN_NETWORK: CauseRule(
            severity=Severity.P2,
            why_not=Reason.of(R.OWN_NETWORK_IS_LOST),
            advice=Reason.of(R.RECONNECT_SIDECAR),
            was="could not be checked, because Sidecar had lost its network",
            next_steps=("Find out who or what took Sidecar off the network.",),
            source=CauseSource.UNKNOWN_PROBE,
            is_unmeasured=True,
        ),
        Cause.SUSPENDED: CauseRule(
            severity=Severity.P3,
            grace_s=600.0,
            why_not=Reason.of(R.HOST_WAS_ASLEEP),
            advice=Reason.of(R.NOTHING_TO_DO),
            was="could not be checked",
            next_steps=("Keep the host from going to sleep.",),
            source=CauseSource.UNKNOWN_PROBE,
            is_unmeasured=True,
        ),
    }
)

UPSTREAM_CAUSES = frozenset(c for c, rule in CAUSES.items() if rule.of_upstream)
BEYOND_REMEDIES = frozenset(c for c, rule in CAUSES.items() if rule.daemon_works)
