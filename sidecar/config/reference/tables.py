"""The reference of the file as tables, and as a JSON Schema with descriptions.

Both are made from the sections of the file, their texts, and the defaults in the
settings of the core. Imported only when a person asks for them.
"""

import copy
from collections.abc import Mapping
from dataclasses import MISSING, fields
from enum import Enum
from typing import Any, NamedTuple, get_args

from msgspec import structs

from sidecar.config import duration
from sidecar.config.file.maintenance_sections import AnyTaskSection, TaskSection
from sidecar.config.file.model import (
    BackupSection,
    BusySection,
    Cluster,
    Defaults,
    ObjectiveSection,
    OffsiteSection,
    PreventiveSection,
    RestartSection,
    RestoreTestSection,
    RollingSection,
    TargetSection,
)
from sidecar.config.file.notify_sections import EscalateAfter, Heartbeat, Notify
from sidecar.config.file.probe_sections import (
    Probe,
    ProbeSection,
)
from sidecar.config.file.schema import describe_allowed, schema
from sidecar.config.file.setting_types import NAME_WORDS, Section
from sidecar.config.reference.backup_texts import BACKUP_TEXTS
from sidecar.config.reference.document_texts import DOCUMENT_TEXTS
from sidecar.config.reference.key_text import NONE, KeyText, SectionTexts
from sidecar.config.reference.maintenance_texts import MAINTENANCE_TEXTS
from sidecar.config.reference.notify_texts import NOTIFY_TEXTS
from sidecar.config.reference.probe_texts import PROBE_TEXTS
from sidecar.config.reference.target_texts import TARGET_TEXTS
from sidecar.core.model.backup_settings import (
    BackupSettings,
    OffsiteSettings,
    RestoreTestSettings,
)
from sidecar.core.model.cause import Severity
from sidecar.core.model.drill_settings import DrillObjective
from sidecar.core.model.lease import ClusterSettings
from sidecar.core.model.notification_settings import (
    EscalationSettings,
    HeartbeatSettings,
)
from sidecar.core.model.probe_settings import ProbeSettings, RunningProbe
from sidecar.core.model.target import (
    BusySettings,
    PlannedRestartSettings,
    ProbeSchedule,
    RestartSettings,
    RollingSettings,
    Target,
)

TEXTS: Mapping[type[Section], SectionTexts] = {
    **DOCUMENT_TEXTS,
    **TARGET_TEXTS,
    **BACKUP_TEXTS,
    **PROBE_TEXTS,
    **NOTIFY_TEXTS,
    **MAINTENANCE_TEXTS,
}
"""The texts of all keys, by section."""

NEEDED = "must be given"
_PROBES = {kind.TYPE: kind for kind in get_args(ProbeSettings)}
SETTINGS: Mapping[type[Section], tuple[type[Any], ...]] = {
    Defaults: (ProbeSchedule, RunningProbe),
    TargetSection: (Target, ProbeSchedule),
    RestartSection: (RestartSettings,),
    RollingSection: (RollingSettings,),
    BusySection: (BusySettings,),
    BackupSection: (BackupSettings,),
    OffsiteSection: (OffsiteSettings,),
    RestoreTestSection: (RestoreTestSettings,),
    PreventiveSection: (PlannedRestartSettings,),
    ObjectiveSection: (DrillObjective,),
    ProbeSection: (RunningProbe,),
    Cluster: (ClusterSettings,),
    Notify: (EscalationSettings,),
    Heartbeat: (HeartbeatSettings,),
    **{
        section: (_PROBES[str(section.__struct_config__.tag)],)
        for section in get_args(Probe)
    },
}
"""The settings of the core that have the defaults of a section; the first that fits."""

KINDS: Mapping[type[Section], tuple[type[Section], ...]] = {
    ProbeSection: get_args(Probe),
    TaskSection: get_args(AnyTaskSection),
}
"""Sections with the common keys of several kinds, and those kinds."""

_SHORTER = (
    (NAME_WORDS, "a name"),
    (" such as 500ms, 15s, 2m, 6h or 90d", ""),
    (" that is not empty", ""),
    (", as the daemon's container sees it", ""),
)
"""Parts of long descriptions, and what a table has instead."""


class MissingTextError(LookupError):
    """A key of the file has no text, or no default."""


class KeyRow(NamedTuple):
    """One key of a section: what it allows, its default and its meaning."""

    key: str
    allowed: str
    default: str
    meaning: str


def sections() -> Mapping[str, type[Section]]:
    """All sections of the file, and the common keys of all kinds, by class name."""
    names = {*(common.__name__ for common in KINDS), *_schema_parts()}
    return {
        section.__name__: section
        for section in _subclasses(Section)
        if section.__name__ in names
    }


def rows_of(section: type[Section]) -> tuple[KeyRow, ...]:
    """The keys of a section, in the order of the model.

    A kind of probe or task has the common keys only where its default is another one.
    Raises MissingTextError.
    """
    rows = tuple(_build_row(section, field) for field in structs.fields(section))
    common_rows = {
        row
        for common, kinds in KINDS.items()
        if section in kinds
        for row in rows_of(common)
    }
    return tuple(row for row in rows if row not in common_rows)


def described_schema() -> dict[str, object]:
    """The JSON Schema of the file, with the meaning and the default of each key."""
    described: dict[str, Any] = copy.deepcopy(schema())
    for name, part in described["$defs"].items():
        section = sections()[name]
        for field in structs.fields(section):
            row = _build_row(section, field)
            text = f"{row.meaning}; {row.allowed}; default: {row.default}"
            part["properties"][row.key]["description"] = text
    return described


def _build_row(section: type[Section], field: structs.FieldInfo) -> KeyRow:
    key = field.encode_name
    text = _text_of(section, key)
    part = _part_of(section, key)
    allowed = describe_allowed(part)
    for words, shorter in _SHORTER:
        allowed = allowed.replace(words, shorter)
    default = NEEDED if field.required else text.default or _default(section, key)
    return KeyRow(key, allowed, default, text.meaning)


def _text_of(section: type[Section], key: str) -> KeyText:
    for parent in section.__mro__:
        text = TEXTS.get(parent, {}).get(key)
        if text is not None:
            return text
    raise MissingTextError(
        f"{section.__name__}.{key}: it has no text; add a KeyText in "
        "sidecar/config/reference/"
    )


def _part_of(section: type[Section], key: str) -> Any:  # noqa: ANN401 - JSON Schema
    """The part of the schema for a key; common keys are in each kind."""
    section = KINDS.get(section, (section,))[0]
    return _schema_parts()[section.__name__]["properties"][key]


def _schema_parts() -> dict[str, Any]:
    """The sections in the JSON Schema, by class name."""
    parts: Any = schema()["$defs"]
    return dict(parts)


def _default(section: type[Section], key: str) -> str:
    """The default in the settings of the core, as the file writes it."""
    if section is EscalateAfter:
        return (
            f"`{duration.format_seconds(EscalationSettings().after_s[Severity(key)])}`"
        )
    for settings in SETTINGS.get(section, ()):
        for field in fields(settings):
            if field.name.removesuffix("_s") == key:
                value = field.default
                if field.default_factory is not MISSING:
                    value = field.default_factory()
                if value is not MISSING:
                    return _write(value, is_duration=field.name != key)
    raise MissingTextError(
        f"{section.__name__}.{key}: name its default in its KeyText, or name the "
        "settings that have it in SETTINGS, in sidecar/config/reference/"
    )


def _write(value: object, *, is_duration: bool) -> str:
    if value is None or value in ((), {}):
        return NONE
    return f"`{_write_plain(value, is_duration=is_duration)}`"


def _write_plain(value: object, *, is_duration: bool) -> str:
    if isinstance(value, tuple):
        items = (_write_plain(item, is_duration=is_duration) for item in value)
        return f"[{', '.join(items)}]"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, float) and is_duration:
        return duration.format_seconds(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _subclasses(kind: type[Section]) -> list[type[Section]]:
    below = kind.__subclasses__()
    return [*below, *(inner for each in below for inner in _subclasses(each))]
