"""The shipped alert rules: complete, consistent, and each with a runbook."""

import re
from collections import Counter

import pytest
import yaml

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES, UPSTREAM_CAUSES
from sidecar.core.model.guard import Guard
from sidecar.core.model.target_state import TargetState
from sidecar.telemetry.metric_definitions import DEFINITIONS, MetricType
from tests.support.alert_cases import CASES
from tests.support.alert_rules import (
    ALERTMANAGER,
    RUNBOOKS,
    UNIT_MS,
    Rule,
    alerts,
    faster_rules,
    read_rules,
)
from tests.support.documents import parts_of, sections_of

ALERTS = alerts()
SEVERITIES = {"critical", "warning", "info"}
ANNOTATIONS = {"summary", "description", "runbook_url"}
SCRAPE_MS = 60_000
"""The longest scrape interval that the file promises to work with."""

MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')
PROMETHEUS_OWN = {
    "up",
    "process_start_time_seconds",
}
HAS_OWN_ALERT = {Cause.CRASH_LOOP, Cause.ADDRESSES_LOST, *UPSTREAM_CAUSES}
IS_UNMEASURED_HERE = {Cause.PROBER_FAILED, Cause.OWN_NETWORK, Cause.SUSPENDED}
"""Causes with the state ``unknown``, which has an alert."""


def by_name(alert: str) -> Rule:
    return next(rule for rule in ALERTS if rule.alert == alert)


def values_of(rule: Rule, label: str) -> set[str]:
    """The values that a rule's matchers of ``label`` name."""
    texts = (v for name, _, v in MATCHER.findall(rule.expr) if name == label)
    return {value for text in texts for value in text.split("|")}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule.alert)
def test_alert_has_a_name_a_severity_and_its_annotations(rule: Rule) -> None:
    assert re.fullmatch(r"Sidecar([A-Z][a-z]+)+", rule.alert)
    assert rule.labels.keys() == {"severity"}
    assert rule.labels["severity"] in SEVERITIES
    assert rule.annotations.keys() == ANNOTATIONS
    assert "{{" not in rule.annotations["summary"]
    assert rule.annotations["summary"].endswith(".")
    assert re.search(r"\{\{ .*\$(labels|value)", rule.annotations["description"])


def test_names_of_rules_are_unique() -> None:
    names = Counter(rule.alert or rule.record for rule in read_rules())
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("rule", read_rules(), ids=lambda r: r.alert or r.record)
def test_rule_asks_for_metrics_and_labels_that_exist(rule: Rule) -> None:
    labels = {spec.name: set(spec.labels) | {"job", "instance"} for spec in DEFINITIONS}
    records = {one.record for one in read_rules() if one.record}
    names = set(re.findall(r"\b(?:target:)?sidecar_\w+(?::\w+)?", rule.expr))
    for name in names - records:
        metric = re.sub(r"_bucket$", "", name)
        assert metric in labels, name
        for selector in re.findall(rf"{name}\{{([^}}]*)\}}", rule.expr):
            used = {label for label, _, _ in MATCHER.findall(selector)}
            assert used <= labels[metric], selector


@pytest.mark.parametrize("rule", read_rules(), ids=lambda r: r.alert or r.record)
def test_counter_is_used_only_in_rate_or_increase(rule: Rule) -> None:
    counters = {d.name for d in DEFINITIONS if d.kind is MetricType.COUNTER}
    used = counters & set(re.findall(r"\w+", rule.expr))
    for counter in used:
        in_function = re.findall(rf"(?:rate|increase)\(\s*{counter}\b", rule.expr)
        assert len(in_function) == len(re.findall(rf"\b{counter}\b", rule.expr))


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule.alert)
def test_absence_has_to_last_two_scrape_intervals(rule: Rule) -> None:
    if not re.search(r"absent\(|unless|\bup\b", rule.expr):
        return
    match = re.fullmatch(r"(\d+)([smhd])", rule.wait)
    assert match is not None
    assert int(match[1]) * UNIT_MS[match[2]] >= 2 * SCRAPE_MS


@pytest.mark.parametrize("rule", read_rules(), ids=lambda r: r.alert or r.record)
def test_range_has_at_least_four_scrape_intervals(rule: Rule) -> None:
    for number, unit in re.findall(r"\[(\d+)([smhd])\]", rule.expr):
        assert int(number) * UNIT_MS[unit] >= 4 * SCRAPE_MS


def test_every_alert_has_a_unit_test_and_every_unit_test_its_alert() -> None:
    assert [case.alert for case in CASES] == [rule.alert for rule in ALERTS]
    for case in CASES:
        assert case.severity == by_name(case.alert).labels["severity"]
        assert case.firing
        assert min(case.quiet) < min(case.firing)
        assert max(case.quiet) > max(case.firing), "it must be seen to resolve"


def test_every_alert_has_a_runbook_and_every_runbook_its_alert() -> None:
    sections = sections_of(RUNBOOKS)
    assert list(sections) == [rule.alert for rule in sorted_like(list(sections))]
    for rule in ALERTS:
        page, _, anchor = rule.annotations["runbook_url"].partition("#")
        assert page == "docs/runbooks.md"
        assert anchor == rule.alert.lower()


def sorted_like(names: list[str]) -> list[Rule]:
    """The alerts in the order of ``names``; others last."""
    place = {name: number for number, name in enumerate(names)}
    return sorted(ALERTS, key=lambda rule: place.get(rule.alert, len(place)))


@pytest.mark.parametrize("name", [rule.alert for rule in ALERTS], ids=str)
def test_runbook_names_a_command(name: str) -> None:
    action = parts_of(sections_of(RUNBOOKS)[name])["What you do"]
    assert re.search(r"`sidecar [a-z]+[^`]*`|`docker compose \S+ [^`]*`", action)


def test_every_cause_that_no_restart_repairs_has_an_alert() -> None:
    incurable = {
        cause
        for cause, rule in CAUSES.items()
        if rule.remedy is None and not rule.is_meant
    }
    listed = values_of(by_name("SidecarRestartCannotHelp"), "cause")
    assert listed == incurable - HAS_OWN_ALERT - IS_UNMEASURED_HERE
    assert values_of(by_name("SidecarUpstreamLost"), "cause") == UPSTREAM_CAUSES


def test_every_guard_that_pages_has_an_alert() -> None:
    covered = {guard for rule in ALERTS for guard in values_of(rule, "guard")}
    assert {guard for guard in Guard if guard.rule.pages} <= covered
    intended = {guard for guard in Guard if guard.rule.is_intended}
    left_out = values_of(by_name("SidecarPlannedRestartsSkipped"), "guard")
    assert left_out == intended | {Guard.PAUSED}


def test_every_state_that_lasts_in_trouble_has_an_alert() -> None:
    covered = {state for rule in ALERTS for state in values_of(rule, "state")}
    missing_has_a_cause = {TargetState.MISSING}
    quiet = {TargetState.STARTING, TargetState.DRAINING}
    assert covered == set(TargetState) - missing_has_a_cause - quiet


def test_faster_rules_differ_in_their_durations_only() -> None:
    text = faster_rules(60)
    assert "for: 5000ms" in text
    assert "[15000ms]" in text
    assert not re.search(r"for: \d+[mhd]$|\[\d+[mhd]\]", text, re.MULTILINE)


def test_alerts_that_alertmanager_names_exist() -> None:
    settings = yaml.safe_load(ALERTMANAGER.read_text())
    names = {rule.alert for rule in ALERTS}
    for rule in settings["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            label, _, value = MATCHER.findall(matcher)[0]
            if label == "alertname" and value != "Sidecar.+":
                assert set(value.split("|")) <= names
