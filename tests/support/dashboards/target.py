"""The dashboard of one target."""

from tests.support.dashboards.panels import (
    TARGET,
    YES_NO,
    DashboardSpec,
    Kind,
    PanelSpec,
    Query,
)


def _quantile(share: float, metric: str) -> Query:
    return Query(
        f"histogram_quantile({share}, sum by (target, le) "
        f"(rate({metric}_bucket{{{TARGET}}}[$__rate_interval])))",
        f"{{{{target}}}} p{share * 100:.0f}",
    )


def _gauge(metric: str, legend: str = "{{target}}") -> Query:
    return Query(f"{metric}{{{TARGET}}}", legend)


_STATE = (
    PanelSpec(
        Kind.STATES,
        "States",
        "The states of the target: a bar is shown while the target is in the state.",
        "short",
        (
            Query(
                f"max by (target, state) (sidecar_target_state{{{TARGET}}}) > 0",
                "{{target}}: {{state}}",
            ),
        ),
        span=24,
        height=8,
        texts={"1": ("in this state", "blue")},
    ),
    PanelSpec(
        Kind.SERIES,
        "Failures in a row",
        "The present failure streak. At the threshold the target is down.",
        "short",
        (_gauge("sidecar_target_consecutive_failures"),),
    ),
    PanelSpec(
        Kind.SERIES,
        "Probes by result and cause",
        "Probes per second; a success has no cause.",
        "ops",
        (
            Query(
                "sum by (target, outcome, cause) "
                f"(rate(sidecar_probes_total{{{TARGET}}}[$__rate_interval]))",
                "{{target}} {{outcome}} {{cause}}",
            ),
        ),
    ),
    PanelSpec(
        Kind.SERIES,
        "Duration of probes",
        "From the request to the verdict.",
        "s",
        tuple(
            _quantile(share, "sidecar_probe_duration_seconds")
            for share in (0.5, 0.95, 0.99)
        ),
    ),
    PanelSpec(
        Kind.SERIES,
        "Memory and its limit",
        "The working set, and the limit. Only with a probe of the type memory.",
        "bytes",
        (
            _gauge("sidecar_memory_used_bytes", "{{target}}"),
            _gauge("sidecar_memory_limit_bytes", "{{target}}: limit"),
        ),
    ),
    PanelSpec(
        Kind.SERIES,
        "Time until the memory limit",
        "By the forecast; no line without one.",
        "s",
        (
            Query(
                f"sidecar_memory_limit_forecast_timestamp_seconds{{{TARGET}}} - time()",
                "{{target}}",
            ),
        ),
    ),
    PanelSpec(
        Kind.SERIES,
        "Quick restarts left",
        "Zero: the next restarts come at longer and longer intervals.",
        "short",
        (_gauge("sidecar_restart_budget_remaining"),),
    ),
    PanelSpec(
        Kind.STATES,
        "Guards that object",
        "Why a failed target is not restarted now; docs/behaviour.md lists the guards.",
        "short",
        (_gauge("sidecar_target_guard", "{{target}}: {{guard}}"),),
        texts={"1": ("objects", "orange")},
    ),
    PanelSpec(
        Kind.SERIES,
        "Matching lines of the log",
        "Lines per second that match a log probe.",
        "ops",
        (
            Query(
                "sum by (target) "
                f"(rate(sidecar_log_matched_lines_total{{{TARGET}}}[$__rate_interval]))",
                "{{target}}",
            ),
        ),
    ),
    PanelSpec(
        Kind.SERIES,
        "Log that was not judged",
        "Bytes per second of a log that grows faster than it is read.",
        "bytes",
        (
            Query(
                "sum by (target) "
                f"(rate(sidecar_log_skipped_bytes_total{{{TARGET}}}[$__rate_interval]))",
                "{{target}}",
            ),
        ),
    ),
    PanelSpec(
        Kind.TABLE,
        "Next planned restart",
        "When the target is next restarted on purpose.",
        "dateTimeAsIso",
        (
            Query(
                "min by (target) "
                f"(sidecar_planned_restart_timestamp_seconds{{{TARGET}}}) * 1000"
            ),
        ),
    ),
)

_MAINTENANCE = (
    PanelSpec(
        Kind.STATES,
        "Maintenance window",
        "In a window Sidecar does not act and tells nobody; it measures as always.",
        "short",
        (_gauge("sidecar_maintenance"),),
        texts=YES_NO,
        span=24,
    ),
)

_DRILLS = (
    PanelSpec(
        Kind.STATES,
        "Last drill passed",
        "A fault on purpose, by `sidecar drill`: no: the objective was missed, or "
        "Sidecar did something wrong.",
        "short",
        (_gauge("sidecar_drill_last_result", "{{target}}: {{fault}}"),),
        texts=YES_NO,
    ),
    PanelSpec(
        Kind.SERIES,
        "Times of the last drill",
        "From the fault until it was detected, until Sidecar decided, and until the "
        "target worked again.",
        "s",
        (_gauge("sidecar_drill_last_seconds", "{{target}}: {{fault}}, {{step}}"),),
    ),
    PanelSpec(
        Kind.SERIES,
        "Last drill",
        "When the last drill with a verdict ended.",
        "dateTimeAsIso",
        (
            Query(
                f"sidecar_drill_last_timestamp_seconds{{{TARGET}}} * 1000",
                "{{target}}: {{fault}}",
            ),
        ),
    ),
)

_WALLET = (
    PanelSpec(
        Kind.STATES,
        "Upstream server connected",
        "Without its server a wallet daemon sees no new payments.",
        "short",
        (_gauge("sidecar_wallet_connected"),),
        texts=YES_NO,
    ),
    PanelSpec(
        Kind.STATES,
        "Wallet loaded",
        "After each start Sidecar loads the wallets that were loaded before.",
        "short",
        (_gauge("sidecar_wallet_loaded"),),
        texts=YES_NO,
    ),
    PanelSpec(
        Kind.SERIES,
        "Block heights",
        "Both lines rise together. A flat line of the server: choose another server.",
        "short",
        (
            _gauge("sidecar_wallet_height", "{{target}}: daemon"),
            _gauge("sidecar_wallet_server_height", "{{target}}: server"),
        ),
    ),
    PanelSpec(
        Kind.SERIES,
        "Addresses",
        "The number of addresses. It must never fall.",
        "short",
        (_gauge("sidecar_wallet_addresses"),),
    ),
    PanelSpec(
        Kind.SERIES,
        "Last proven backup",
        "When a backup of the wallet was last proven to be whole; 1970: never.",
        "dateTimeAsIso",
        (
            Query(
                f"sidecar_backup_last_proven_timestamp_seconds{{{TARGET}}} * 1000",
                "{{target}}",
            ),
        ),
    ),
    PanelSpec(
        Kind.SERIES,
        "Balance",
        "In whole coins; only with expose_balance in the settings of the probe.",
        "short",
        (_gauge("sidecar_wallet_balance_bch", "{{target}}: {{part}}"),),
    ),
)

TARGET_BOARD = DashboardSpec(
    "sidecar-target",
    "Sidecar: one target",
    "Probes, limits and, for a wallet daemon, the wallet of one target.",
    {
        "State and probes": _STATE,
        "Maintenance": _MAINTENANCE,
        "Drills": _DRILLS,
        "Wallet daemon": _WALLET,
    },
    has_target=True,
)
