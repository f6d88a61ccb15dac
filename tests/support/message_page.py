"""``python -m tests.support.message_page`` prints the page ``docs/messages.md``.

The rules create each message in a small world; it is rendered in both languages.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from zoneinfo import ZoneInfo

from sidecar.core.incidents.remedy_facts import WORKING_DIR
from sidecar.core.model.backup_settings import BackupSettings
from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.container import Container, Status
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import (
    AckRequested,
    EngineReachabilityChanged,
    EvidenceGathered,
    PlannedRestartDue,
    RemedyCallResult,
    RemedyExecuted,
    RestartRequested,
    SettingsApplied,
)
from sidecar.core.model.maintenance_task import (
    Task,
    TaskKind,
    TaskOutcome,
    TaskResult,
)
from sidecar.core.model.memory import LimitForecast, MemoryHistory, MemorySample
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.notification_settings import (
    ChannelSettings,
    NotifySettings,
    PagerDutySettings,
    Routes,
)
from sidecar.core.model.probe_result import (
    Balance,
    ProbeResult,
    WalletFacts,
    probe_failure,
    probe_success,
    probe_unknown,
)
from sidecar.core.model.probe_settings import ElectronCashProbe, HttpProbe
from sidecar.core.model.state import SettingsStatus
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.model.task_event import TaskCompleted, TaskDue, TasksPlanned
from sidecar.core.model.update import replace_instances
from sidecar.core.model.wallet_file import WalletFilesChecked
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason, text_reason
from sidecar.notify.installation import Installation
from sidecar.notify.message_catalog import LANGUAGES, read_catalog
from sidecar.notify.message_text import Text
from sidecar.notify.render import Links, Renderer
from tests.support.drill_stories import messages_of_late_drill
from tests.support.rule_world import RuleWorld, container

WALLET, SERVICE = "electron-cash", "bitcoincash-service"
PATH = "/home/electron/.electron-cash/wallets/default_wallet"
TARGETS = (
    Target(
        WALLET,
        probes=(ElectronCashProbe(f"http://{WALLET}:7777/"),),
        backup=BackupSettings((PATH,), "0 3 * * *"),
    ),
    Target(
        SERVICE,
        depends_on=(WALLET,),
        probes=(HttpProbe(f"http://{SERVICE}:8080/health"),),
    ),
)
SETTINGS = NotifySettings(
    channels=(ChannelSettings("ops", "json://ops"),),
    routes=Routes(("ops",), MappingProxyType(dict.fromkeys(Severity, ("ops",)))),
)
WITH_ALERTS = replace(
    SETTINGS, channels=(PagerDutySettings("ops", "key", "https://alerts"),)
)
ZONE = ZoneInfo("Asia/Seoul")
RENDERERS = {
    language: Renderer(
        read_catalog(language),
        ZONE,
        Installation(
            *("shop", "pay-1", "shop-sidecar-1"),
            service="sidecar",
            state_dir="/var/lib/sidecar",
        ),
        Links("https://watch.example", lambda *_: "seal"),
    )
    for language in LANGUAGES
}
PLACE = f"{WALLET}:7777"
REASONS = {
    Cause.REFUSED: Reason.of(R.CONNECTION_REFUSED, place=PLACE),
    Cause.RESET: Reason.of(R.CLOSED_EARLY, place=PLACE),
    Cause.BAD_BODY: Reason.of(R.NOT_JSON, method="getinfo", kind="text/html"),
    Cause.ENGINE_UNHEALTHY: Reason.of(R.HEALTH_CHECK_FAILS, said="exit 1"),
    Cause.COMMAND_FAILED: Reason.of(R.COMMAND_FAILED, exit_code=1, said="no route"),
    Cause.MEMORY_OVER: Reason.of(
        R.MEMORY_OVER, used_mib=471.0, limit_mib=512.0, percent=92.0
    ),
    Cause.LOG_MATCHED: Reason.of(
        R.LOG_LINES_MATCH,
        count=5,
        window_s=300.0,
        pattern="worker_timeout",
        said="[CRITICAL] WORKER TIMEOUT (pid:31)",
    ),
    Cause.WALLET_NOT_LOADED: Reason.of(R.NO_WALLET_LOADED),
    Cause.WALLET_SYNCING: Reason.of(R.SYNCHRONISING, height=812000, top=870000),
    Cause.UPSTREAM_LOST: Reason.of(R.NO_UPSTREAM),
    Cause.UPSTREAM_STALE: Reason.of(
        R.CHAIN_STALE, height=870000, seconds=10800.0, limit_s=10800.0
    ),
    Cause.AUTH: Reason.of(R.WRONG_PASSWORD, status=401),
    Cause.MISCONFIGURED: Reason.of(
        R.UNKNOWN_METHOD_NAMED, status=500, method="getbalance"
    ),
    Cause.DETACHED: Reason.of(R.NAME_NOT_RESOLVED, place=PLACE),
    Cause.DISK_FULL: Reason.of(
        R.EXPLAINED_BY,
        reason=Reason.of(R.CONNECTION_REFUSED, place=PLACE),
        because=Reason.of(R.MOUNT_FULL, path="/data", free_mib=0.0, size_mib=1024.0),
    ),
    Cause.HOST_OVERLOADED: Reason.of(
        R.EXPLAINED_BY,
        reason=Reason.of(R.NO_ANSWER, place=PLACE, seconds=10.0),
        because=Reason.of(R.HOST_CPU_STOLEN, percent=72.0),
    ),
    Cause.KILLED_BY_PROBE: Reason.of(R.KILLED_BY_CALL, method="getbalance"),
    Cause.THREAD_HELD: Reason.of(R.THREAD_HELD, method="getbalance", seconds=10.0),
}
"""A typical reason of a probe for each cause."""
ASLEEP = Reason.of(R.HOST_ASLEEP)
LOG = "\n".join(
    [
        "2023-11-14T22:30:07Z daemon: starting",
        *(["2023-11-14T22:30:08Z wallet: the file is locked by process 71"] * 5),
        "2023-11-14T22:30:09Z daemon: giving up",
    ]
)
LOADED_WALLET = WalletFacts(loaded=True, paths=(PATH,), addresses=40)


def healthy_world() -> RuleWorld:
    """A world whose targets have been healthy for a while."""
    world = RuleWorld(targets=TARGETS, notify=SETTINGS, containers=dict(_containers()))
    _report_success(world)
    return world


def _containers() -> Iterator[tuple[InstanceId, Container]]:
    for name in (WALLET, SERVICE):
        item = container(
            name,
            name=f"shop-{name}-1",
            labels=MappingProxyType({WORKING_DIR: "/srv/shop"}),
            memory_limit_bytes=256 * 1024 * 1024,
            networks=frozenset({"shop_default"}),
        )
        yield InstanceId(name, 1), item


def _report_success(world: RuleWorld) -> None:
    for _ in range(3):
        world.probe(WALLET, probe_success(wallet=LOADED_WALLET))
        world.probe(SERVICE, probe_success())
        world.now_s += 1.0
        world.wait(0.5)


def _fail_wallet(
    world: RuleWorld, cause: Cause, times: int = 3, every_s: float = 2.0
) -> None:
    for _ in range(times):
        world.probe(WALLET, probe_failure(cause, REASONS[cause]))
        world.wait(every_s)


def _fail_service(world: RuleWorld, times: int = 3) -> None:
    for _ in range(times):
        world.probe(
            SERVICE,
            probe_failure(Cause.HTTP_5XX, Reason.of(R.STATUS_OTHER, status=503)),
        )
        world.wait(2.0)


# --- sequences of messages


def repeated_deaths() -> list[Message]:
    """The daemon dies after each restart until an operator repairs it."""
    world = healthy_world()
    _fail_wallet(world, Cause.REFUSED)
    _fail_service(world)
    for _ in range(2200):
        if world.is_acting(WALLET):
            world.wait(5.0)
            world.complete_remedy(WALLET)
            world.probe(WALLET, probe_success(wallet=LOADED_WALLET))
            _fail_wallet(world, Cause.REFUSED)
        world.probe(WALLET, probe_failure(Cause.REFUSED, REASONS[Cause.REFUSED]))
        is_early = world.now_s < 2000.0
        world.wait(5.0 if is_early else 120.0, step=5.0 if is_early else 60.0)
        if MessageKind.DEAD_LETTER in {m.kind for m in world.messages}:
            break
    _report_success(world)
    return world.messages


def wrong_password_after_restart() -> list[Message]:
    """The daemon is restarted for refused connections and then rejects the password."""
    world = healthy_world()
    _fail_wallet(world, Cause.REFUSED)
    world.complete_remedy(WALLET)
    _fail_wallet(world, Cause.AUTH, times=62)
    _fail_service(world)
    (incident,) = world.state.incidents.values()
    world.send(AckRequested(world.now, incident.id, "link sent to ops"))
    world.wait(14_500.0, step=50.0)
    _report_success(world)
    return world.messages


def upstream_outage() -> list[Message]:
    """The wallet's upstream server is unreachable, and the service fails meanwhile."""
    world = healthy_world()
    _fail_wallet(world, Cause.UPSTREAM_LOST, times=50, every_s=13.0)
    _fail_service(world)
    _fail_wallet(world, Cause.REFUSED, times=8)
    return world.messages


def _messages_of_acknowledgement() -> list[Message]:
    """An alert system that rings until it knows that somebody takes care."""
    world = healthy_world()
    world.state = replace(world.state, notify=WITH_ALERTS)
    _fail_wallet(world, Cause.REFUSED)
    (incident,) = world.state.incidents.values()
    world.send(AckRequested(world.now, incident.id, "telegram Kim"))
    return [m for m in world.messages if m.kind is MessageKind.ACKNOWLEDGED]


# --- one cause each


def _messages_of_cause(
    cause: Cause, times: int = 3, every_s: float = 2.0
) -> list[Message]:
    world = healthy_world()
    _fail_wallet(world, cause, times, every_s)
    return world.messages


def _messages_of_hang() -> list[Message]:
    world = healthy_world()
    for waited in (10.0, 20.0, 30.0, 40.0, 50.0):
        silence = Reason.of(R.NO_ANSWER, place=PLACE, seconds=waited)
        world.probe(
            WALLET,
            replace(probe_failure(Cause.HUNG, silence), waited_s=waited),
            10.0,
        )
        world.inspect_processes(WALLET)
    return world.messages


def _messages_of_failing_service() -> list[Message]:
    world = healthy_world()
    world.probe(WALLET, probe_success(wallet=LOADED_WALLET))
    for _ in range(6):
        _fail_service(world, 1)
        world.probe(WALLET, probe_success(wallet=LOADED_WALLET))
    return world.messages


def _messages_of_exit() -> list[Message]:
    world = healthy_world()
    world.exits(WALLET, exit_code=137, oom_killed=True)
    world.wait(1.0)
    return world.messages


def _messages_of_missing_container() -> list[Message]:
    world = healthy_world()
    del world.containers[InstanceId(WALLET, 1)]
    world.relist()
    world.wait(62.0)
    return world.messages


def _messages_of_stop() -> list[Message]:
    world = healthy_world()
    world.notice(WALLET, EngineEventKind.KILL)
    world.exits(WALLET, exit_code=143)
    world.notice(WALLET, EngineEventKind.STOP, status=Status.EXITED)
    world.wait(2.0)
    return world.messages


def _messages_of_pause() -> list[Message]:
    world = healthy_world()
    world.notice(WALLET, EngineEventKind.PAUSE, status=Status.PAUSED)
    world.wait(2.0)
    return world.messages


def _messages_of_unknown_state(outcome: ProbeResult) -> list[Message]:
    world = healthy_world()
    for _ in range(45):
        world.probe(WALLET, outcome)
        world.wait(15.0, step=5.0)
    return world.messages


def _messages_of_crash_loop() -> list[Message]:
    world = healthy_world()
    for _ in range(3):
        world.exits(WALLET, restart_policy="always")
        world.wait(1.0)
        fresh = replace(
            world.containers[InstanceId(WALLET, 1)],
            status=Status.RUNNING,
            started_at=world.now.wall,
        )
        world.containers[InstanceId(WALLET, 1)] = fresh
        world.relist()
        world.wait(1.0)
    wallet_id = InstanceId(WALLET, 1)
    world.send(EvidenceGathered(world.now, wallet_id, LOG))
    world.wait(1.0)
    return world.messages


def _messages_of_failed_starts() -> list[Message]:
    world = healthy_world()
    _fail_wallet(world, Cause.REFUSED)
    for _ in range(2):
        world.complete_remedy(WALLET)
        for _ in range(90):
            world.probe(WALLET, probe_failure(Cause.REFUSED, REASONS[Cause.REFUSED]))
            world.wait(2.0)
    return [m for m in world.messages if m.facts.get("cause") == Cause.NEVER_UP][:1]


def _messages_of_lost_addresses() -> list[Message]:
    world = healthy_world()
    world.probe(WALLET, probe_success(wallet=replace(LOADED_WALLET, addresses=37)))
    world.wait(1.0)
    incident = next(i for i in world.state.incidents.values() if i.is_fact)
    world.send(AckRequested(world.now, incident.id, "link sent to ops"))
    world.wait(1.0)
    return world.messages


def _messages_of_damaged_wallet() -> list[Message]:
    world = healthy_world()
    damage = Reason.of(R.WALLET_FILE_CUT, file=PATH, size=4096)
    instance_id = world.instance(WALLET).id
    world.send(WalletFilesChecked(world.now, instance_id, damage))
    world.wait(120.0)
    world.send(WalletFilesChecked(world.now, instance_id, NO_REASON))
    world.wait(1.0)
    return world.messages


def _messages_of_failed_load() -> list[Message]:
    world = healthy_world()
    _fail_wallet(world, Cause.WALLET_NOT_LOADED)
    for _ in range(70):
        if world.instance(WALLET).loading is not None:
            _fail_load(world)
        _fail_wallet(world, Cause.WALLET_NOT_LOADED, times=1, every_s=15.0)
    return world.messages


def _fail_load(world: RuleWorld) -> None:
    reason = Reason.of(R.NO_FILE_OR_PASSWORD)
    instance = world.instance(WALLET)
    world.send(
        RemedyExecuted(
            world.now, instance.id, RemedyCallResult.FAILED, reason, instance.container
        )
    )


# --- messages without an incident


def _messages_of_balance() -> list[Message]:
    world = healthy_world()
    wallet = replace(
        LOADED_WALLET, balance=Balance(Decimal("1.5"), Decimal(0), Decimal(0))
    )
    for _ in range(2):
        world.probe(WALLET, probe_success(wallet=wallet))
    _fail_wallet(world, Cause.REFUSED)
    world.complete_remedy(WALLET)
    after = replace(wallet, balance=Balance(Decimal("1.75"), Decimal(0), Decimal(0)))
    for _ in range(2):
        world.probe(WALLET, probe_success(wallet=after))
        world.wait(1.0)
    return [m for m in world.messages if m.kind is MessageKind.BALANCE]


def _messages_of_lost_engine() -> list[Message]:
    world = healthy_world()
    reason = "the engine does not answer: connection refused"
    world.send(EngineReachabilityChanged(world.now, reachable=False, reason=reason))
    world.wait(61.0)
    world.send(EngineReachabilityChanged(world.now, reachable=True))
    world.wait(1.0)
    return world.messages


def _messages_of_own_network() -> list[Message]:
    world = healthy_world()
    outcome = probe_unknown(
        Cause.OWN_NETWORK,
        REASONS[Cause.DETACHED],
    )
    for _ in range(16):
        world.probe(WALLET, outcome)
        world.probe(SERVICE, outcome)
        world.wait(5.0)
    _report_success(world)
    return world.messages


def _messages_of_faulty_settings() -> list[Message]:
    world = healthy_world()
    faults = (
        "targets.electron-cash.probe.url: found nothing; "
        "allowed: an address - it is needed"
    )
    world.state = replace(world.state, settings=SettingsStatus(faults, world.now))
    world.wait(1.0)
    world.send(SettingsApplied(world.now, world.state.mode, world.state.notify))
    world.wait(1.0)
    return world.messages


def _messages_of_skipped_plan() -> list[Message]:
    world = healthy_world()
    world.probe(WALLET, probe_failure(Cause.REFUSED, REASONS[Cause.REFUSED]))
    world.send(PlannedRestartDue(world.now, WALLET))
    world.wait(61.0)
    return [m for m in world.messages if m.kind is MessageKind.PLAN_SKIPPED]


def _messages_of_stopped_rolling_restart() -> list[Message]:
    world = healthy_world()
    world.containers[InstanceId(SERVICE, 2)] = container(SERVICE, 2)
    world.relist()
    first, second = (f"{SERVICE}-{number}" for number in (1, 2))
    world.works(first, second)
    world.send(RestartRequested(world.now, SERVICE))
    world.complete_remedy(first, RemedyCallResult.FAILED, restart=False)
    world.wait(61.0)
    return [m for m in world.messages if m.kind is MessageKind.ROLLING_STOPPED]


def _messages_of_forecast() -> list[Message]:
    world = healthy_world()
    wallet = world.instance(WALLET)
    assert wallet.container is not None
    mono, mib = world.now.mono, 2.0**20
    forecast = LimitForecast(
        mono,
        slope_bytes_per_s=8.0 * mib / 3600.0,
        limit_mono=mono + 57600.0,
        earliest_mono=mono + 54000.0,
        latest_mono=mono + 64800.0,
        times_earlier=3.0,
    )
    memory = MemoryHistory(
        wallet.container.run,
        "image",
        mono,
        MemorySample(384.0 * mib, 512.0 * mib),
        mono,
        300.0,
        forecast=forecast,
    )
    world.state = replace_instances(world.state, replace(wallet, memory=memory))
    world.wait(1.0)
    return [m for m in world.messages if m.kind is MessageKind.LIMIT_FORESEEN]


def _messages_of_task() -> list[Message]:
    world = healthy_world()
    world.send(
        TasksPlanned(world.now, (Task("vacuum", TaskKind.COMMAND, "0 5 * * *"),))
    )
    output = (text_reason("vacuumdb: error: no space left on device"),)
    for status, outcome, details in (
        (1, TaskOutcome.FAILED, output),
        (0, TaskOutcome.DONE, ()),
    ):
        world.send(TaskDue(world.now, "vacuum", world.now.wall))
        world.wait(12.0)
        summary = Reason.of(R.TASK_EXIT_STATUS, count=status)
        result = TaskResult(outcome, summary, details)
        world.send(TaskCompleted(world.now, "vacuum", result))
    return world.messages


def _messages_of_unknown_history() -> list[Message]:
    world = healthy_world()
    doubt = "the store could not be written: disk full"
    world.state = replace(world.state, doubt=doubt)
    world.wait(1.0)
    return world.messages


def _test_message() -> list[Message]:
    now = RuleWorld().now.wall
    number = f"test-{int(now * 1000)}-ops"
    kind, severity = MessageKind.TEST, Severity.P3
    return [Message(number, number, 1, "ops", kind, severity, created_wall=now)]


SECTIONS: tuple[tuple[str, Callable[[], list[Message]]], ...] = (
    ("A night: the daemon dies again after each restart", repeated_deaths),
    ("A wrong password comes to light after a restart", wrong_password_after_restart),
    ("An outage upstream, and a daemon that dies of it", upstream_outage),
    ("An alert system is told who takes care", _messages_of_acknowledgement),
    ("`hung`", _messages_of_hang),
    ("`reset`", lambda: _messages_of_cause(Cause.RESET)),
    ("`bad_body`", lambda: _messages_of_cause(Cause.BAD_BODY)),
    ("`http_5xx`", _messages_of_failing_service),
    ("`command_failed`", lambda: _messages_of_cause(Cause.COMMAND_FAILED)),
    ("`log_matched`", lambda: _messages_of_cause(Cause.LOG_MATCHED)),
    ("`engine_unhealthy`", lambda: _messages_of_cause(Cause.ENGINE_UNHEALTHY)),
    ("`memory_over`", lambda: _messages_of_cause(Cause.MEMORY_OVER)),
    ("`not_running`", _messages_of_exit),
    ("`wallet_not_loaded`, and it cannot be loaded", _messages_of_failed_load),
    ("`wallet_syncing`", lambda: _messages_of_cause(Cause.WALLET_SYNCING, 130, 15.0)),
    ("`upstream_stale`", lambda: _messages_of_cause(Cause.UPSTREAM_STALE, 50, 13.0)),
    ("`thread_held`", lambda: _messages_of_cause(Cause.THREAD_HELD, 50, 13.0)),
    ("`killed_by_probe`", lambda: _messages_of_cause(Cause.KILLED_BY_PROBE)),
    ("`never_up`", _messages_of_failed_starts),
    ("`auth`", lambda: _messages_of_cause(Cause.AUTH)),
    ("`misconfigured`", lambda: _messages_of_cause(Cause.MISCONFIGURED)),
    ("`detached`", lambda: _messages_of_cause(Cause.DETACHED)),
    ("`disk_full`", lambda: _messages_of_cause(Cause.DISK_FULL)),
    (
        "`host_overloaded`",
        lambda: _messages_of_cause(Cause.HOST_OVERLOADED, 30, 5.0),
    ),
    ("`crash_loop`", _messages_of_crash_loop),
    ("`addresses_lost`", _messages_of_lost_addresses),
    ("`wallet_damaged`", _messages_of_damaged_wallet),
    ("`stopped`", _messages_of_stop),
    ("`paused`", _messages_of_pause),
    ("`missing`", _messages_of_missing_container),
    (
        "`prober_failed`",
        lambda: _messages_of_unknown_state(
            probe_unknown(Cause.PROBER_FAILED, text_reason("too many files"))
        ),
    ),
    (
        "`suspended`",
        lambda: _messages_of_unknown_state(probe_unknown(Cause.SUSPENDED, ASLEEP)),
    ),
    ("The balance after a remedy", _messages_of_balance),
    ("The engine is lost, and back", _messages_of_lost_engine),
    ("Sidecar's own network is lost, and back", _messages_of_own_network),
    ("`own_network`", list),
    (
        "The configuration file has faults, and none any more",
        _messages_of_faulty_settings,
    ),
    ("A planned restart is left out", _messages_of_skipped_plan),
    ("A rolling restart stops", _messages_of_stopped_rolling_restart),
    ("Memory that will reach its limit", _messages_of_forecast),
    ("A maintenance task fails, and is done the next time", _messages_of_task),
    (
        "A drill that does not go as it should",
        lambda: messages_of_late_drill(TARGETS, SETTINGS),
    ),
    ("What was done before is not known", _messages_of_unknown_history),
    ("A test message", _test_message),
)

HEAD = """# Messages

What people are sent, word by word, in English and Korean. This page is made by
`scripts/messages`, from the rules themselves: a test fails where it is stale. Which
message comes when: [notifications.md](notifications.md).

The stack is `shop`, its host `pay-1`, the zone `Asia/Seoul`. Messages of a story are in
their order; where the same comes again in the same words but for times, it is left out.
"""
FENCE = "```"


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, messages_of_section in SECTIONS:
        parts.append(f"## {title}\n")
        parts += [
            _format_message(message)
            for message in _select_distinct(messages_of_section())
        ]
    return "\n".join(parts)


def _select_distinct(messages: list[Message]) -> Iterator[Message]:
    """Messages that differ in kind, cause, action or the other facts of ``names``."""
    known_keys: set[tuple[str, ...]] = set()
    for message in messages:
        facts = message.facts
        names = ("cause", "lane", "doing", "severity", "about", "load_failure")
        key = (message.kind.value, *(facts.get(name, "") for name in names))
        if key not in known_keys:
            known_keys.add(key)
            yield message


def _format_message(message: Message) -> str:
    texts = (RENDERERS[language](message) for language in LANGUAGES)
    return f"### {message.kind}\n\n" + "\n".join(map(_format_text, texts))


def _format_text(text: Text) -> str:
    body = text.body.rpartition("\n\n[")[0]
    return f"{FENCE}text\n{text.title}\n\n{body}\n{FENCE}\n"


if __name__ == "__main__":
    sys.stdout.write(page())
