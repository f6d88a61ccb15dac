"""Metrics of a scrape after a story that the rules played."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Sample

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.decision import Action
from sidecar.core.model.event import (
    EngineReachabilityChanged,
    PlannedRestartDue,
    RestartRequested,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.incident import Incident
from sidecar.core.model.lane import LaneName
from sidecar.core.model.log_mark import LogFacts
from sidecar.core.model.probe_result import (
    Balance,
    ProbeWarning,
    WalletFacts,
    probe_success,
)
from sidecar.core.model.probe_settings import ElectronCashProbe
from sidecar.core.model.target import (
    InstanceId,
    RestartSettings,
    RollingSettings,
    Target,
)
from sidecar.core.model.target_state import TargetState
from sidecar.core.ports.loop import Component, PlannedTime
from sidecar.telemetry.metric_definitions import DEFINITIONS, MetricType, write_document
from sidecar.telemetry.metrics import Metrics
from sidecar.telemetry.state_gauges import state_gauges
from tests.support.message_world import MessageWorld
from tests.support.repository import REPOSITORY
from tests.support.rule_world import SERVICE, WALLET, container

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
PROMISED = {
    "sidecar_build_info",
    "sidecar_target_up",
    "sidecar_target_state",
    "sidecar_target_consecutive_failures",
    "sidecar_probes_total",
    "sidecar_probe_duration_seconds",
    "sidecar_restarts_total",
    "sidecar_recovery_seconds",
    "sidecar_detection_seconds",
    "sidecar_decisions_total",
    "sidecar_restart_budget_remaining",
    "sidecar_target_guard",
    "sidecar_target_incident",
    "sidecar_incidents_open",
    "sidecar_incidents_total",
    "sidecar_notifications_total",
    "sidecar_outbox_pending",
    "sidecar_engine_up",
    "sidecar_engine_requests_total",
    "sidecar_engine_request_duration_seconds",
    "sidecar_event_stream_connected",
    "sidecar_component_up",
    "sidecar_loop_lag_seconds",
    "sidecar_planned_restart_timestamp_seconds",
    "sidecar_wallet_connected",
    "sidecar_wallet_loaded",
    "sidecar_wallet_height",
    "sidecar_wallet_server_height",
    "sidecar_wallet_balance_bch",
    "sidecar_wallet_addresses",
    "sidecar_log_matched_lines_total",
    "sidecar_log_skipped_bytes_total",
    "sidecar_config_last_load_success_timestamp_seconds",
}


class Scraped:
    """A world with metrics, and a look at one sample of a scrape."""

    def __init__(
        self,
        *,
        planned: tuple[PlannedTime, ...] = (),
        targets: tuple[Target, ...] = (WALLET, SERVICE),
    ) -> None:
        self.metrics = Metrics(CollectorRegistry(), "1.2.3", lambda: planned)
        self.world = MessageWorld(targets=targets, listeners=(self.metrics,))

    async def samples(self) -> list[Sample]:
        pieces, content_type = await self.metrics.scrape("text/plain")
        assert content_type.startswith("text/plain")
        return list(_samples(b"".join(pieces).decode()))

    async def value(self, name: str, **labels: str) -> float | None:
        values = [
            s.value
            for s in await self.samples()
            if s.name == name and labels.items() <= s.labels.items()
        ]
        assert len(values) <= 1, f"{name} {labels} is ambiguous"
        return values[0] if values else None


def _samples(text: str) -> Iterator[Sample]:
    for family in parse_text(text):
        yield from family.samples


def test_the_page_of_metrics_is_up_to_date() -> None:
    page = REPOSITORY / "docs" / "metrics.md"
    assert page.read_text() == write_document(), (
        "run: python -m sidecar.telemetry.metric_definitions > docs/metrics.md"
    )


def test_every_promised_name_is_in_the_catalogue() -> None:
    assert {spec.name for spec in DEFINITIONS} >= PROMISED


async def test_every_metric_of_the_catalogue_is_scraped() -> None:
    scraped = Scraped()
    scraped.metrics.engine_request("inspect", "ok", 0.01)
    pieces, _ = await scraped.metrics.scrape("text/plain")
    body = b"".join(pieces)
    families = {family.name: family for family in parse_text(body.decode())}
    for spec in DEFINITIONS:
        family = families[spec.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (spec.kind, spec.help)
        labels = {label for s in family.samples for label in s.labels} - {"le"}
        assert labels <= set(spec.labels)


async def test_a_target_starts_at_zero() -> None:
    scraped = Scraped()
    for labels in (
        {"trigger": "failure", "outcome": "recovered"},
        {"trigger": "planned", "outcome": "not_recovered"},
    ):
        assert (
            await scraped.value(
                "sidecar_restarts_total", target="electron-cash", **labels
            )
            == 0
        )
    probes = {
        (s.labels["outcome"], s.labels["cause"])
        for s in await scraped.samples()
        if s.name == "sidecar_probes_total" and s.labels["target"] == SERVICE.name
    }
    assert {("success", ""), ("failure", "refused"), ("unknown", "suspended")} <= probes
    of_containers = {"not_running", "crash_loop", "stopped", "paused", "missing"}
    never = {"wallet_not_loaded", "upstream_lost", "suspended", *of_containers}
    assert not {("failure", cause) for cause in never} & probes
    decisions = {
        (s.labels["action"], s.labels["guard"]): s.value
        for s in await scraped.samples()
        if s.name == "sidecar_decisions_total" and s.labels["target"] == SERVICE.name
    }
    incidents = {
        (s.labels["severity"], s.labels["cause"]): s.value
        for s in await scraped.samples()
        if s.name == "sidecar_incidents_total" and s.labels["target"] == SERVICE.name
    }
    wallets = {"wallet_not_loaded", "wallet_syncing", "upstream_lost", "upstream_stale"}
    wallets |= {"thread_held", "killed_by_probe", "addresses_lost", "wallet_damaged"}
    assert {cause for _, cause in incidents} == set(Cause) - wallets
    assert ("P1", "refused") in incidents
    assert ("P2", "auth") in incidents
    assert set(incidents.values()) == {0}
    for histogram in ("recovery", "detection", "probe_duration"):
        name = f"sidecar_{histogram}_seconds_count"
        assert await scraped.value(name, target=WALLET.name) == 0
    assert decisions == {
        ("start", "none"): 0,
        ("restart", "none"): 0,
        ("load_wallet", "none"): 0,
        ("page", "not_curable"): 0,
        ("skip", "not_curable"): 0,
        ("skip", "unstable"): 0,
    }
    assert await scraped.value("sidecar_incidents_open", severity="P1") == 0
    assert (
        await scraped.value("sidecar_recovery_seconds_count", target=WALLET.name) == 0
    )


async def test_a_drained_replica_is_up_and_in_its_own_state() -> None:
    scraped = Scraped()
    world = scraped.world
    name = SERVICE.name
    world.targets = (replace(SERVICE, rolling=RollingSettings(30.0)),)
    world.containers = {InstanceId(name, n): container(name, n) for n in (1, 2)}
    world.relist()
    world.works(f"{name}-1", f"{name}-2")
    world.send(RestartRequested(world.now, f"{name}-1"))
    labels = {"target": f"{name}-1"}
    assert await scraped.value("sidecar_target_up", **labels) == 1
    state = "sidecar_target_state"
    assert await scraped.value(state, state="draining", **labels) == 1
    assert await scraped.value(state, state="healthy", **labels) == 0


async def test_an_outage_and_its_recovery_are_counted() -> None:
    scraped = Scraped()
    world = scraped.world
    world.works("electron-cash", "bitcoincash-service")
    assert await scraped.value("sidecar_target_up", target="electron-cash") == 1
    world.fails("electron-cash", Cause.REFUSED)
    down = {
        s.labels["state"]: s.value
        for s in await scraped.samples()
        if s.name == "sidecar_target_state" and s.labels["target"] == "electron-cash"
    }
    assert down.pop("recovering") == 1
    assert set(down.values()) == {0}
    assert await scraped.value("sidecar_target_up", target="electron-cash") == 0
    assert (
        await scraped.value(
            "sidecar_target_consecutive_failures", target="electron-cash"
        )
        == 3
    )
    assert (
        await scraped.value("sidecar_restart_budget_remaining", target="electron-cash")
        == 2
    )
    assert await scraped.value("sidecar_incidents_open", severity="P1") == 1
    assert (
        await scraped.value(
            "sidecar_decisions_total",
            target="electron-cash",
            action="restart",
            guard="none",
        )
        == 1
    )
    assert (
        await scraped.value("sidecar_detection_seconds_count", target="electron-cash")
        == 1
    )
    seen_s = await scraped.value(
        "sidecar_detection_seconds_sum", target="electron-cash"
    )
    assert seen_s == pytest.approx(4.03)

    world.complete_remedy("electron-cash")
    world.works("electron-cash", times=3)
    assert (
        await scraped.value(
            "sidecar_restarts_total",
            target="electron-cash",
            trigger="failure",
            outcome="recovered",
        )
        == 1
    )
    assert (
        await scraped.value("sidecar_recovery_seconds_count", target="electron-cash")
        == 1
    )
    assert await scraped.value("sidecar_incidents_open", severity="P1") == 0
    assert (
        await scraped.value(
            "sidecar_incidents_total", target="electron-cash", cause="refused"
        )
        == 1
    )
    assert (
        await scraped.value(
            "sidecar_probes_total", target="electron-cash", cause="refused"
        )
        == 3
    )
    assert (
        await scraped.value(
            "sidecar_probe_duration_seconds_bucket",
            target="bitcoincash-service",
            le="0.01",
        )
    ) is not None


async def test_detection_is_counted_once_in_an_outage() -> None:
    scraped = Scraped()
    world = scraped.world
    world.works("electron-cash", "bitcoincash-service")
    for _ in range(2):
        world.fails("electron-cash", Cause.REFUSED)
        world.complete_remedy("electron-cash")
        world.relist()
        world.fails("electron-cash", Cause.REFUSED)
        world.wait(130)
        world.relist()
        world.wait(60)
    restarts = [a for a in world.acts() if a[0] == "electron-cash"]
    assert len(restarts) >= 2
    assert (
        await scraped.value("sidecar_detection_seconds_count", target="electron-cash")
        == 1
    )


async def test_the_next_outage_is_detected_anew() -> None:
    scraped = Scraped()
    world = scraped.world
    world.works("electron-cash", "bitcoincash-service")
    for outages in (1, 2):
        world.fails("electron-cash", Cause.REFUSED)
        world.complete_remedy("electron-cash")
        world.works("electron-cash", times=3)
        count = await scraped.value(
            "sidecar_detection_seconds_count", target="electron-cash"
        )
        assert count == outages


async def test_a_start_is_a_restart_and_loading_a_wallet_is_none() -> None:
    scraped = Scraped()
    world = scraped.world
    world.works("electron-cash", "bitcoincash-service")

    async def restarts() -> float:
        return sum(
            s.value
            for s in await scraped.samples()
            if s.name == "sidecar_restarts_total"
        )

    world.fails("electron-cash", Cause.WALLET_NOT_LOADED)
    world.complete_remedy("electron-cash", restart=False)
    world.works("electron-cash", times=3)
    assert world.acts() == [("electron-cash", Action.LOAD_WALLET)]
    assert await restarts() == 0
    world.exits("electron-cash")
    world.wait(30.0)
    world.complete_remedy("electron-cash")
    world.works("electron-cash", times=3)
    assert world.acts()[1:] == [("electron-cash", Action.START)]
    assert await restarts() == 1


async def test_beyond_the_fast_lane_no_budget_is_left() -> None:
    scraped = Scraped()
    world = scraped.world
    quick = RestartSettings(budget=1, window_s=60.0, recovery_timeout_s=20.0)
    world.targets = (replace(WALLET, restart=quick), SERVICE)
    world.relist()
    world.works("electron-cash", "bitcoincash-service")
    for _ in range(3):
        world.fails("electron-cash", Cause.REFUSED)
        if world.is_acting("electron-cash"):
            world.complete_remedy("electron-cash")
        world.wait(90.0)
    assert world.instance("electron-cash").lane.name is LaneName.SLOW
    assert (
        await scraped.value("sidecar_restart_budget_remaining", target="electron-cash")
        == 0
    )


async def test_the_budget_comes_back_with_time() -> None:
    scraped = Scraped()
    world = scraped.world
    world.works("electron-cash", "bitcoincash-service")
    world.fails("electron-cash", Cause.REFUSED)
    world.complete_remedy("electron-cash")
    for expected in (2, 3):
        budget = await scraped.value(
            "sidecar_restart_budget_remaining", target="electron-cash"
        )
        assert budget == expected
        world.wait(15 * 60.0, step=30.0)


async def test_degraded_target_is_up() -> None:
    scraped = Scraped()
    for _ in range(2):
        scraped.world.probe(
            "electron-cash", probe_success(warnings=(ProbeWarning.SLOW,))
        )
    assert scraped.world.instance("electron-cash").state is TargetState.DEGRADED
    assert await scraped.value("sidecar_target_up", target="electron-cash") == 1


async def test_lines_of_a_log_are_counted() -> None:
    scraped = Scraped()
    for matched, skipped_bytes in ((2, 0), (1, 5000)):
        facts = LogFacts(matched=matched, skipped_bytes=skipped_bytes)
        scraped.world.probe("electron-cash", replace(probe_success(), log=facts))
    for name, expected in (("matched_lines", 3), ("skipped_bytes", 5000)):
        value = await scraped.value(f"sidecar_log_{name}_total", target="electron-cash")
        assert value == expected


async def test_series_that_begin_later_join_those_of_their_owner() -> None:
    scraped = Scraped()
    for outcome in ("ok", "failed", "ok"):
        scraped.metrics.register_engine_calls(("list",), (outcome,))
    scraped.metrics.engine_request("list", "ok", 0.1)
    name = "sidecar_engine_requests_total"
    values = {
        tuple(s.labels.values()): s.value
        for s in await scraped.samples()
        if s.name == name
    }
    assert values == {("list", "ok"): 1.0, ("list", "failed"): 0.0}


async def test_probe_duration_is_scraped() -> None:
    scraped = Scraped()
    scraped.world.probe("electron-cash", probe_success(), took_s=0.25)
    total_s = await scraped.value(
        "sidecar_probe_duration_seconds_sum", target="electron-cash"
    )
    assert total_s == pytest.approx(0.25)


async def test_series_of_a_removed_target_are_removed() -> None:
    scraped = Scraped()
    world = scraped.world
    world.works("electron-cash", "bitcoincash-service")
    world.targets = (WALLET,)
    world.relist()
    target_names = {s.labels.get("target") for s in await scraped.samples()} - {None}
    assert target_names == {"electron-cash"}


async def test_a_target_that_appears_later_starts_at_zero_too() -> None:
    scraped = Scraped()
    late = replace(SERVICE, name="late", depends_on=())
    scraped.world.targets = (WALLET, SERVICE, late)
    scraped.world.relist()
    assert (
        await scraped.value("sidecar_probes_total", target="late", outcome="success")
        == 0
    )


async def test_series_of_501_targets_begin_with_their_first_count() -> None:
    names = [f"many-{number}" for number in range(501)]
    scraped = Scraped(
        targets=tuple(
            replace(SERVICE, name=name, service=name, depends_on=()) for name in names
        )
    )
    scraped.world.works("many-7")
    counted = [s for s in await scraped.samples() if s.name == "sidecar_probes_total"]
    assert [s.labels["target"] for s in counted] == ["many-7"]


async def test_openmetrics_carries_the_incident_as_exemplar() -> None:
    scraped = Scraped()
    scraped.world.works("electron-cash", "bitcoincash-service")
    scraped.world.fails("electron-cash", Cause.REFUSED)
    pieces, content_type = await scraped.metrics.scrape(OPENMETRICS)
    body = b"".join(pieces)
    assert content_type.startswith("application/openmetrics-text")
    exemplars = {
        s.name: s.exemplar.labels["incident_id"]
        for family in parse_openmetrics(body.decode())  # type: ignore[no-untyped-call]
        for s in family.samples
        if s.exemplar
    }
    incident = scraped.world.instance("electron-cash").incident
    assert exemplars["sidecar_incidents_total"] == incident
    assert exemplars["sidecar_detection_seconds_bucket"] == incident
    assert exemplars["sidecar_decisions_total"] == incident
    scraped.world.complete_remedy("electron-cash")
    scraped.world.works("electron-cash", times=3)
    pieces, _ = await scraped.metrics.scrape(OPENMETRICS)
    text = b"".join(pieces).decode()
    lines = [
        line for line in text.splitlines() if f'{{incident_id="{incident}"}}' in line
    ]
    names = {line.partition("{")[0] for line in lines}
    assert {"sidecar_restarts_total", "sidecar_recovery_seconds_bucket"} <= names


class Parsed:
    """Metric families of a parser of the library, to be encoded by it again."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self.families = list(families)

    def collect(self) -> list[Metric]:
        return self.families


@pytest.mark.parametrize(
    ("accept", "parse"),
    [("text/plain", parse_text), (OPENMETRICS, parse_openmetrics)],
)
async def test_scrape_equals_the_output_of_the_library(
    accept: str, parse: Callable[[str], Iterable[Metric]]
) -> None:
    scraped = Scraped(
        planned=(PlannedTime("electron-cash", 1.75e9, "0 3 * * *", "UTC", False),)
    )
    world, metrics = scraped.world, scraped.metrics
    world.works("electron-cash", "bitcoincash-service")
    world.fails("electron-cash", Cause.REFUSED)
    world.complete_remedy("electron-cash")
    world.works("electron-cash")
    metrics.engine_request("inspect", "ok", 0.01)
    metrics.count_notification('a "channel"\\with\nodd letters', "sent")
    metrics.outbox({'a "channel"\\with\nodd letters': 2})
    pieces, _ = await metrics.scrape(accept)
    text = b"".join(pieces)
    encode, _ = choose_encoder(accept)
    assert encode(Parsed(parse(text.decode()))) == text


async def test_targets_may_come_and_go_while_a_scrape_is_sent() -> None:
    scraped = Scraped()
    crowd = tuple(replace(SERVICE, name=f"s{n}", depends_on=()) for n in range(20))
    scraped.world.targets = (WALLET, SERVICE, *crowd)
    scraped.world.relist()
    pieces, _ = await scraped.metrics.scrape(OPENMETRICS)
    first_piece = next(pieces)
    scraped.world.targets = (WALLET,)
    scraped.world.relist()
    scraped.world.fails("electron-cash", Cause.REFUSED)
    text = (first_piece + b"".join(pieces)).decode()
    names = {s.labels.get("target") for f in parse_openmetrics(text) for s in f.samples}  # type: ignore[no-untyped-call]
    assert {"electron-cash", "s0", "s19"} <= names
    assert text.endswith("# EOF\n")


async def test_wallet_is_scraped_without_its_balance_unless_exposed() -> None:
    facts = WalletFacts(
        connected=True,
        loaded=True,
        height=117,
        server_height=118,
        balance=Balance(Decimal("1.5")),
    )
    scraped = Scraped()
    world = scraped.world
    world.probe("electron-cash", probe_success(wallet=facts))
    values = {
        s.name: s.value
        for s in await scraped.samples()
        if s.name.startswith("sidecar_wallet")
    }
    assert values == {
        "sidecar_wallet_connected": 1,
        "sidecar_wallet_loaded": 1,
        "sidecar_wallet_height": 117,
        "sidecar_wallet_server_height": 118,
    }
    open_book = replace(
        WALLET, probes=(ElectronCashProbe("http://x:7777/", expose_balance=True),)
    )
    world.targets = (open_book, SERVICE)
    world.relist()
    assert await scraped.value("sidecar_wallet_balance_bch", part="confirmed") == 1.5


async def test_the_next_planned_restart_is_the_first_not_skipped() -> None:
    planned = tuple(
        PlannedTime("electron-cash", at, "0 3 * * *", "UTC", skipped)
        for at, skipped in ((100.0, True), (200.0, False), (300.0, False))
    )
    scraped = Scraped(planned=planned)
    assert (
        await scraped.value(
            "sidecar_planned_restart_timestamp_seconds", target="electron-cash"
        )
        == 200
    )


async def test_a_channel_starts_at_zero() -> None:
    scraped = Scraped()
    scraped.metrics.register_channels(("ops", "phone"), ("delivered", "failed"))

    async def notification_samples() -> dict[tuple[str, ...], float]:
        return {
            tuple(s.labels.values()): s.value
            for s in await scraped.samples()
            if s.name in {"sidecar_notifications_total", "sidecar_outbox_pending"}
        }

    nothing: dict[tuple[str, ...], float] = {
        ("ops",): 0,
        ("ops", "delivered"): 0,
        ("ops", "failed"): 0,
        ("phone",): 0,
        ("phone", "delivered"): 0,
        ("phone", "failed"): 0,
    }
    assert await notification_samples() == nothing
    scraped.metrics.count_notification("ops", "failed")
    scraped.metrics.outbox({"ops": 2})
    assert await notification_samples() == nothing | {("ops",): 2, ("ops", "failed"): 1}
    scraped.metrics.outbox({})
    assert await notification_samples() == nothing | {("ops", "failed"): 1}


async def test_metrics_of_sidecar_itself_are_scraped() -> None:
    scraped = Scraped()
    metrics = scraped.metrics
    metrics.config_loaded(1234.0)
    metrics.components(
        [
            Component("event_stream", ok=True, reason="", since_wall=0.0),
            Component("store", ok=False, reason="full", since_wall=0.0),
        ]
    )
    metrics.loop_lag(0.5)
    metrics.loop_lag(0.1)
    metrics.engine_request("restart", "timeout", 2.0)
    assert await scraped.value("sidecar_build_info", version="1.2.3") == 1
    assert await scraped.value("sidecar_engine_up") == 1
    assert await scraped.value("sidecar_event_stream_connected") == 1
    assert await scraped.value("sidecar_component_up", component="event_stream") == 1
    assert await scraped.value("sidecar_component_up", component="store") == 0
    assert await scraped.value("sidecar_loop_lag_seconds") == 0.5
    assert (
        await scraped.value("sidecar_config_last_load_success_timestamp_seconds")
        == 1234
    )
    assert (
        await scraped.value(
            "sidecar_engine_requests_total", operation="restart", outcome="timeout"
        )
        == 1
    )
    assert (
        await scraped.value(
            "sidecar_engine_request_duration_seconds_sum", operation="restart"
        )
        == 2
    )
    assert await scraped.value("process_resident_memory_bytes") is not None


async def test_degraded_event_stream_is_not_connected() -> None:
    scraped = Scraped()
    assert await scraped.value("sidecar_event_stream_connected") == 0
    deaf = Component("event_stream", ok=True, reason="degraded: deaf", since_wall=0.0)
    scraped.metrics.components([deaf])
    assert await scraped.value("sidecar_event_stream_connected") == 0
    assert await scraped.value("sidecar_component_up", component="event_stream") == 1


async def labels_of(scraped: Scraped, name: str) -> list[dict[str, str]]:
    samples = [s for s in await scraped.samples() if s.name == name]
    assert {s.value for s in samples} <= {1.0}
    return [s.labels for s in samples]


async def test_incident_is_shown_for_its_root_and_for_its_dependent() -> None:
    scraped = Scraped()
    world = scraped.world
    world.works("electron-cash", "bitcoincash-service")
    assert await labels_of(scraped, "sidecar_target_incident") == []
    world.fails("electron-cash", Cause.REFUSED)
    world.fails("bitcoincash-service", Cause.HTTP_5XX)
    common = {"root": "electron-cash", "severity": "P1"}
    root = {"target": "electron-cash", "role": "root", "cause": "refused"}
    dependent = {
        "target": "bitcoincash-service",
        "role": "dependent",
        "cause": "http_5xx",
    }
    incidents = await labels_of(scraped, "sidecar_target_incident")
    assert sorted(incidents, key=lambda one: one["role"]) == [
        common | dependent,
        common | root,
    ]
    world.complete_remedy("electron-cash")
    world.works("electron-cash", "bitcoincash-service", times=4)
    assert await labels_of(scraped, "sidecar_target_incident") == []


def test_two_incidents_of_lost_addresses_are_one_series() -> None:
    world = MessageWorld()
    incidents = {
        name: Incident(
            name, target, Cause.ADDRESSES_LOST, Severity.P1, opened_at=world.now
        )
        for name, target in (("1", WALLET.name), ("2", WALLET.name), ("3", "gone"))
    }
    resolved = replace(incidents["1"], id="4", resolved_at=world.now)
    state = replace(world.state, incidents={**incidents, "4": resolved})
    gauges = {
        spec.name: tuple(samples) for spec, samples in state_gauges(state, world.now)
    }
    labels = (WALLET.name, WALLET.name, "root", "P1", "addresses_lost")
    assert gauges["sidecar_target_incident"] == ((labels, 1),)


async def test_guard_is_shown_while_it_objects() -> None:
    scraped = Scraped()
    world = scraped.world
    world.works("electron-cash", "bitcoincash-service")
    assert await labels_of(scraped, "sidecar_target_guard") == []
    world.fails("electron-cash", Cause.AUTH)
    assert await labels_of(scraped, "sidecar_target_guard") == [
        {"target": "electron-cash", "guard": "not_curable"}
    ]
    world.works("electron-cash", times=3)
    assert await labels_of(scraped, "sidecar_target_guard") == []
    world.fails("electron-cash", Cause.REFUSED)
    assert world.is_acting("electron-cash")
    assert await labels_of(scraped, "sidecar_target_guard") == []


async def test_guard_of_a_working_target_is_not_shown() -> None:
    scraped = Scraped()
    world = scraped.world
    world.works("electron-cash", "bitcoincash-service")
    world.send(EngineReachabilityChanged(world.now, reachable=False, reason="lost"))
    world.send(PlannedRestartDue(world.now, "electron-cash"))
    assert world.last("electron-cash").guard is Guard.ENGINE
    assert await labels_of(scraped, "sidecar_target_guard") == []


def test_only_histograms_have_buckets() -> None:
    for spec in DEFINITIONS:
        assert bool(spec.buckets) is (spec.kind is MetricType.HISTOGRAM)
        assert list(spec.buckets) == sorted(spec.buckets)
