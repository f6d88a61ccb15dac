"""Every metric, in one table that is also the documentation."""

from enum import StrEnum
from typing import NamedTuple


class MetricType(StrEnum):
    """Metric types of Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class MetricDefinition(NamedTuple):
    """A metric; ``buckets`` (seconds) only for histograms."""

    name: str
    kind: MetricType
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_FAST_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SLOW_S = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)


DEFINITIONS: list[MetricDefinition] = []
"""Every metric, in the order of definition: each registers itself."""


def _register(
    kind: MetricType,
    name: str,
    text: str,
    labels: tuple[str, ...],
    buckets: tuple[float, ...] = (),
) -> MetricDefinition:
    definition = MetricDefinition(f"sidecar_{name}", kind, text, labels, buckets)
    DEFINITIONS.append(definition)
    return definition


def _gauge(name: str, text: str, *labels: str) -> MetricDefinition:
    return _register(MetricType.GAUGE, name, text, labels)


def _counter(name: str, text: str, *labels: str) -> MetricDefinition:
    return _register(MetricType.COUNTER, name, text, labels)


def _histogram(
    name: str, text: str, buckets: tuple[float, ...], *labels: str
) -> MetricDefinition:
    return _register(MetricType.HISTOGRAM, name, text, labels, buckets)


BUILD_INFO = _gauge("build_info", "Always 1; which version runs.", "version")
TARGET_UP = _gauge(
    "target_up", "1 while healthy, degraded or draining, else 0.", "target"
)
TARGET_STATE = _gauge(
    "target_state", "1 for the state that the target is in, else 0.", "target", "state"
)
FAILURES = _gauge(
    "target_consecutive_failures", "Length of the open failure streak.", "target"
)
PROBES = _counter(
    "probes_total",
    "Probes ended; cause is empty on success.",
    "target",
    "outcome",
    "cause",
)
PROBE_SECONDS = _histogram(
    "probe_duration_seconds", "From request to verdict.", _FAST_S, "target"
)
RESTARTS = _counter(
    "restarts_total",
    "Starts and restarts ended, health included.",
    "target",
    "trigger",
    "outcome",
)
RECOVERY_SECONDS = _histogram(
    "recovery_seconds", "First failure to healthy, by a remedy.", _SLOW_S, "target"
)
DETECTION_SECONDS = _histogram(
    "detection_seconds",
    "First failure of an outage to the decision to act.",
    _SLOW_S,
    "target",
)
DECISIONS = _counter(
    "decisions_total",
    "Decisions, with the guard that objected (none: nobody did).",
    "target",
    "action",
    "guard",
)
BUDGET = _gauge(
    "restart_budget_remaining", "Restarts left in the fast lane's window.", "target"
)
GUARD = _gauge(
    "target_guard",
    "1 while this guard keeps a failed target from a remedy; no series otherwise.",
    "target",
    "guard",
)
TARGET_INCIDENT = _gauge(
    "target_incident",
    "1 while an open incident concerns the target; root is the target of the incident.",
    "target",
    "root",
    "role",
    "severity",
    "cause",
)
INCIDENTS_OPEN = _gauge("incidents_open", "Incidents not resolved.", "severity")
INCIDENTS = _counter(
    "incidents_total", "Incidents opened.", "target", "severity", "cause"
)
NOTIFICATIONS = _counter(
    "notifications_total", "Messages tried, by how it went.", "channel", "outcome"
)
OUTBOX = _gauge("outbox_pending", "Messages that wait to be delivered.", "channel")
ENGINE_UP = _gauge("engine_up", "1 while the container engine answers.")
LEASE_HELD = _gauge(
    "lease_held", "1 while this one of several watchdogs holds the lease and acts."
)
ENGINE_REQUESTS = _counter(
    "engine_requests_total", "Calls to the engine.", "operation", "outcome"
)
ENGINE_SECONDS = _histogram(
    "engine_request_duration_seconds", "Calls to the engine.", _FAST_S, "operation"
)
STREAM = _gauge("event_stream_connected", "1 while engine events arrive.")
COMPONENT_UP = _gauge(
    "component_up", "1 while this part of Sidecar works, as in /readyz.", "component"
)
LOOP_LAG = _gauge(
    "loop_lag_seconds", "How late the event loop was: worst of 60 measurements."
)
PROBE_DELAY = _gauge(
    "probe_delay_seconds",
    "How late probes begin, on average of the last 10 s: with much of the interval, "
    "more is asked than this machine can do.",
)
PLANNED = _gauge(
    "planned_restart_timestamp_seconds",
    "When the target is next restarted on purpose (Unix time).",
    "target",
)
WALLET_CONNECTED = _gauge(
    "wallet_connected", "1 while the daemon has its upstream server.", "target"
)
WALLET_LOADED = _gauge("wallet_loaded", "1 while a wallet is loaded.", "target")
WALLET_HEIGHT = _gauge("wallet_height", "The daemon's block height.", "target")
WALLET_SERVER_HEIGHT = _gauge(
    "wallet_server_height", "Its upstream server's block height.", "target"
)
WALLET_BALANCE = _gauge(
    "wallet_balance_bch", "Only with expose_balance: whole coins.", "target", "part"
)
WALLET_ADDRESSES = _gauge(
    "wallet_addresses", "How many addresses the wallet has, as last counted.", "target"
)
MAINTENANCE = _gauge(
    "maintenance", "1 while the target is in a maintenance window.", "target"
)
TASK_LAST = _gauge(
    "task_last_run_timestamp_seconds",
    "When the last run of a maintenance task ended (Unix time), with its outcome.",
    "task",
    "outcome",
)
BACKUP_PROVEN = _gauge(
    "backup_last_proven_timestamp_seconds",
    "When a backup of the wallet was last proven (Unix time); 0: never.",
    "target",
)
DRILL_RESULT = _gauge(
    "drill_last_result",
    "1 if the last drill passed, 0 if it missed its objective or failed.",
    "target",
    "fault",
)
DRILL_LAST = _gauge(
    "drill_last_timestamp_seconds",
    "When the last drill with a verdict ended (Unix time).",
    "target",
    "fault",
)
DRILL_SECONDS = _gauge(
    "drill_last_seconds",
    "Times of the last drill with a verdict; step is detect, decide or recover.",
    "target",
    "fault",
    "step",
)
MEMORY_USED = _gauge(
    "memory_used_bytes", "Working set, of targets with a probe memory.", "target"
)
MEMORY_LIMIT = _gauge(
    "memory_limit_bytes", "Memory limit, of targets with a probe memory.", "target"
)
MEMORY_FORECAST = _gauge(
    "memory_limit_forecast_timestamp_seconds",
    "When the memory reaches its limit (Unix time); no series without a forecast.",
    "target",
)
LOG_MATCHED = _counter(
    "log_matched_lines_total", "Only with a log probe: lines that matched.", "target"
)
LOG_SKIPPED = _counter(
    "log_skipped_bytes_total",
    "Only with a log probe: about how much of the log was not judged.",
    "target",
)
CONFIG_LOADED = _gauge(
    "config_last_load_success_timestamp_seconds",
    "When the configuration was last read without fault (Unix time).",
)


def write_document() -> str:
    """The page docs/metrics.md."""
    from sidecar.telemetry import metrics_page  # noqa: PLC0415 - for this page alone

    rows = (
        f"| `{spec.name}` | {spec.kind} | "
        f"{' '.join(f'`{label}`' for label in spec.labels)} | {spec.help} |\n"
        for spec in DEFINITIONS
    )
    return metrics_page.PREFACE + "".join(rows) + metrics_page.USE


if __name__ == "__main__":
    import sys

    sys.stdout.write(write_document())
