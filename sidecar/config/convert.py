"""From what was written to the settings in force."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

from msgspec import UNSET, Struct, UnsetType

from sidecar.config import duration
from sidecar.config.check.secret_text import username_objection
from sidecar.config.file.model import (
    Defaults,
    ElectronCashSection,
    HttpSection,
    JsonRpcSection,
    PreventiveSection,
    Probe,
    RestartSection,
    TargetSection,
)
from sidecar.config.file.setting_types import value_or
from sidecar.config.problem import ConfigProblem
from sidecar.config.secrets import SecretReader
from sidecar.core.model.cause import Severity
from sidecar.core.model.probe_settings import (
    Credentials,
    DockerProbe,
    ProbeSettings,
)
from sidecar.core.model.target import (
    AfterDependency,
    PlannedRestartSettings,
    ProbeSchedule,
    RestartSettings,
    Target,
)

_SETTINGS_BY_TYPE: Mapping[str, type[ProbeSettings]] = {
    kind.TYPE: kind for kind in get_args(ProbeSettings)
}

_NO_START = Defaults(start_period="0s")


def build_target(
    name: str, section: TargetSection, defaults: Defaults, vault: SecretReader
) -> Target:
    """One target with everything decided; ``vault`` gets its secrets and faults."""
    named = not isinstance(section.container, UnsetType)
    values: dict[str, Any] = {
        "service": None if named else value_or(section.service, name),
        "container": value_or(section.container, None),
        "depends_on": tuple(value_or(section.depends_on, ())),
        "after_dependency": AfterDependency(
            value_or(section.after_dependency, AfterDependency.IF_FAILING)
        ),
        "probes": (probes := _build_probes(name, section, defaults, vault)),
        "cadence": _build_schedule(probes, section, defaults),
        "restart": _fill_settings(
            RestartSettings, value_or(section.restart, RestartSection())
        ),
    }
    if not isinstance(section.severity, UnsetType):
        values["severity"] = Severity(section.severity)
    if isinstance(section.preventive, PreventiveSection):
        values["preventive"] = _fill_settings(
            PlannedRestartSettings, section.preventive
        )
    if not isinstance(section.settle, UnsetType):
        values["settle_s"] = duration.parse_seconds(section.settle)
    return Target(name, **values)


def _build_schedule(
    probes: tuple[ProbeSettings, ...], section: TargetSection, defaults: Defaults
) -> ProbeSchedule:
    """A native check has a start period of its own: the engine counts it."""
    natively = bool(probes) and all(isinstance(p, DockerProbe) for p in probes)
    unsaid = (_NO_START,) if natively else ()
    cadence: ProbeSchedule = _fill_settings(ProbeSchedule, section, defaults, *unsaid)
    return cadence


def probe_paths(name: str, section: TargetSection) -> tuple[str, ...]:
    """Where in the file each probe of a target stands."""
    if isinstance(section.probe, list):
        return tuple(f"targets.{name}.probe[{i}]" for i in range(len(section.probe)))
    return (f"targets.{name}.probe",)


def _build_probes(
    name: str, section: TargetSection, defaults: Defaults, vault: SecretReader
) -> tuple[ProbeSettings, ...]:
    if isinstance(section.probe, UnsetType):
        return ()
    written = section.probe if isinstance(section.probe, list) else [section.probe]
    paths = probe_paths(name, section)
    return tuple(
        _build_probe(p, defaults, path, vault)
        for p, path in zip(written, paths, strict=True)
    )


def _build_probe(
    section: Probe, defaults: Defaults, path: str, vault: SecretReader
) -> ProbeSettings:
    ready: dict[str, Any] = {}
    if isinstance(section, ElectronCashSection | JsonRpcSection | HttpSection):
        ready["credentials"] = _credentials(section, path, vault)
    if isinstance(section, ElectronCashSection):
        ready["wallet_password"] = vault.take(
            section.wallet_password,
            section.wallet_password_file,
            f"{path}.wallet_password",
        )
        ready["wallet_path"] = _paths(section.wallet_path)
    if isinstance(section, HttpSection) and isinstance(section.expect_status, int):
        ready["expect_status"] = (section.expect_status,)
    kind = _SETTINGS_BY_TYPE[str(section.__struct_config__.tag)]
    probe: ProbeSettings = _fill_settings(kind, section, defaults, **ready)
    return probe


def _paths(written: str | list[str] | UnsetType) -> tuple[str, ...]:
    if isinstance(written, UnsetType):
        return ()
    return (written,) if isinstance(written, str) else tuple(written)


def _credentials(
    section: ElectronCashSection | JsonRpcSection | HttpSection,
    path: str,
    vault: SecretReader,
) -> Credentials | None:
    password = vault.take(section.password, section.password_file, f"{path}.password")
    given = (section.password, section.password_file) != (UNSET, UNSET)
    if isinstance(section.username, UnsetType):
        if given:
            allowed = "the user that the password is for"
            vault.faults.append(ConfigProblem(f"{path}.username", "nothing", allowed))
        return None
    why = username_objection(section.username)
    if why:
        allowed = "the bare user name"
        vault.faults.append(ConfigProblem(f"{path}.username", why, allowed))
    if not given:
        allowed = f"the password of {section.username!r}"
        hint = "give password_file"
        vault.faults.append(ConfigProblem(f"{path}.password", "nothing", allowed, hint))
    return Credentials(section.username, password) if password else None


def _fill_settings(kind: type[Any], *sections: Struct, **ready: object) -> Any:  # noqa: ANN401
    """Settings of the core: what was written first, else the core's default.

    A setting ``window_s`` is the key ``window``, a duration or a list of them.
    """
    values = dict(ready)
    for setting in fields(kind):
        key = setting.name.removesuffix("_s")
        written = next(
            (v for s in sections if (v := getattr(s, key, UNSET)) is not UNSET), UNSET
        )
        if setting.name not in values and written is not UNSET:
            values[setting.name] = _convert_value(
                written, is_duration=key != setting.name
            )
    return kind(**values)


def _convert_value(written: object, *, is_duration: bool) -> object:
    if isinstance(written, list):
        return tuple(_convert_value(item, is_duration=is_duration) for item in written)
    return duration.parse_seconds(str(written)) if is_duration else written
