"""``python -m tests.support.message_page`` prints the page ``docs/messages.md``.

Each message is one that the rules made in a small world, told in both languages.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from zoneinfo import ZoneInfo

from sidecar.core.incidents.remedy_facts import WORKING_DIR
from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.container import Container, Status
from sidecar.core.model.event import (
    AckRequested,
    EngineEventKind,
    EngineReachabilityChanged,
    EvidenceGathered,
    PlannedRestartDue,
    RemedyCallResult,
    RemedyExecuted,
    SettingsApplied,
)
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.notification_settings import (
    ChannelSettings,
    NotifySettings,
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
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason, text_reason
from sidecar.notify.apprise_channel import Text
from sidecar.notify.installation import Installation
from sidecar.notify.message_catalog import LANGUAGES, read_catalog
from sidecar.notify.render import Links, Renderer
from tests.support.rule_world import RuleWorld, container

WALLET, SERVICE = "electron-cash", "bitcoincash-service"
PATH = "/home/electron/.electron-cash/wallets/default_wallet"
TARGETS = (
    Target(WALLET, probes=(ElectronCashProbe(f"http://{WALLET}:7777/"),)),
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
ZONE = ZoneInfo("Asia/Seoul")
RENDERERS = {
    language: Renderer(
        read_catalog(language),
        ZONE,
        Installation("shop", "pay-1", "shop-sidecar-1"),
        Links("https://watch.example", lambda *_: "seal"),
    )
    for language in LANGUAGES
}
PLACE = f"{WALLET}:7777"
FOUND = {
    Cause.REFUSED: Reason.of(R.CONNECTION_REFUSED, place=PLACE),
    Cause.RESET: Reason.of(R.CLOSED_EARLY, place=PLACE),
    Cause.BAD_BODY: Reason.of(R.NOT_JSON, method="getinfo", kind="text/html"),
    Cause.ENGINE_UNHEALTHY: Reason.of(R.HEALTH_CHECK_FAILS, said="exit 1"),
    Cause.COMMAND_FAILED: Reason.of(R.COMMAND_FAILED, exit_code=1, said="no route"),
    Cause.WALLET_NOT_LOADED: Reason.of(R.NO_WALLET_LOADED),
    Cause.WALLET_SYNCING: Reason.of(R.SYNCHRONISING, height=812000, top=870000),
    Cause.UPSTREAM_LOST: Reason.of(R.NO_UPSTREAM),
    Cause.UPSTREAM_STALE: Reason.of(
        R.CHAIN_STALE, height=870000, seconds=10800.0, limit_s=10800.0
    ),
    Cause.AUTH: Reason.of(R.WRONG_PASSWORD, status=401),
    Cause.MISCONFIGURED: Reason.of(R.UNKNOWN_METHOD, status=404),
    Cause.DETACHED: Reason.of(R.NAME_NOT_RESOLVED, place=PLACE),
    Cause.KILLED_BY_PROBE: Reason.of(R.KILLED_BY_CALL, method="getbalance"),
    Cause.THREAD_HELD: Reason.of(R.THREAD_HELD, method="getbalance", seconds=10.0),
}
"""What a probe says of each cause, more or less."""
ASLEEP = Reason.of(R.HOST_ASLEEP)
LOG = "\n".join(
    [
        "2023-11-14T22:30:07Z daemon: starting",
        *(["2023-11-14T22:30:08Z wallet: the file is locked by process 71"] * 5),
        "2023-11-14T22:30:09Z daemon: giving up",
    ]
)
WHOLE = WalletFacts(loaded=True, paths=(PATH,), addresses=40)


def a_world() -> RuleWorld:
    """All is well, and has been for a while."""
    world = RuleWorld(targets=TARGETS, notify=SETTINGS, containers=dict(_containers()))
    _works(world)
    return world


def _containers() -> Iterator[tuple[InstanceId, Container]]:
    for name in (WALLET, SERVICE):
        seen = container(
            name,
            name=f"shop-{name}-1",
            labels=MappingProxyType({WORKING_DIR: "/srv/shop"}),
            networks=frozenset({"shop_default"}),
        )
        yield InstanceId(name, 1), seen


def _works(world: RuleWorld) -> None:
    for _ in range(3):
        world.probe(WALLET, probe_success(wallet=WHOLE))
        world.probe(SERVICE, probe_success())
        world.now_s += 1.0
        world.wait(0.5)


def _fails(
    world: RuleWorld, cause: Cause, times: int = 3, every_s: float = 2.0
) -> None:
    for _ in range(times):
        world.probe(WALLET, probe_failure(cause, FOUND[cause]))
        world.wait(every_s)


def _service_fails(world: RuleWorld, times: int = 3) -> None:
    for _ in range(times):
        world.probe(
            SERVICE,
            probe_failure(Cause.HTTP_5XX, Reason.of(R.STATUS_OTHER, status=503)),
        )
        world.wait(2.0)


# --- one night


def a_night() -> list[Message]:
    """The daemon dies again after each restart, until a person repairs it."""
    world = a_world()
    _fails(world, Cause.REFUSED)
    _service_fails(world)
    for _ in range(2200):
        if world.is_acting(WALLET):
            world.wait(5.0)
            world.acted(WALLET)
            world.probe(WALLET, probe_success(wallet=WHOLE))
            _fails(world, Cause.REFUSED)
        world.probe(WALLET, probe_failure(Cause.REFUSED, FOUND[Cause.REFUSED]))
        quick = world.now_s < 2000.0
        world.wait(5.0 if quick else 120.0, step=5.0 if quick else 60.0)
        if MessageKind.DEAD_LETTER in {m.kind for m in world.messages}:
            break
    _works(world)
    return world.messages


def a_wrong_password() -> list[Message]:
    """Restarted for refused connections, it answers, and rejects the password."""
    world = a_world()
    _fails(world, Cause.REFUSED)
    world.acted(WALLET)
    _fails(world, Cause.AUTH, times=62)
    _service_fails(world)
    (incident,) = world.state.incidents.values()
    world.send(AckRequested(world.now, incident.id, "link sent to ops"))
    world.wait(14_500.0, step=50.0)
    _works(world)
    return world.messages


def an_outage_upstream() -> list[Message]:
    """The wallet's server is away; the service gives up meanwhile."""
    world = a_world()
    _fails(world, Cause.UPSTREAM_LOST, times=50, every_s=13.0)
    _service_fails(world)
    _fails(world, Cause.REFUSED, times=8)
    return world.messages


# --- one cause each


def _of(cause: Cause, times: int = 3, every_s: float = 2.0) -> list[Message]:
    world = a_world()
    _fails(world, cause, times, every_s)
    return world.messages


def _hung() -> list[Message]:
    world = a_world()
    for waited in (10.0, 20.0, 30.0, 40.0, 50.0):
        silence = Reason.of(R.NO_ANSWER, place=PLACE, seconds=waited)
        world.probe(
            WALLET,
            replace(probe_failure(Cause.HUNG, silence), waited_s=waited),
            10.0,
        )
        world.looked(WALLET)
    return world.messages


def _service() -> list[Message]:
    world = a_world()
    world.probe(WALLET, probe_success(wallet=WHOLE))
    for _ in range(6):
        _service_fails(world, 1)
        world.probe(WALLET, probe_success(wallet=WHOLE))
    return world.messages


def _exited() -> list[Message]:
    world = a_world()
    world.exits(WALLET, exit_code=137, oom_killed=True)
    world.wait(1.0)
    return world.messages


def _missing() -> list[Message]:
    world = a_world()
    del world.containers[InstanceId(WALLET, 1)]
    world.relist()
    world.wait(62.0)
    return world.messages


def _stopped() -> list[Message]:
    world = a_world()
    world.notice(WALLET, EngineEventKind.KILL)
    world.exits(WALLET, exit_code=143)
    world.notice(WALLET, EngineEventKind.STOP, status=Status.EXITED)
    world.wait(2.0)
    return world.messages


def _paused() -> list[Message]:
    world = a_world()
    world.notice(WALLET, EngineEventKind.PAUSE, status=Status.PAUSED)
    world.wait(2.0)
    return world.messages


def _blind(outcome: ProbeResult) -> list[Message]:
    world = a_world()
    for _ in range(45):
        world.probe(WALLET, outcome)
        world.wait(15.0, step=5.0)
    return world.messages


def _loop() -> list[Message]:
    world = a_world()
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
    who = InstanceId(WALLET, 1)
    world.send(EvidenceGathered(world.now, who, LOG))
    world.wait(1.0)
    return world.messages


def _never_up() -> list[Message]:
    world = a_world()
    _fails(world, Cause.REFUSED)
    for _ in range(2):
        world.acted(WALLET)
        for _ in range(90):
            world.probe(WALLET, probe_failure(Cause.REFUSED, FOUND[Cause.REFUSED]))
            world.wait(2.0)
    return [m for m in world.messages if m.facts.get("cause") == Cause.NEVER_UP][:1]


def _addresses() -> list[Message]:
    world = a_world()
    world.probe(WALLET, probe_success(wallet=replace(WHOLE, addresses=37)))
    world.wait(1.0)
    incident = next(i for i in world.state.incidents.values() if i.is_fact)
    world.send(AckRequested(world.now, incident.id, "link sent to ops"))
    world.wait(1.0)
    return world.messages


def _load_failed() -> list[Message]:
    world = a_world()
    _fails(world, Cause.WALLET_NOT_LOADED)
    for _ in range(70):
        if world.instance(WALLET).loading is not None:
            _load_fails(world)
        _fails(world, Cause.WALLET_NOT_LOADED, times=1, every_s=15.0)
    return world.messages


def _load_fails(world: RuleWorld) -> None:
    why = Reason.of(R.NO_FILE_OR_PASSWORD)
    who = world.instance(WALLET)
    world.send(
        RemedyExecuted(world.now, who.id, RemedyCallResult.FAILED, why, who.container)
    )


# --- what is no incident


def _balance() -> list[Message]:
    world = a_world()
    held = replace(WHOLE, balance=Balance(Decimal("1.5"), Decimal(0), Decimal(0)))
    for _ in range(2):
        world.probe(WALLET, probe_success(wallet=held))
    _fails(world, Cause.REFUSED)
    world.acted(WALLET)
    after = replace(held, balance=Balance(Decimal("1.75"), Decimal(0), Decimal(0)))
    for _ in range(2):
        world.probe(WALLET, probe_success(wallet=after))
        world.wait(1.0)
    return [m for m in world.messages if m.kind is MessageKind.BALANCE]


def _engine() -> list[Message]:
    world = a_world()
    no = "the engine does not answer: connection refused"
    world.send(EngineReachabilityChanged(world.now, reachable=False, reason=no))
    world.wait(61.0)
    world.send(EngineReachabilityChanged(world.now, reachable=True))
    world.wait(1.0)
    return world.messages


def _own_network() -> list[Message]:
    world = a_world()
    lost = probe_unknown(
        Cause.OWN_NETWORK,
        FOUND[Cause.DETACHED],
    )
    for _ in range(16):
        world.probe(WALLET, lost)
        world.probe(SERVICE, lost)
        world.wait(5.0)
    _works(world)
    return world.messages


def _settings() -> list[Message]:
    world = a_world()
    faults = (
        "targets.electron-cash.probe.url: found nothing; "
        "allowed: an address - it is needed"
    )
    world.state = replace(world.state, settings=SettingsStatus(faults, world.now))
    world.wait(1.0)
    world.send(SettingsApplied(world.now, world.state.mode, world.state.notify))
    world.wait(1.0)
    return world.messages


def _plan() -> list[Message]:
    world = a_world()
    world.probe(WALLET, probe_failure(Cause.REFUSED, FOUND[Cause.REFUSED]))
    world.send(PlannedRestartDue(world.now, WALLET))
    world.wait(61.0)
    return [m for m in world.messages if m.kind is MessageKind.PLAN_SKIPPED]


def _memory() -> list[Message]:
    world = a_world()
    doubt = "the store could not be written: disk full"
    world.state = replace(world.state, doubt=doubt)
    world.wait(1.0)
    return world.messages


def _test() -> list[Message]:
    now = RuleWorld().now.wall
    number = f"test-{int(now * 1000)}-ops"
    kind, severity = MessageKind.TEST, Severity.P3
    return [Message(number, number, 1, "ops", kind, severity, created_wall=now)]


STORIES: tuple[tuple[str, Callable[[], list[Message]]], ...] = (
    ("A night: the daemon dies again after each restart", a_night),
    ("A wrong password comes to light after a restart", a_wrong_password),
    ("An outage upstream, and a daemon that dies of it", an_outage_upstream),
    ("`hung`", _hung),
    ("`reset`", lambda: _of(Cause.RESET)),
    ("`bad_body`", lambda: _of(Cause.BAD_BODY)),
    ("`http_5xx`", _service),
    ("`command_failed`", lambda: _of(Cause.COMMAND_FAILED)),
    ("`engine_unhealthy`", lambda: _of(Cause.ENGINE_UNHEALTHY)),
    ("`not_running`", _exited),
    ("`wallet_not_loaded`, and it cannot be loaded", _load_failed),
    ("`wallet_syncing`", lambda: _of(Cause.WALLET_SYNCING, 130, 15.0)),
    ("`upstream_stale`", lambda: _of(Cause.UPSTREAM_STALE, 50, 13.0)),
    ("`thread_held`", lambda: _of(Cause.THREAD_HELD, 50, 13.0)),
    ("`killed_by_probe`", lambda: _of(Cause.KILLED_BY_PROBE)),
    ("`never_up`", _never_up),
    ("`auth`", lambda: _of(Cause.AUTH)),
    ("`misconfigured`", lambda: _of(Cause.MISCONFIGURED)),
    ("`detached`", lambda: _of(Cause.DETACHED)),
    ("`crash_loop`", _loop),
    ("`addresses_lost`", _addresses),
    ("`stopped`", _stopped),
    ("`paused`", _paused),
    ("`missing`", _missing),
    (
        "`prober_failed`",
        lambda: _blind(
            probe_unknown(Cause.PROBER_FAILED, text_reason("too many files"))
        ),
    ),
    (
        "`suspended`",
        lambda: _blind(probe_unknown(Cause.SUSPENDED, ASLEEP)),
    ),
    ("The balance after a remedy", _balance),
    ("The engine is lost, and back", _engine),
    ("Sidecar's own network is lost, and back", _own_network),
    ("`own_network`", list),
    ("The configuration file has faults, and none any more", _settings),
    ("A planned restart is left out", _plan),
    ("What was done before is not known", _memory),
    ("A test message", _test),
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
    """All of it."""
    parts = [HEAD]
    for title, story in STORIES:
        parts.append(f"## {title}\n")
        parts += [_shown(message) for message in _different(story())]
    return "\n".join(parts)


def _different(messages: list[Message]) -> Iterator[Message]:
    """One of each kind, as the cause and what is done about it differ."""
    known: set[tuple[str, ...]] = set()
    for message in messages:
        said = message.facts
        names = ("cause", "lane", "doing", "severity", "about", "load_failure")
        about = (message.kind.value, *(said.get(name, "") for name in names))
        if about not in known:
            known.add(about)
            yield message


def _shown(message: Message) -> str:
    texts = (RENDERERS[language](message) for language in LANGUAGES)
    return f"### {message.kind}\n\n" + "\n".join(map(_block, texts))


def _block(text: Text) -> str:
    body = text.body.rpartition("\n\n[")[0]
    return f"{FENCE}text\n{text.title}\n\n{body}\n{FENCE}\n"


if __name__ == "__main__":
    sys.stdout.write(page())
