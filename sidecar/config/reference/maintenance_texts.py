"""Texts of the keys of the section ``maintenance``."""

from collections.abc import Mapping

from sidecar.config.duration import format_seconds
from sidecar.config.file.maintenance_sections import (
    CommandTaskSection,
    HttpTaskSection,
    ImageAgeSection,
    Maintenance,
    ReportSection,
    TaskSection,
    Window,
)
from sidecar.config.file.setting_types import Section
from sidecar.config.maintenance import LONGEST_TIMEOUT_S
from sidecar.config.reference.key_text import (
    NONE,
    KeyText,
    SectionTexts,
    describe_secret,
)
from sidecar.config.settings import RETENTION_S
from sidecar.core.model.maintenance_task import ImageLimit, ReportPeriod, TaskKind

_TIMEOUT = TaskKind.COMMAND.rule.timeout_s

MAINTENANCE_TEXTS: Mapping[type[Section], SectionTexts] = {
    Maintenance: {
        "windows": KeyText(
            "times in which Sidecar does not act and tells nobody", NONE
        ),
        "tasks": KeyText("maintenance tasks, by name", "`clean-up`, daily"),
        "retention": KeyText(
            "the time after which the task `clean-up` removes records",
            f"`{format_seconds(RETENTION_S)}`",
        ),
    },
    Window: {
        "cron": KeyText("the cron line at whose times the window begins"),
        "duration": KeyText("how long it lasts; less than the time between two begins"),
        "timezone": KeyText("the time zone of `cron`", "`UTC`"),
        "targets": KeyText("the targets in it", "all targets"),
    },
    TaskSection: {
        "every": KeyText(
            "at 04:10 each day, on Mondays, or on the first of the month or quarter",
            "`cron`",
        ),
        "cron": KeyText(
            "a cron line instead of `every`; at most once a minute", "`every`"
        ),
        "timezone": KeyText("the time zone of `every` and `cron`", "`UTC`"),
        "timeout": KeyText(
            "the longest duration of a run, after which it has failed; at most "
            f"{format_seconds(LONGEST_TIMEOUT_S)}",
            f"`{format_seconds(_TIMEOUT)}`",
        ),
        "notify": KeyText(
            "the runs of which people are told",
            "`problems`; `always` for `health_summary` and `report`",
        ),
    },
    ReportSection: {
        "period": KeyText(
            "the period until now", f"`{format_seconds(ReportPeriod().period_s)}`"
        ),
    },
    ImageAgeSection: {
        "older_than": KeyText(
            "the age of an image above which it is a finding",
            f"`{format_seconds(ImageLimit().older_than_s)}`",
        ),
    },
    HttpTaskSection: {
        **describe_secret("the address, which is masked like a secret", "url"),
        "timeout": KeyText(
            "the deadline of the request",
            f"`{format_seconds(TaskKind.HTTP.rule.timeout_s)}`",
        ),
        "method": KeyText("the method of the request", "`GET`"),
    },
    CommandTaskSection: {
        "target": KeyText("the target in whose container the command runs"),
        "command": KeyText("the command and its arguments"),
    },
}
