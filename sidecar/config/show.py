"""The settings in force for display, without secrets."""

from dataclasses import fields, is_dataclass
from enum import Enum

import msgspec

from sidecar.config import duration
from sidecar.config.file.raw_tree import Path
from sidecar.config.secrets import MASK, is_secret, masked_url
from sidecar.config.settings import Settings
from sidecar.core.model.probe_settings import ProbeSettings
from sidecar.core.model.target import Target

_NOT_OF_THE_FILE = frozenset({"may_finish", "name", "cadence", "probes", "declared"})
_LATER = ("maintenance", "notify", "hooks", "cluster", "balancer")


def show_settings(settings: Settings) -> dict[str, object]:
    """Every setting with its source, secrets as ``***``; ready for YAML and JSON.

    Labels are not included: they need the engine. ``sources`` maps dotted keys to
    the source of the value; other keys have their default.
    """
    later = msgspec.to_builtins(settings.document)
    values: dict[str, object] = {
        "stack": settings.stack,
        "host_name": settings.host_name,
        "mode": settings.mode.value,
        "language": settings.language,
        "page": settings.page.value,
        "listen": _listen(settings),
        "state_dir": str(settings.state_dir),
        "api_token": MASK if settings.api_token else None,
        "log_level": settings.log_level,
        "log_format": settings.log_format,
        "watch_label": settings.watch_label,
        "targets": {target.name: _target(target) for target in settings.targets},
    }
    values |= {key: _mask_value(later[key], (key,)) for key in _LATER if key in later}
    return {
        **values,
        "sources": dict(settings.sources),
        "warnings": list(settings.warnings),
    }


def _listen(settings: Settings) -> str:
    host = settings.listen_host
    return f"{f'[{host}]' if ':' in host else host}:{settings.listen_port}"


def _target(target: Target) -> dict[str, object]:
    path: Path = ("targets", target.name)
    values = {
        key: value
        for key, value in _fields(target, path).items()
        if key not in _NOT_OF_THE_FILE and value is not None
    }
    probes = [_probe(probe, path) for probe in target.probes]
    return {"probe": probes, **_fields(target.cadence, path), **values}


def _probe(probe: ProbeSettings, path: Path) -> dict[str, object]:
    values = _fields(probe, (*path, "probe"))
    credentials = values.pop("credentials", None)
    if isinstance(credentials, dict):
        values |= credentials
    return {"type": probe.TYPE, **values}


def _fields(settings: object, path: Path) -> dict[str, object]:
    """The settings of one dataclass by the keys of the file."""
    assert is_dataclass(settings)
    values = {}
    for setting in fields(settings):
        key = setting.name.removesuffix("_s")
        value = getattr(settings, setting.name)
        is_duration = key != setting.name
        values[key] = _durations(value) if is_duration else _value(value, (*path, key))
    return values


def _durations(value: object) -> object:
    if isinstance(value, tuple):
        return [_durations(item) for item in value]
    return duration.format_seconds(value) if isinstance(value, float) else value


def _value(value: object, path: Path) -> object:
    if is_dataclass(value):
        return _fields(value, path)
    if isinstance(value, Enum):
        return value.value
    return _mask_value(value, path)


def _mask_value(value: object, path: Path) -> object:
    if isinstance(value, dict):
        return {
            key: _mask_value(item, (*path, str(key))) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_mask_value(item, path) for item in value]
    if value is not None and is_secret(path):
        return MASK
    return masked_url(value) if isinstance(value, str) else value
