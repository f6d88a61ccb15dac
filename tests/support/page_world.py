"""A stack with a history, for tests and pictures of the status page."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from sidecar.core.forecast.limit import forecast_limit
from sidecar.core.forecast.samples import add_sample
from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.incident import Incident, new_id
from sidecar.core.model.journal_entry import EntryKind, JournalEntry, MonitoredInterval
from sidecar.core.model.memory import MemoryHistory, MemorySample
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.probe_result import Balance, WalletFacts, probe_success
from sidecar.core.model.probe_settings import (
    ElectronCashProbe,
    HttpProbe,
    MemoryProbe,
    TcpProbe,
)
from sidecar.core.model.target import PlannedRestartSettings, Target
from sidecar.core.model.update import replace_instances
from sidecar.core.text.formatting import rfc3339
from tests.support.api_services import ApiServiceFakes
from tests.support.message_world import MessageWorld
from tests.support.rule_world import EPOCH

DAY_S = 86_400.0
WALLET, SERVICE = "electron-cash", "bitcoincash-service"
TARGETS = (
    Target(
        WALLET,
        probes=(ElectronCashProbe(f"http://{WALLET}:7777/"),),
        preventive=PlannedRestartSettings("0 3 * * *", "Asia/Seoul"),
    ),
    Target(
        SERVICE,
        depends_on=(WALLET,),
        probes=(HttpProbe(f"http://{SERVICE}:8080/health"), MemoryProbe()),
    ),
    Target("postgres", probes=(TcpProbe("postgres", 5432),)),
    Target(
        "shop",
        depends_on=(SERVICE, "postgres"),
        probes=(HttpProbe("http://shop:8000/"),),
    ),
    Target("price-feed", probes=(HttpProbe("http://price-feed:8000/"),)),
    Target(
        "invoice-mailer", depends_on=("shop",), probes=(HttpProbe("http://mail:80/"),)
    ),
)
OUTAGES = (
    (WALLET, 71, 4200.0, Cause.HUNG),
    (WALLET, 38, 240.0, Cause.REFUSED),
    (SERVICE, 38, 420.0, Cause.HTTP_5XX),
    (SERVICE, 12, 95.0, Cause.HTTP_5XX),
    ("shop", 12, 150.0, Cause.HTTP_5XX),
    ("postgres", 55, 1900.0, Cause.NOT_RUNNING),
    ("price-feed", 3, 700.0, Cause.RESET),
)
"""Target, days ago, seconds, cause."""


def make_page_world(count: int = 0) -> ApiServiceFakes:
    """Six targets that work, or ``count`` alike, with 80 days of history."""
    fakes = ApiServiceFakes()
    targets = tuple(_alike(n) for n in range(count)) if count else TARGETS
    fakes.world = MessageWorld(
        targets=targets,
        listeners=(fakes.feed, fakes.metrics, fakes.journal),
        lists=True,
        now_s=DAY_S,
        notify=NotifySettings(timezone="Asia/Seoul"),
    )
    settle(fakes)
    fakes.journal.stored_entries.clear()
    fakes.journal.intervals = [
        MonitoredInterval(EPOCH - 80 * DAY_S, EPOCH + 30 * DAY_S)
    ]
    for target in targets:
        fakes.journal.stored_entries += _history(target.name)
    fakes.journal.stored_entries.sort(key=lambda entry: entry.at_wall)
    for incident in _incidents():
        fakes.journal.incidents_by_id[incident.id] = incident
    return fakes


def add_memory(fakes: ApiServiceFakes) -> None:
    """Let the memory of the service grow for four days, towards its limit."""
    world = fakes.world
    service = world.instance(SERVICE)
    assert service.container is not None
    mib, every_s, end_mono = 2.0**20, 1200.0, world.now.mono
    history = MemoryHistory(
        service.container.run,
        "image",
        end_mono - 288 * every_s,
        MemorySample(0.0),
        end_mono,
        5 * every_s,
    )
    for number in range(289):
        anon = (120.0 + number + 25.0 * (number % 7)) * mib
        sample = MemorySample(anon + 30 * mib, 768 * mib, anon + 9 * mib, anon)
        at_mono = history.began_mono + number * every_s
        history = add_sample(history, sample, at_mono)
    history = replace(history, forecast=forecast_limit(history, end_mono))
    world.state = replace_instances(world.state, replace(service, memory=history))


def settle(fakes: ApiServiceFakes, times: int = 8) -> None:
    """Let every target answer well some times, each at its own pace."""
    world = fakes.world
    facts = WalletFacts(
        connected=True,
        loaded=True,
        synchronised=True,
        balance=Balance(Decimal("12.5")),
    )
    for nth in range(times):
        for place, instance in enumerate(tuple(world.state.instances.values())):
            is_wallet = world.state.target_of(instance).wallet is not None
            result = probe_success(wallet=facts if is_wallet else None)
            took_s = 0.02 + 0.03 * ((place * 7 + nth * 5) % 9) / 9
            world.probe(instance.name, result, took_s)
        world.now_s += 1.0


def _alike(number: int) -> Target:
    name = f"target-{number:04d}"
    root = () if number % 10 == 0 else (f"target-{number - number % 10:04d}",)
    return Target(
        name, depends_on=root, probes=(HttpProbe(f"http://{name}:8080/health"),)
    )


def _history(name: str) -> Iterator[JournalEntry]:
    yield _change(name, EPOCH - 80 * DAY_S + 60.0, "unknown", "healthy", None)
    for target, days_ago, seconds, cause in OUTAGES:
        if target == name:
            began = EPOCH - days_ago * DAY_S + 40_000.0
            yield _change(name, began, "healthy", "failing", cause)
            yield _change(name, began + 10.0, "failing", "down", cause)
            yield _change(name, began + seconds, "down", "healthy", None)


def _change(
    name: str, at_wall: float, old: str, new: str, cause: Cause | None
) -> JournalEntry:
    data = {
        "type": "transition",
        "at": rfc3339(at_wall),
        "target": name,
        "from": old,
        "to": new,
        "cause": cause,
        "reason": "",
        "reason_code": "none",
    }
    return JournalEntry(at_wall, EntryKind.STATE, name, None, data)


def _incidents() -> Iterator[Incident]:
    for target, days_ago, seconds, cause in OUTAGES:
        opened = Moment(0.0, EPOCH - days_ago * DAY_S + 40_010.0)
        incident = Incident(new_id(target, opened), target, cause, Severity.P1, opened)
        resolved = Moment(0.0, opened.wall + seconds)
        yield replace(incident, resolved_at=resolved, began_wall=opened.wall - 10.0)
