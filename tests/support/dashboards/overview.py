"""The dashboard of all targets at a glance."""

from tests.support.dashboards.panels import (
    OWN,
    DashboardSpec,
    Kind,
    PanelSpec,
    Query,
)

UP: dict[str, tuple[str, str]] = {"1": ("works", "green"), "0": ("fails", "red")}

_NOW = (
    PanelSpec(
        Kind.NUMBER,
        "Targets that work",
        "Targets that are healthy or degraded now.",
        "short",
        (Query(f"sum(sidecar_target_up{{{OWN}}})", "work"),),
        span=5,
        height=4,
    ),
    PanelSpec(
        Kind.NUMBER,
        "Targets that do not work",
        "All other targets, also those that a person has stopped.",
        "short",
        (Query(f"sum(1 - sidecar_target_up{{{OWN}}})", "do not work"),),
        span=5,
        height=4,
    ),
    PanelSpec(
        Kind.NUMBER,
        "Open incidents",
        "Incidents that are not resolved, by severity; P0 is the most urgent.",
        "short",
        (
            Query(
                f"sum by (severity) (sidecar_incidents_open{{{OWN}}})", "{{severity}}"
            ),
        ),
        span=9,
        height=4,
    ),
    PanelSpec(
        Kind.NUMBER,
        "Engine",
        "Does the container engine answer? While it does not, nothing is restarted.",
        "short",
        (Query(f"min(sidecar_engine_up{{{OWN}}})", "engine"),),
        span=5,
        height=4,
        texts={"1": ("answers", "green"), "0": ("lost", "red")},
    ),
    PanelSpec(
        Kind.STATES,
        "Targets",
        "When each target worked.",
        "short",
        (Query(f"max by (target) (sidecar_target_up{{{OWN}}})", "{{target}}"),),
        span=14,
        height=9,
        texts=UP,
    ),
    PanelSpec(
        Kind.TABLE,
        "States now",
        "The state of each target. docs/http-api.md lists the states.",
        "short",
        (Query(f"max by (target, state) (sidecar_target_state{{{OWN}}} == 1)"),),
        span=10,
        height=9,
    ),
)

_PROBES = (
    PanelSpec(
        Kind.SERIES,
        "Share of probes that failed",
        "Failures among all probes. A share that never returns to zero has a cause.",
        "percentunit",
        (
            Query(
                "sum by (target) "
                f'(rate(sidecar_probes_total{{{OWN},outcome="failure"}}'
                "[$__rate_interval])) / sum by (target) "
                f"(rate(sidecar_probes_total{{{OWN}}}[$__rate_interval]))",
                "{{target}}",
            ),
        ),
    ),
    PanelSpec(
        Kind.SERIES,
        "Duration of probes (p95)",
        "From the request to the verdict: 95 % of the probes were faster.",
        "s",
        (
            Query(
                "histogram_quantile(0.95, sum by (target, le) "
                f"(rate(sidecar_probe_duration_seconds_bucket{{{OWN}}}"
                "[$__rate_interval])))",
                "{{target}}",
            ),
        ),
    ),
    PanelSpec(
        Kind.SERIES,
        "Restarts",
        "Starts and restarts that ended, by outcome.",
        "short",
        (
            Query(
                "sum by (target, outcome) "
                f"(increase(sidecar_restarts_total{{{OWN}}}[$__rate_interval]))",
                "{{target}} {{outcome}}",
            ),
        ),
    ),
    PanelSpec(
        Kind.SERIES,
        "Availability over a day",
        "The share of the last 24 hours in which the target worked. It comes from the "
        "recording rules in compose/prometheus/sidecar.rules.yml.",
        "percentunit",
        (
            Query(
                f"avg by (target) (target:sidecar_target_up:avg1d{{{OWN}}})",
                "{{target}}",
            ),
        ),
    ),
)

OVERVIEW = DashboardSpec(
    "sidecar-overview",
    "Sidecar: overview",
    "All targets that Sidecar watches, and what is open.",
    {"Now": _NOW, "Probes and restarts": _PROBES},
)
