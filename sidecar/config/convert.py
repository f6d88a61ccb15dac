"""Conversion of the file's sections into the settings of the core."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, get_args

from msgspec import UNSET, Struct, UnsetType

from sidecar.config import duration
from sidecar.config.backups import build_backup
from sidecar.config.check.secret_text import username_objection
from sidecar.config.check.wallet_paths import wallet_path_faults
from sidecar.config.file.model import (
    Defaults,
    RestartSection,
    TargetSection,
)
from sidecar.config.file.probe_sections import (
    ElectronCashSection,
    HttpSection,
    JsonRpcSection,
    LogSection,
    Probe,
)
from sidecar.config.file.setting_types import tuple_of, value_or
from sidecar.config.problem import ConfigProblem
from sidecar.config.secrets import SecretReader
from sidecar.core.model.cause import Severity
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_settings import DrillObjective, DrillPlan
from sidecar.core.model.probe_settings import (
    Credentials,
    DockerProbe,
    FieldPattern,
    OnMatch,
    ProbeSettings,
)
from sidecar.core.model.target import (
    AfterDependency,
    BusySettings,
    PlannedRestartSettings,
    ProbeSchedule,
    RestartSettings,
    RollingSettings,
    Target,
)

_SETTINGS_BY_TYPE: Mapping[str, type[ProbeSettings]] = {
    kind.TYPE: kind for kind in get_args(ProbeSettings)
}

_OPTIONAL_SETTINGS: Mapping[str, type[Any]] = {
    "rolling": RollingSettings,
    "preventive": PlannedRestartSettings,
    "busy": BusySettings,
    "objective": DrillObjective,
}
"""The settings of sections that need no conversion but that of durations."""

_NO_START = Defaults(start_period="0s")


def build_target(
    name: str, section: TargetSection, defaults: Defaults, reader: SecretReader
) -> Target:
    """One target with all defaults filled in.

    ``reader`` collects its secrets and faults.
    """
    has_container = not isinstance(section.container, UnsetType)
    values: dict[str, Any] = {
        "service": None if has_container else value_or(section.service, name),
        "container": value_or(section.container, None),
        "depends_on": tuple(value_or(section.depends_on, ())),
        "after_dependency": AfterDependency(
            value_or(section.after_dependency, AfterDependency.IF_FAILING)
        ),
        "probes": (probes := _build_probes(name, section, defaults, reader)),
        "cadence": _build_schedule(probes, section, defaults),
        "restart": _fill_settings(
            RestartSettings, value_or(section.restart, RestartSection())
        ),
    }
    for key, settings in _OPTIONAL_SETTINGS.items():
        inner = getattr(section, key)
        if not isinstance(inner, UnsetType):
            values[key] = _fill_settings(settings, inner)
    if not isinstance(section.recreate, UnsetType):
        values["recreate"] = section.recreate
    if not isinstance(section.severity, UnsetType):
        values["severity"] = Severity(section.severity)
    if not isinstance(section.backup, UnsetType):
        path = f"targets.{name}.backup"
        values["backup"] = build_backup(section.backup, path, reader)
    if not isinstance(section.drill, UnsetType):
        fault = DrillFault(section.drill.fault)
        values["drill"] = _fill_settings(DrillPlan, section.drill, fault=fault)
    if not isinstance(section.settle, UnsetType):
        values["settle_s"] = duration.parse_seconds(section.settle)
    return Target(name, **values)


def _build_schedule(
    probes: tuple[ProbeSettings, ...], section: TargetSection, defaults: Defaults
) -> ProbeSchedule:
    """The probe schedule; without a start period where all probes are ``docker``.

    The engine applies a start period of its own to its health check.
    """
    natively = bool(probes) and all(isinstance(p, DockerProbe) for p in probes)
    fallbacks = (_NO_START,) if natively else ()
    cadence: ProbeSchedule = _fill_settings(
        ProbeSchedule, section, defaults, *fallbacks
    )
    return cadence


def probe_paths(name: str, section: TargetSection) -> tuple[str, ...]:
    """The dotted path of each probe of a target."""
    if isinstance(section.probe, list):
        return tuple(f"targets.{name}.probe[{i}]" for i in range(len(section.probe)))
    return (f"targets.{name}.probe",)


def _build_probes(
    name: str, section: TargetSection, defaults: Defaults, reader: SecretReader
) -> tuple[ProbeSettings, ...]:
    if isinstance(section.probe, UnsetType):
        return ()
    sections = section.probe if isinstance(section.probe, list) else [section.probe]
    paths = probe_paths(name, section)
    return tuple(
        _build_probe(p, defaults, path, reader)
        for p, path in zip(sections, paths, strict=True)
    )


def _build_probe(
    section: Probe, defaults: Defaults, path: str, reader: SecretReader
) -> ProbeSettings:
    values: dict[str, Any] = {}
    if isinstance(section, ElectronCashSection | JsonRpcSection | HttpSection):
        values["credentials"] = _credentials(section, path, reader)
    if isinstance(section, ElectronCashSection):
        values["wallet_password"] = reader.take(
            section.wallet_password,
            section.wallet_password_file,
            f"{path}.wallet_password",
        )
        values["wallet_path"] = paths = tuple_of(section.wallet_path)
        reader.faults.extend(wallet_path_faults(paths, f"{path}.wallet_path"))
    if isinstance(section, HttpSection) and isinstance(section.expect_status, int):
        values["expect_status"] = (section.expect_status,)
    if isinstance(section, LogSection):
        values["sets"] = tuple_of(section.set)
        values["patterns"] = tuple(_log_patterns(section))
    on_match = getattr(section, "on_match", UNSET)
    if not isinstance(on_match, UnsetType):
        values["on_match"] = OnMatch(on_match)
    kind = _SETTINGS_BY_TYPE[str(section.__struct_config__.tag)]
    probe: ProbeSettings = _fill_settings(kind, section, defaults, **values)
    return probe


def _log_patterns(section: LogSection) -> Iterator[str | FieldPattern]:
    for pattern in value_or(section.patterns, []):
        if isinstance(pattern, str):
            yield pattern
        else:
            yield FieldPattern(pattern.field, pattern.matches)


def _credentials(
    section: ElectronCashSection | JsonRpcSection | HttpSection,
    path: str,
    reader: SecretReader,
) -> Credentials | None:
    password = reader.take(section.password, section.password_file, f"{path}.password")
    has_password = (section.password, section.password_file) != (UNSET, UNSET)
    if isinstance(section.username, UnsetType):
        if has_password:
            allowed = "the user that the password is for"
            reader.faults.append(ConfigProblem(f"{path}.username", "nothing", allowed))
        return None
    why = username_objection(section.username)
    if why:
        allowed = "the bare user name"
        reader.faults.append(ConfigProblem(f"{path}.username", why, allowed))
    if not has_password:
        allowed = f"the password of {section.username!r}"
        hint = "give password_file"
        reader.faults.append(
            ConfigProblem(f"{path}.password", "nothing", allowed, hint)
        )
    return Credentials(section.username, password) if password else None


def _fill_settings(kind: type[Any], *sections: Struct, **overrides: object) -> Any:  # noqa: ANN401
    """Settings of the core: from the first section that has the key, else the default.

    The key of a setting ``window_s`` is ``window``, a duration or a list of durations.
    """
    values = dict(overrides)
    for setting in fields(kind):
        key = setting.name.removesuffix("_s")
        value = next(
            (v for s in sections if (v := getattr(s, key, UNSET)) is not UNSET), UNSET
        )
        if setting.name not in values and value is not UNSET:
            values[setting.name] = _convert_value(
                value, is_duration=key != setting.name
            )
    return kind(**values)


def _convert_value(value: object, *, is_duration: bool) -> object:
    if isinstance(value, list):
        return tuple(_convert_value(item, is_duration=is_duration) for item in value)
    return duration.parse_seconds(str(value)) if is_duration else value
