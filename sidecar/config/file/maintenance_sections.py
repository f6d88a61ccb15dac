"""The section ``maintenance`` of the file."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from sidecar.config.file.setting_types import Duration, Name, Section, Text

Interval = Literal["daily", "weekly", "monthly", "quarterly"]


class Window(Section, kw_only=True):
    """A maintenance window in which Sidecar does not act; no ``targets``: all."""

    cron: Text
    duration: Duration
    timezone: Text | UnsetType = UNSET
    targets: list[Name] | UnsetType = UNSET


class TaskSection(Section, kw_only=True):
    """Keys that all kinds of task have; one of ``every`` and ``cron`` is needed."""

    every: Interval | UnsetType = UNSET
    cron: Text | UnsetType = UNSET
    timezone: Text | UnsetType = UNSET
    timeout: Duration | UnsetType = UNSET
    notify: Literal["always", "problems", "never"] | UnsetType = UNSET


class CleanUpSection(TaskSection, tag_field="type", tag="clean_up", kw_only=True):
    """Removal of what is older than the retention."""


class HttpTaskSection(TaskSection, tag_field="type", tag="http", kw_only=True):
    """A request to an address, which may be a secret."""

    url: Text | UnsetType = UNSET
    url_file: Text | UnsetType = UNSET
    method: Literal["GET", "POST", "PUT", "HEAD"] | UnsetType = UNSET


class CommandTaskSection(TaskSection, tag_field="type", tag="command", kw_only=True):
    """A command in a container of a target."""

    target: Name
    command: Annotated[
        list[str],
        Meta(min_length=1, description="a list: the command and its arguments"),
    ]


class HealthSummarySection(
    TaskSection, tag_field="type", tag="health_summary", kw_only=True
):
    """The present state of all targets, incidents and tasks."""


class ReportSection(TaskSection, tag_field="type", tag="report", kw_only=True):
    """Availability, outages and restarts of a period."""

    period: Duration | UnsetType = UNSET


class ConfigCheckSection(
    TaskSection, tag_field="type", tag="config_check", kw_only=True
):
    """``sidecar config check`` and ``sidecar doctor``."""


class ImageAgeSection(TaskSection, tag_field="type", tag="image_age", kw_only=True):
    """Containers whose image was built long ago."""

    older_than: Duration | UnsetType = UNSET


class BackupVerificationSection(
    TaskSection, tag_field="type", tag="backup_verification", kw_only=True
):
    """A verification of the stored backups of all targets."""


AnyTaskSection = (
    BackupVerificationSection
    | HealthSummarySection
    | ReportSection
    | ConfigCheckSection
    | ImageAgeSection
    | CleanUpSection
    | HttpTaskSection
    | CommandTaskSection
)


class Maintenance(Section):
    """Maintenance windows and tasks, and the retention of records."""

    windows: list[Window] | UnsetType = UNSET
    tasks: dict[Name, AnyTaskSection] | UnsetType = UNSET
    retention: Duration | UnsetType = UNSET
