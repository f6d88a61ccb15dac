"""The table of all requests that the server answers."""

from sidecar.api_types import (
    control,
    explanation,
    forecast,
    health,
    incidents,
    maintenance,
    records,
    report,
    status,
    traefik,
)
from sidecar.web.openapi import parameters
from sidecar.web.openapi.backup_operations import BACKUP_OPERATIONS
from sidecar.web.openapi.drill_operations import DRILL_OPERATIONS
from sidecar.web.openapi.operation import (
    Operation,
    Text,
    change,
    check,
    read,
    refuse,
)
from sidecar.web.openapi.page_operations import PAGE_OPERATIONS
from sidecar.web.openapi.public_operations import PUBLIC_OPERATIONS

_INDEX = Text(
    ("text/plain", "text/html"), "Plain text, or a page where the client accepts pages"
)
_MARKDOWN = Text(("text/markdown",), "Markdown")
_METRICS = Text(("text/plain", "application/openmetrics-text"), "See docs/metrics.md")
_EVENTS = Text(
    ("text/event-stream",),
    "Server-sent events; the data are the records of the history with a number",
)
_LOG = Text(
    ("application/x-ndjson",),
    "One JSON document a line: a line of the log (at, text), or a remark (note)",
)

_OF_ONE = "/api/v1/targets/{target}"
_INCIDENT_PATH = "/api/v1/incidents/{id}"

_HEALTH = (
    check("/livez", "Does the loop make steps?", health.SidecarHealth),
    check("/readyz", "Does every component work?", health.SidecarHealth),
    check("/healthz", "Does every target work?", health.StackHealth),
    check(
        "/healthz/{target}",
        "Does a target work?",
        health.TargetHealth,
        parameters.TARGET,
        parameters.LIVENESS,
    ),
    check(
        "/healthz/{target}/{replica}",
        "Does a replica work?",
        health.TargetHealth,
        parameters.TARGET,
        parameters.REPLICA,
        parameters.DRAIN,
    ),
    read("/metrics", "health", "Metrics for Prometheus", _METRICS),
)

_PRESENT = (
    read("/", "present", "The list of paths; in a browser the status page", _INDEX),
    read(
        "/openapi.json",
        "present",
        "This description",
        Text(("application/json",), "OpenAPI 3.1"),
    ),
    read("/api/v1/status", "present", "The state of everything", status.StackStatus),
    read(
        "/api/v1/schedule",
        "present",
        "The next planned restarts",
        status.PlannedRestarts,
        parameters.COUNT,
        errors=(400,),
    ),
    read(
        "/api/v1/explain/{target}",
        "present",
        "Each guard's answer about a target, and the next failure's result",
        explanation.TargetExplanation,
        parameters.TARGET,
        errors=(400, 404),
    ),
    read(
        "/api/v1/maintenance",
        "present",
        "Maintenance windows, tasks and their last runs",
        maintenance.MaintenanceStatus,
        parameters.RUNS,
        parameters.OF_TASK,
        errors=(400,),
    )._replace(shows_more_with_token=True),
    read(
        "/api/v1/forecast",
        "present",
        "Memory, and when it reaches its limit",
        forecast.MemoryForecasts,
    ),
    read(
        "/api/v1/balancer/traefik",
        "present",
        "The servers that get requests, for Traefik's HTTP provider",
        traefik.TraefikConfiguration,
        parameters.NETWORK,
        errors=(400,),
    ),
    read("/api/v1/events", "present", "What happens from now on", _EVENTS),
)

_PAST = (
    read(
        "/api/v1/incidents",
        "past",
        "The last 100 incidents, newest first",
        status.IncidentList,
        parameters.OPEN,
        errors=(400,),
    ),
    read(
        _INCIDENT_PATH,
        "past",
        "One incident with all that is known of it",
        incidents.IncidentDetail,
        parameters.INCIDENT,
        errors=(400, 404),
    )._replace(shows_more_with_token=True),
    read(
        f"{_INCIDENT_PATH}/postmortem",
        "past",
        "A post-mortem, with blanks for people",
        _MARKDOWN,
        parameters.INCIDENT,
        errors=(400, 404),
    )._replace(shows_more_with_token=True),
    read(
        "/api/v1/history",
        "past",
        "What happened, oldest first",
        records.History,
        parameters.SINCE,
        parameters.OF_TARGET,
        errors=(400, 404),
    )._replace(shows_more_with_token=True),
    read(
        "/api/v1/remedies",
        "past",
        "Which remedies helped against what",
        incidents.RemedyList,
    ),
    Operation(
        "get",
        "/api/v1/history/cures",
        "past",
        "Moved to /api/v1/remedies",
        refuse(410, 503),
        is_deprecated=True,
    ),
    read(
        "/api/v1/report",
        "past",
        "Availability, outages and restarts of every target",
        report.AvailabilityReport,
        parameters.PERIOD,
        parameters.WITH_DRILLS,
        errors=(400,),
    ),
)

_CONTROL = (
    change(
        f"{_OF_ONE}/restart",
        "Restart a replica, or all replicas of a target one after the other",
        control.RestartAnswer,
        parameters.TARGET,
        body=control.RestartBody,
        done=202,
        more={409: control.Objection},
    ),
    change(
        f"{_OF_ONE}/pause",
        "Stop acting on a target; measuring goes on",
        control.DecisionAnswer,
        parameters.TARGET,
        body=control.PauseBody,
    ),
    change(f"{_OF_ONE}/resume", "Act again", control.DecisionAnswer, parameters.TARGET),
    change(
        f"{_OF_ONE}/recover",
        "Forget used tries",
        control.DecisionAnswer,
        parameters.TARGET,
    ),
    change(
        f"{_OF_ONE}/release",
        "Give up the remedy under way; nothing is undone",
        control.DecisionAnswer,
        parameters.TARGET,
        more=refuse(409),
    ),
    change(
        f"{_OF_ONE}/schedule/skip",
        "Skip the next planned restart",
        control.SkipAnswer,
        parameters.TARGET,
        more=refuse(409),
    ),
    change(
        f"{_OF_ONE}/schedule/cancel",
        "Cancel the rest of the planned restart under way",
        control.DecisionAnswer,
        parameters.TARGET,
        more=refuse(409),
    ),
    read(
        f"{_OF_ONE}/evidence",
        "control",
        "The last evidence about a replica",
        records.Evidence,
        parameters.TARGET,
        errors=(400, 401, 403, 404),
    )._replace(needs_token=True),
    read(
        "/api/v1/logs/{target}",
        "control",
        "The last lines of the log of a replica's container",
        _LOG,
        parameters.TARGET,
        parameters.LINES,
        parameters.NOT_OLDER,
        parameters.FOLLOW,
        errors=(400, 401, 403, 404, 409, 502),
    )._replace(needs_token=True),
    change(
        "/api/v1/pause",
        "Stop acting on all targets",
        control.DecisionAnswer,
        body=control.PauseBody,
    ),
    change("/api/v1/resume", "Act on all targets again", control.DecisionAnswer),
    change(
        "/api/v1/maintenance/{task}/run",
        "Run a maintenance task now",
        maintenance.TaskRunAnswer,
        parameters.TASK,
        done=202,
        more=refuse(409),
    ),
    change(
        "/api/v1/reload",
        "Load the changed configuration file",
        control.ReloadAnswer,
        more={409: health.ReloadFaults},
    ),
    change(
        "/api/v1/incidents/{incident}/ack",
        "Acknowledge an incident",
        control.AckAnswer,
        parameters.ACKED_INCIDENT,
        body=None,
        more=refuse(409),
    ),
    change(
        "/api/v1/notify/{channel}/test",
        "Send a test message",
        control.DeliveryAnswer,
        parameters.CHANNEL,
        body=None,
        more=refuse(502),
    ),
)

OPERATIONS = (
    *_HEALTH,
    *_PRESENT,
    *_PAST,
    *PUBLIC_OPERATIONS,
    *_CONTROL,
    *BACKUP_OPERATIONS,
    *DRILL_OPERATIONS,
    *PAGE_OPERATIONS,
)
