"""The shipped dashboards: as generated, and as a linter of dashboards wants them."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from sidecar.telemetry.metric_definitions import DEFINITIONS, MetricType
from tests.support.alert_rules import read_rules
from tests.support.dashboards.catalogue import DASHBOARDS, FOLDER
from tests.support.dashboards.panels import ROW_WIDTH, DashboardSpec, write_dashboard

Json = dict[str, Any]
BOARDS = [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]
SELECTOR = re.compile(r"([a-z_][\w:]*)\{([^}]*)\}")
LABELS_OF_ALL = {"job", "instance"}
OTHER_COUNTERS = {"process_cpu_seconds_total"}


class Panel(NamedTuple):
    """A panel of a dashboard."""

    board: Json
    panel: Json

    @property
    def expressions(self) -> list[str]:
        return [target["expr"] for target in self.panel["targets"]]


def panels() -> Iterator[Panel]:
    for board in BOARDS:
        for panel in board["panels"]:
            if panel["type"] != "row":
                yield Panel(board, panel)


def title_of(panel: Panel) -> str:
    return f"{panel.board['title']} / {panel.panel['title']}"


PANELS = list(panels())
each_panel = pytest.mark.parametrize("panel", PANELS, ids=title_of)
each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda b: b["uid"])


@pytest.mark.parametrize("spec", DASHBOARDS, ids=lambda spec: spec.uid)
def test_dashboard_is_as_its_code_writes_it(spec: DashboardSpec) -> None:
    committed = (FOLDER / f"{spec.uid}.json").read_text()
    assert committed == write_dashboard(spec), "run: scripts/dashboards"


def test_every_dashboard_file_has_its_code() -> None:
    assert {b["uid"] for b in BOARDS} == {spec.uid for spec in DASHBOARDS}


@each_board
def test_dashboard_is_not_editable_and_has_its_variables(board: Json) -> None:
    assert board["editable"] is False
    assert board["description"]
    variables = {one["name"]: one for one in board["templating"]["list"]}
    assert variables.pop("datasource")["type"] == "datasource"
    assert variables.keys() >= LABELS_OF_ALL
    for one in variables.values():
        assert one["type"] == "query"
        assert one["refresh"] == 2, "it must follow the time range"
        assert one["datasource"]["uid"] == "${datasource}"
        assert one["label"]


@each_board
def test_panels_of_a_dashboard_have_ids_and_do_not_overlap(board: Json) -> None:
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    cells = [
        (x, y)
        for panel in board["panels"]
        for box in (panel["gridPos"],)
        for x in range(box["x"], box["x"] + box["w"])
        for y in range(box["y"], box["y"] + box["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < ROW_WIDTH


@each_panel
def test_panel_has_title_description_unit_and_data_source(panel: Panel) -> None:
    body = panel.panel
    assert body["title"]
    assert body["description"].endswith((".", "?"))
    assert body["fieldConfig"]["defaults"]["unit"]
    assert body["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@each_panel
def test_panel_has_queries_with_a_legend(panel: Panel) -> None:
    targets = panel.panel["targets"]
    assert targets
    assert len({target["refId"] for target in targets}) == len(targets)
    for target in targets:
        assert target["expr"].strip()
        assert target["datasource"]["uid"] == "${datasource}"
        assert panel.panel["type"] == "table" or target["legendFormat"]


@each_panel
def test_every_selector_has_the_matchers_of_the_variables(panel: Panel) -> None:
    variable_names = {one["name"] for one in panel.board["templating"]["list"]}
    for expression in panel.expressions:
        selectors = SELECTOR.findall(expression)
        assert len(selectors) == count_of_metrics(expression), expression
        for _, matchers in selectors:
            assert 'job=~"$job",instance=~"$instance"' in matchers
            assert set(re.findall(r"\$(\w+)", matchers)) <= variable_names


def count_of_metrics(expression: str) -> int:
    return len(re.findall(r"\b(?:target:)?(?:sidecar|process)_\w+|\bup\b", expression))


@each_panel
def test_panel_asks_for_metrics_and_labels_that_exist(panel: Panel) -> None:
    labels = {spec.name: set(spec.labels) for spec in DEFINITIONS}
    labels |= {rule.record: {"target"} for rule in read_rules() if rule.record}
    for expression in panel.expressions:
        for name, matchers in SELECTOR.findall(expression):
            metric = name.removesuffix("_bucket")
            if metric == "up" or metric.startswith("process_"):
                continue
            assert metric in labels
            used = set(re.findall(r"(\w+)=", matchers)) - LABELS_OF_ALL
            assert used <= labels[metric], expression


@each_panel
def test_counter_is_shown_only_as_rate_or_increase(panel: Panel) -> None:
    counters = {d.name for d in DEFINITIONS if d.kind is MetricType.COUNTER}
    histograms = {
        f"{d.name}_bucket" for d in DEFINITIONS if d.kind is MetricType.HISTOGRAM
    }
    for expression in panel.expressions:
        for name, _ in SELECTOR.findall(expression):
            is_inside = re.search(rf"(rate|increase)\({name}\{{", expression)
            needs_it = name in counters | histograms | OTHER_COUNTERS
            assert bool(is_inside) is needs_it, expression


@each_panel
def test_range_is_that_of_grafana(panel: Panel) -> None:
    for expression in panel.expressions:
        ranges = set(re.findall(r"\[([^\]]*)\]", expression))
        assert ranges <= {"$__rate_interval", "$__range"}, expression


@each_panel
def test_percentage_has_its_unit_and_durations_are_seconds(panel: Panel) -> None:
    unit = panel.panel["fieldConfig"]["defaults"]["unit"]
    for expression in panel.expressions:
        if "_seconds_bucket" in expression:
            assert unit == "s"
        if "_bytes" in expression:
            assert unit == "bytes"


def test_every_metric_of_the_catalogue_is_on_a_dashboard() -> None:
    shown_metrics = {
        name.removesuffix("_bucket")
        for panel in PANELS
        for expression in panel.expressions
        for name, _ in SELECTOR.findall(expression)
    }
    assert {spec.name for spec in DEFINITIONS} <= shown_metrics
