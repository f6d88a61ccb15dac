"""The dashboard of Sidecar itself."""

from tests.support.dashboards.panels import (
    OWN,
    YES_NO,
    DashboardSpec,
    Kind,
    PanelSpec,
    Query,
)


def _gauge(metric: str, legend: str = "{{instance}}") -> Query:
    return Query(f"{metric}{{{OWN}}}", legend)


_HEALTH = (
    PanelSpec(
        Kind.STATES,
        "Scraped",
        "Does Sidecar answer Prometheus?",
        "short",
        (_gauge("up"),),
        height=5,
        texts=YES_NO,
    ),
    PanelSpec(
        Kind.TABLE,
        "Version",
        "Which version runs.",
        "short",
        (Query(f"max by (instance, version) (sidecar_build_info{{{OWN}}})"),),
        height=5,
    ),
    PanelSpec(
        Kind.STATES,
        "Parts",
        "Parts of Sidecar that work, as in /readyz.",
        "short",
        (
            Query(
                f"min by (component) (sidecar_component_up{{{OWN}}})", "{{component}}"
            ),
        ),
        height=10,
        texts=YES_NO,
    ),
    PanelSpec(
        Kind.STATES,
        "Engine and its events",
        "Does the container engine answer, and do its events arrive?",
        "short",
        (
            _gauge("sidecar_engine_up", "{{instance}}: engine"),
            _gauge("sidecar_lease_held", "{{instance}}: lease"),
            _gauge("sidecar_event_stream_connected", "{{instance}}: events"),
        ),
        height=10,
        texts=YES_NO,
    ),
    PanelSpec(
        Kind.NUMBER,
        "Running since",
        "The time since the start of the process.",
        "s",
        (
            Query(
                f"time() - max(process_start_time_seconds{{{OWN}}})",
                "running",
            ),
        ),
        height=4,
    ),
    PanelSpec(
        Kind.NUMBER,
        "Configuration read",
        "The time since the configuration was last read without fault.",
        "s",
        (
            Query(
                "time() - max(sidecar_config_last_load_success_timestamp_seconds"
                f"{{{OWN}}})",
                "read",
            ),
        ),
        height=4,
    ),
    PanelSpec(
        Kind.TABLE,
        "Maintenance tasks",
        "When the last run of each task ended, with its outcome.",
        "dateTimeAsIso",
        (
            Query(
                "max by (task, outcome) "
                f"(sidecar_task_last_run_timestamp_seconds{{{OWN}}}) * 1000"
            ),
        ),
        span=24,
    ),
)

_LOAD = (
    PanelSpec(
        Kind.SERIES,
        "Lag of the loop",
        "How late the loop wakes up: worst of its last 60 measurements.",
        "s",
        (_gauge("sidecar_loop_lag_seconds"),),
    ),
    PanelSpec(
        Kind.SERIES,
        "Delay of probes",
        "How late probes begin: with much of the interval, more is asked than this "
        "machine can do.",
        "s",
        (_gauge("sidecar_probe_delay_seconds"),),
    ),
    PanelSpec(
        Kind.SERIES,
        "Processor",
        "The share of one core.",
        "percentunit",
        (
            Query(
                f"rate(process_cpu_seconds_total{{{OWN}}}[$__rate_interval])",
                "{{instance}}",
            ),
        ),
    ),
    PanelSpec(
        Kind.SERIES,
        "Memory",
        "The resident memory of the process.",
        "bytes",
        (_gauge("process_resident_memory_bytes"),),
    ),
    PanelSpec(
        Kind.SERIES,
        "Open files",
        "File descriptors in use, and their limit.",
        "short",
        (
            _gauge("process_open_fds", "{{instance}}: in use"),
            _gauge("process_max_fds", "{{instance}}: limit"),
        ),
    ),
)

_ENGINE = (
    PanelSpec(
        Kind.SERIES,
        "Calls to the engine",
        "Calls per second, by operation and outcome.",
        "ops",
        (
            Query(
                "sum by (operation, outcome) "
                f"(rate(sidecar_engine_requests_total{{{OWN}}}[$__rate_interval]))",
                "{{operation}} {{outcome}}",
            ),
        ),
    ),
    PanelSpec(
        Kind.SERIES,
        "Duration of calls to the engine (p95)",
        "95 % of the calls were faster.",
        "s",
        (
            Query(
                "histogram_quantile(0.95, sum by (operation, le) "
                f"(rate(sidecar_engine_request_duration_seconds_bucket{{{OWN}}}"
                "[$__rate_interval])))",
                "{{operation}}",
            ),
        ),
    ),
)

OWN_BOARD = DashboardSpec(
    "sidecar-own",
    "Sidecar: itself",
    "The health and the cost of Sidecar itself.",
    {"Health": _HEALTH, "Cost": _LOAD, "Container engine": _ENGINE},
)
