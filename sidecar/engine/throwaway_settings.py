"""Settings of a throw-away container, made like one of the stack. Pure.

It runs the same image with the same command and environment, and has neither its
network nor its volumes.
"""

from collections.abc import Iterator

import msgspec

from sidecar.engine.api_types import Pascal
from sidecar.engine.containers import IDENTITY_LABELS, parse

LABEL = "sidecar.restore-test"
"""The label with the stack's name, by which a container that was left is found."""
MEMORY_BYTES = 1024 * 1024 * 1024
"""The limit of memory where the original has none."""
MOST_FILES = 32
_COMPOSE_LABELS = "com.docker.compose."
_CPUS = 1.0
_PIDS = 256
_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID")
"""What an entrypoint needs that prepares its folders, and then becomes another user."""


class _Config(Pascal, frozen=True):
    env: list[str] | None = None
    cmd: list[str] | None = None
    entrypoint: list[str] | None = None
    user: str = ""
    working_dir: str = ""
    labels: dict[str, str] | None = None


class _Mount(Pascal, frozen=True):
    kind: str = msgspec.field(name="Type", default="")
    destination: str = ""


class _HostConfig(Pascal, frozen=True):
    memory: int = 0


class _Inspected(Pascal, frozen=True):
    image: str
    config: _Config
    host_config: _HostConfig = _HostConfig()
    mounts: list[_Mount] | None = None


def make_settings(raw: object, stack: str) -> dict[str, object]:
    """The body of ``POST /containers/create``, from an inspect's answer.

    msgspec.ValidationError. The environment contains secrets.
    """
    original = parse(raw, _Inspected)
    config = original.config
    return {
        "Image": original.image,
        "Env": config.env or [],
        "Cmd": config.cmd,
        "Entrypoint": config.entrypoint,
        "User": config.user,
        "WorkingDir": config.working_dir,
        "Labels": _labels(config.labels or {}, stack),
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": _host_settings(original.host_config.memory or MEMORY_BYTES),
    }


def _labels(original: dict[str, str], stack: str) -> dict[str, str]:
    """Our label; labels of compose, which the image can have, are made empty."""
    of_compose = {name: "" for name in original if name.startswith(_COMPOSE_LABELS)}
    return {**dict.fromkeys(IDENTITY_LABELS, ""), **of_compose, LABEL: stack}


def _host_settings(memory_bytes: int) -> dict[str, object]:
    return {
        "NetworkMode": "none",
        "Memory": memory_bytes,
        "MemorySwap": memory_bytes,
        "NanoCpus": int(_CPUS * 1e9),
        "PidsLimit": _PIDS,
        "CapDrop": ["ALL"],
        "CapAdd": list(_CAPABILITIES),
        "SecurityOpt": ["no-new-privileges"],
        "RestartPolicy": {"Name": "no"},
        # What the daemon says of the wallet is not kept.
        "LogConfig": {"Type": "none"},
        "Init": True,
    }


def find_named_files(raw: object) -> tuple[str, ...]:
    """Paths that can be files which the original has from outside its image.

    They are bind mounts, as of secrets and configs, and paths that variables with
    names such as PASSWORD_FILE contain. msgspec.ValidationError.
    """
    original = parse(raw, _Inspected)
    paths = dict.fromkeys((*_bind_mounts(original), *_files_of_variables(original)))
    return tuple(paths)[:MOST_FILES]


def _bind_mounts(original: _Inspected) -> Iterator[str]:
    for mount in original.mounts or ():
        if mount.kind == "bind" and mount.destination.startswith("/"):
            yield mount.destination


def _files_of_variables(original: _Inspected) -> Iterator[str]:
    for variable in original.config.env or ():
        name, _, value = variable.partition("=")
        if name.endswith("_FILE") and value.startswith("/"):
            yield value
