"""Checks of the sections besides the targets: faults, secrets, unsupported keys."""

from collections.abc import Iterator

from sidecar.config.file.model import Document, TargetSection
from sidecar.config.file.setting_types import value_or
from sidecar.config.maintenance import task_faults, window_faults
from sidecar.config.notifications import notify_faults
from sidecar.config.problem import ConfigProblem
from sidecar.config.secrets import SecretReader

_LATER = "accepted, not acted on yet"


def document_faults(
    document: Document, known_names: frozenset[str]
) -> Iterator[ConfigProblem]:
    """Faults of addresses, cron lines and names. ``known_names``: of all targets."""
    for name, target in value_or(document.targets, {}).items():
        yield from _target_faults(target, f"targets.{name}")
    yield from window_faults(document, known_names)
    yield from task_faults(document, known_names)
    yield from notify_faults(document)


def _target_faults(target: TargetSection, path: str) -> Iterator[ConfigProblem]:
    if value_or(target.service, None) and value_or(target.container, None):
        hint = "a container named so wins over its service"
        yield ConfigProblem(
            f"{path}.container", "service as well", "one of the two", hint
        )


def read_secrets(document: Document, reader: SecretReader) -> None:
    """Read the secret of the section ``cluster``, so that it is masked everywhere."""
    cluster = value_or(document.cluster, None)
    if cluster:
        path = "cluster.redis_url"
        redis = reader.take(cluster.redis_url, cluster.redis_url_file, path)
        _require_secret(reader, redis, path)


def _require_secret(reader: SecretReader, secret: str | None, path: str) -> None:
    refused = any(f.path in {path, f"{path}_file"} for f in reader.faults)
    if secret is None and not refused:
        allowed = f"an address, or {path.rpartition('.')[2]}_file"
        reader.faults.append(ConfigProblem(path, "nothing", allowed, "it is needed"))


def later_problems(document: Document) -> Iterator[str]:
    """A line for each setting that this version accepts but does not support yet."""
    if _is_set(document, "cluster"):
        yield f"cluster: {_LATER}"


def _is_set(section: object, key: str) -> bool:
    return value_or(getattr(section, key, None), None) is not None
