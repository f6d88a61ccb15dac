"""The dashboard of incidents, remedies and messages."""

from tests.support.dashboards.panels import (
    OWN,
    TARGET,
    DashboardSpec,
    Kind,
    PanelSpec,
    Query,
)


def _increase(metric: str, labels: str) -> Query:
    legend = " ".join(f"{{{{{name.strip()}}}}}" for name in labels.split(","))
    matchers = TARGET if "target" in labels else OWN
    return Query(
        f"sum by ({labels}) (increase({metric}{{{matchers}}}[$__rate_interval]))",
        legend,
    )


def _quantiles(metric: str) -> tuple[Query, ...]:
    return tuple(
        Query(
            f"histogram_quantile({share}, sum by (target, le) "
            f"(increase({metric}_bucket{{{TARGET}}}[$__range])))",
            f"{{{{target}}}} p{share * 100:.0f}",
        )
        for share in (0.5, 0.95)
    )


_INCIDENTS = (
    PanelSpec(
        Kind.TABLE,
        "Open incidents",
        "Each target of an open incident. Repair the root; its dependents follow.",
        "short",
        (
            Query(
                "max by (target, root, role, severity, cause) "
                f"(sidecar_target_incident{{{TARGET}}})"
            ),
        ),
        span=14,
    ),
    PanelSpec(
        Kind.SERIES,
        "Open incidents by severity",
        "Incidents that are not resolved; P0 is the most urgent.",
        "short",
        (
            Query(
                f"sum by (severity) (sidecar_incidents_open{{{OWN}}})", "{{severity}}"
            ),
        ),
        span=10,
    ),
    PanelSpec(
        Kind.SERIES,
        "Incidents opened",
        "By target and cause; docs/causes.md explains each cause.",
        "short",
        (_increase("sidecar_incidents_total", "target, cause"),),
    ),
    PanelSpec(
        Kind.SERIES,
        "Time to detect",
        "From the first failure to the decision to act, in the chosen period.",
        "s",
        _quantiles("sidecar_detection_seconds"),
    ),
)

_REMEDIES = (
    PanelSpec(
        Kind.SERIES,
        "Restarts by origin and outcome",
        "failure: Sidecar decided; planned, operator, dependency: others did.",
        "short",
        (_increase("sidecar_restarts_total", "target, trigger, outcome"),),
    ),
    PanelSpec(
        Kind.SERIES,
        "Time to recover",
        "From the first failure to healthy, by a remedy, in the chosen period.",
        "s",
        _quantiles("sidecar_recovery_seconds"),
    ),
    PanelSpec(
        Kind.SERIES,
        "Decisions",
        "By action and by the guard that objected; none: nobody did.",
        "short",
        (_increase("sidecar_decisions_total", "target, action, guard"),),
        span=24,
    ),
)

_MESSAGES = (
    PanelSpec(
        Kind.SERIES,
        "Messages sent",
        "Tries by channel and outcome. given_up: that message is lost.",
        "short",
        (_increase("sidecar_notifications_total", "channel, outcome"),),
    ),
    PanelSpec(
        Kind.SERIES,
        "Messages that wait",
        "Messages that are not delivered yet, by channel.",
        "short",
        (Query(f"sum by (channel) (sidecar_outbox_pending{{{OWN}}})", "{{channel}}"),),
    ),
)

INCIDENTS = DashboardSpec(
    "sidecar-incidents",
    "Sidecar: incidents and remedies",
    "What failed, what was tried, whether it helped, and who was notified.",
    {"Incidents": _INCIDENTS, "Remedies": _REMEDIES, "Messages": _MESSAGES},
    has_target=True,
)
