"""Settings from environment variables: the process, and the default targets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from sidecar.config.check.urls import host_of, is_service_name, listen_address
from sidecar.config.file.raw_tree import Tree, dotted_path
from sidecar.config.problem import ConfigProblem, quote_value
from sidecar.config.secrets import SecretReader
from sidecar.core.text.known_names import find_nearest

WALLET = "ELECTRON_CASH_"
SERVICE = "BCH_SERVICE_"
OWN = "SIDECAR_"
_SECRETS = (f"{WALLET}PASSWORD", f"{WALLET}WALLET_PASSWORD", f"{OWN}API_TOKEN")
KNOWN = (
    f"{WALLET}URL",
    f"{WALLET}USER",
    f"{WALLET}TARGET",
    f"{SERVICE}URL",
    f"{SERVICE}TARGET",
    f"{OWN}CONFIG",
    f"{OWN}MODE",
    f"{OWN}ENGINE",
    f"{OWN}STACK",
    f"{OWN}HOST_NAME",
    f"{OWN}LISTEN",
    f"{OWN}STATE_DIR",
    f"{OWN}LOG_LEVEL",
    f"{OWN}LOG_FORMAT",
    f"{OWN}LANGUAGE",
    f"{OWN}PAGE",
    f"{OWN}WATCH_LABEL",
    *_SECRETS,
    *(f"{name}_FILE" for name in _SECRETS),
)
_RESEMBLES = 0.75
_WALLET_URL = "http://electron-cash:7777/"
_WALLET_KEYS = {
    "url": "URL",
    "username": "USER",
    "password": "PASSWORD",
    "password_file": "PASSWORD_FILE",
    "wallet_password": "WALLET_PASSWORD",
    "wallet_password_file": "WALLET_PASSWORD_FILE",
}
_NAMES = {WALLET: "electron-cash", SERVICE: "bitcoincash-service"}
_LISTEN = "0.0.0.0:9787"
_STATE_DIR = "/var/lib/sidecar"
_DOCKER, _SWARM, NO_ENGINE = "docker", "swarm", "none"
_LOG_LEVELS = ("debug", "info", "warning", "error")
_LOG_FORMATS = ("json", "text")
_ENGINES = (_DOCKER, _SWARM, NO_ENGINE)

Environ = Mapping[str, str]


@dataclass(slots=True)
class EnvironmentValues:
    """A tree from variables; ``names`` maps its dotted keys to the variables."""

    tree: dict[str, Tree] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    faults: list[ConfigProblem] = field(default_factory=list)


class Process(NamedTuple):
    """Settings that only the environment can set."""

    listen_host: str
    listen_port: int
    state_dir: FilePath
    api_token: str | None
    log_level: str
    log_format: str | None
    watch_label: str | None
    has_engine: bool
    swarm: bool | None


def read_environment(environ: Environ) -> dict[str, str]:
    """The variables that are not empty: compose passes an unset one as empty."""
    return {name: value for name, value in environ.items() if value.strip()}


def state_dir(environ: Environ) -> FilePath:
    """The state directory."""
    return FilePath(read_environment(environ).get(f"{OWN}STATE_DIR", _STATE_DIR))


def find_misspelt_variables(environ: Environ) -> list[ConfigProblem]:
    """A fault for each unknown variable whose name resembles one of Sidecar's."""
    faults = []
    for name in environ:
        prefix = next((p for p in (WALLET, SERVICE, OWN) if name.startswith(p)), None)
        if prefix is None or name in KNOWN:
            continue
        ours = [k.removeprefix(prefix) for k in KNOWN if k.startswith(prefix)]
        near = find_nearest(name.removeprefix(prefix), ours, _RESEMBLES)
        if near:
            hint = f"did you mean {prefix}{near}?"
            words = ", ".join(f"{prefix}{suffix}" for suffix in ours)
            faults.append(ConfigProblem(name, "an unknown variable", words, hint))
    return faults


def process_settings(
    environ: Environ, reader: SecretReader
) -> tuple[Process, list[ConfigProblem]]:
    """The settings of the process itself."""
    faults: list[ConfigProblem] = []
    text = environ.get(f"{OWN}LISTEN", _LISTEN)
    address = listen_address(text)
    if address is None:
        allowed = "HOST:PORT such as 0.0.0.0:9787 or [::]:9787"
        faults.append(ConfigProblem(f"{OWN}LISTEN", quote_value(text), allowed))
    level = environ.get(f"{OWN}LOG_LEVEL", "info").lower()
    form = environ.get(f"{OWN}LOG_FORMAT")
    engine = environ.get(f"{OWN}ENGINE", _DOCKER)
    faults += _choice_faults(f"{OWN}ENGINE", engine, _ENGINES)
    faults += _choice_faults(f"{OWN}LOG_LEVEL", level, _LOG_LEVELS)
    faults += _choice_faults(f"{OWN}LOG_FORMAT", form or "json", _LOG_FORMATS)
    host, port = address or ("", 0)
    token = reader.take(*_read_secret(environ, f"{OWN}API_TOKEN"), f"{OWN}API_TOKEN")
    return (
        Process(
            listen_host=host,
            listen_port=port,
            state_dir=state_dir(environ),
            api_token=token,
            log_level=level,
            log_format=form,
            watch_label=environ.get(f"{OWN}WATCH_LABEL"),
            has_engine=engine != NO_ENGINE,
            swarm=engine == _SWARM if f"{OWN}ENGINE" in environ else None,
        ),
        faults,
    )


def _choice_faults(
    name: str, value: str, allowed: tuple[str, ...]
) -> list[ConfigProblem]:
    if value in allowed:
        return []
    return [ConfigProblem(name, quote_value(value), ", ".join(allowed))]


def _read_secret(
    environ: Environ, name: str
) -> tuple[str | UnsetType, str | UnsetType]:
    return environ.get(name, UNSET), environ.get(f"{name}_FILE", UNSET)


def environment_tree(environ: Environ) -> EnvironmentValues:
    """Values of the environment that take precedence over the file."""
    values = EnvironmentValues()
    for key in ("stack", "host_name", "mode", "language", "page"):
        name = f"{OWN}{key.upper()}"
        if name in environ:
            values.tree[key] = environ[name]
            values.names[key] = name
    return values


def default_targets(environ: Environ) -> EnvironmentValues:
    """The default targets: the wallet daemon and the service that needs it.

    None where containers are watched by a label and no variable names a wallet.
    """
    values = EnvironmentValues()
    pair = any(name.startswith((WALLET, SERVICE)) for name in environ)
    if f"{OWN}WATCH_LABEL" in environ and not pair:
        return values
    wallet = _target_name(
        values, WALLET, environ.get(f"{WALLET}URL", _WALLET_URL), environ
    )
    targets: dict[str, Tree] = {
        wallet: {"probe": _wallet_probe(values, wallet, environ)}
    }
    if f"{SERVICE}URL" in environ:
        _add_service(values, targets, wallet, environ)
    elif f"{SERVICE}TARGET" in environ:
        hint = f"{SERVICE}TARGET alone watches nothing"
        allowed = "the service's health address"
        values.faults.append(ConfigProblem(f"{SERVICE}URL", "nothing", allowed, hint))
    values.tree["targets"] = targets
    return values


def _wallet_probe(values: EnvironmentValues, target: str, environ: Environ) -> Tree:
    probe: dict[str, Tree] = {"type": "electron_cash", "url": _WALLET_URL}
    for key, suffix in _WALLET_KEYS.items():
        values.names[dotted_path(("targets", target, "probe", key))] = (
            f"{WALLET}{suffix}"
        )
        if f"{WALLET}{suffix}" in environ:
            probe[key] = environ[f"{WALLET}{suffix}"]
    return probe


def _add_service(
    values: EnvironmentValues, targets: dict[str, Tree], wallet: str, environ: Environ
) -> None:
    url = environ[f"{SERVICE}URL"]
    name = _target_name(values, SERVICE, url, environ)
    if name == wallet:
        allowed = "another service than the wallet daemon's"
        fault = ConfigProblem(f"{SERVICE}TARGET", repr(name), allowed)
        values.faults.append(fault)
        return
    values.names[dotted_path(("targets", name, "probe", "url"))] = f"{SERVICE}URL"
    targets[name] = {"depends_on": [wallet], "probe": {"type": "http", "url": url}}


def _target_name(
    values: EnvironmentValues, prefix: str, url: str, environ: Environ
) -> str:
    """The target's name: from its variable, else the host of its address."""
    variable = f"{prefix}TARGET" if f"{prefix}TARGET" in environ else f"{prefix}URL"
    host = host_of(url)
    name = environ.get(f"{prefix}TARGET", host)
    if variable.endswith("URL") and host and not is_service_name(host):
        allowed = "the compose service or container that answers there"
        hint = f"{host} in {prefix}URL names none"
        values.faults.append(ConfigProblem(f"{prefix}TARGET", "nothing", allowed, hint))
    name = name or _NAMES[prefix]
    values.names[dotted_path(("targets", name))] = variable
    values.names[dotted_path(("targets", name, "service"))] = variable
    return name
