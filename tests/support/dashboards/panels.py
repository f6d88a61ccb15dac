"""Panels as data, and the panels and dashboards of Grafana built from them."""

import json
from collections.abc import Mapping
from enum import StrEnum
from itertools import count
from typing import Any, NamedTuple

from grafana_foundation_sdk.builders import (
    common as common_builder,
)
from grafana_foundation_sdk.builders import (
    dashboard as dashboard_builder,
)
from grafana_foundation_sdk.builders import (
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

OWN = 'job=~"$job",instance=~"$instance"'
"""Matchers of all series of the chosen Sidecars."""
TARGET = OWN + ',target=~"$target"'
"""Matchers of the series of the chosen targets."""

ROW_WIDTH = 24
SOURCE = common.DataSourceRef(type_val="prometheus", uid="${datasource}")

PanelBuilder = stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel


class Kind(StrEnum):
    """Kinds of panels that the dashboards use."""

    SERIES = "series"
    NUMBER = "number"
    TABLE = "table"
    STATES = "states"


class Query(NamedTuple):
    """One query; ``legend`` is Grafana's format of the name of its series."""

    expr: str
    legend: str = ""


class PanelSpec(NamedTuple):
    """One panel. ``texts`` replaces values by texts, ``span`` is of ROW_WIDTH."""

    kind: Kind
    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    span: int = 12
    height: int = 7
    texts: Mapping[str, tuple[str, str]] | None = None
    """For each value its text and its colour."""


class DashboardSpec(NamedTuple):
    """One dashboard: its rows of panels, by title."""

    uid: str
    title: str
    description: str
    rows: Mapping[str, tuple[PanelSpec, ...]]
    has_target: bool = False


YES_NO: Mapping[str, tuple[str, str]] = {"1": ("yes", "green"), "0": ("no", "red")}


def write_dashboard(spec: DashboardSpec) -> str:
    """The JSON of a dashboard, as Grafana imports it."""
    builder = (
        dashboard_builder.Dashboard(spec.title)
        .uid(spec.uid)
        .description(spec.description)
        .tags(["sidecar"])
        .readonly()
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .link(_links())
    )
    for variable in _variables(has_target=spec.has_target):
        builder = builder.with_variable(variable)
    numbers = count(1)
    for title, panels in spec.rows.items():
        builder = builder.with_row(dashboard_builder.Row(title).id(next(numbers)))
        for panel in panels:
            builder = builder.with_panel(_build(panel, next(numbers)))
    text = json.dumps(builder.build(), cls=JSONEncoder, indent=2, sort_keys=True)
    return text + "\n"


def _links() -> dashboard_builder.DashboardLink:
    """Links to the other dashboards, with the chosen values and time."""
    return (
        dashboard_builder.DashboardLink("Sidecar")
        .type(dashboard.DashboardLinkType.DASHBOARDS)
        .tags(["sidecar"])
        .icon("dashboard")
        .as_dropdown(as_dropdown=True)
        .include_vars(include_vars=True)
        .keep_time(keep_time=True)
    )


def _variables(*, has_target: bool) -> list[Any]:
    variables: list[Any] = [
        dashboard_builder.DatasourceVariable("datasource")
        .label("Data source")
        .type("prometheus"),
        _query_variable("job", "label_values(sidecar_build_info, job)"),
        _query_variable(
            "instance", 'label_values(sidecar_build_info{job=~"$job"}, instance)'
        ),
    ]
    if has_target:
        query = f"label_values(sidecar_target_up{{{OWN}}}, target)"
        variables.append(_query_variable("target", query))
    return variables


def _query_variable(name: str, query: str) -> dashboard_builder.QueryVariable:
    return (
        dashboard_builder.QueryVariable(name)
        .label(name.capitalize())
        .query(query)
        .datasource(SOURCE)
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".+")
        .current(dashboard.VariableOption(text="All", value="$__all", selected=True))
    )


def _build(spec: PanelSpec, panel_id: int) -> PanelBuilder:
    panel = _start(spec)
    panel.id(panel_id).title(spec.title).description(spec.description).datasource(
        SOURCE
    )
    panel.unit(spec.unit).span(spec.span).height(spec.height).min(0)
    if spec.texts is not None:
        results = {
            value: dashboard.ValueMappingResult(text=text, color=colour)
            for value, (text, colour) in spec.texts.items()
        }
        panel.mappings([dashboard.ValueMap(results)])
    for number, query in enumerate(spec.queries):
        panel.with_target(_target(spec.kind, query, chr(ord("A") + number)))
    return panel


def _start(spec: PanelSpec) -> PanelBuilder:
    match spec.kind:
        case Kind.SERIES:
            return timeseries.Panel().legend(
                common_builder.VizLegendOptions()
                .show_legend(show_legend=True)
                .display_mode(common.LegendDisplayMode.LIST)
                .placement(common.LegendPlacement.BOTTOM)
            )
        case Kind.NUMBER:
            last = common_builder.ReduceDataOptions().calcs(["lastNotNull"])
            return (
                stat.Panel()
                .graph_mode(common.BigValueGraphMode.NONE)
                .reduce_options(last)
            )
        case Kind.TABLE:
            return table.Panel()
        case Kind.STATES:
            return statetimeline.Panel().show_value(common.VisibilityMode.NEVER)


def _target(kind: Kind, query: Query, ref_id: str) -> prometheus.Dataquery:
    target = (
        prometheus.Dataquery()
        .datasource(SOURCE)
        .expr(query.expr)
        .legend_format(query.legend)
        .ref_id(ref_id)
    )
    if kind is Kind.TABLE:
        return target.format(PromQueryFormat.TABLE).instant()
    return target.instant() if kind is Kind.NUMBER else target.range()
