"""The sections beside the targets: their faults, secrets and what waits for later."""

from collections.abc import Iterable, Iterator

from sidecar.config.address import url_fault
from sidecar.config.check import cron_faults
from sidecar.config.fault import Fault
from sidecar.config.model import (
    Document,
    Maintenance,
    TargetSection,
    said,
)
from sidecar.config.notify import notify_faults
from sidecar.config.secret import Vault

_LATER = "accepted, not acted on yet"


def document_faults(document: Document, known: frozenset[str]) -> Iterator[Fault]:
    """Addresses, cron lines and names; ``known``: the names of all targets."""
    for name, target in said(document.targets, {}).items():
        yield from _target_faults(target, f"targets.{name}")
    yield from _window_faults(said(document.maintenance, Maintenance()), known)
    yield from notify_faults(document)


def _target_faults(target: TargetSection, path: str) -> Iterator[Fault]:
    busy, backup = said(target.busy, None), said(target.backup, None)
    if busy:
        yield from _url_faults(f"{path}.busy.url", busy.url)
    if backup:
        timezone = said(backup.timezone, "UTC")
        yield from cron_faults(f"{path}.backup", backup.cron, timezone)
    if said(target.service, None) and said(target.container, None):
        hint = "a container named so wins over its service"
        yield Fault(f"{path}.container", "service as well", "one of the two", hint)


def _window_faults(maintenance: Maintenance, known: frozenset[str]) -> Iterator[Fault]:
    for index, window in enumerate(said(maintenance.windows, [])):
        path = f"maintenance.windows[{index}]"
        yield from cron_faults(path, window.cron, said(window.timezone, "UTC"))
        yield from _unknown(f"{path}.targets", said(window.targets, []), known)


def _unknown(path: str, names: Iterable[str], known: frozenset[str]) -> Iterator[Fault]:
    allowed = ", ".join(sorted(known)) or "none: there are none"
    yield from (Fault(path, repr(name), allowed) for name in names if name not in known)


def _url_faults(path: str, url: str) -> Iterator[Fault]:
    fault = url_fault(path, url)
    if fault:
        yield fault


def read_secrets(document: Document, vault: Vault) -> None:
    """Read the cluster's secret, so that it is masked everywhere."""
    cluster = said(document.cluster, None)
    if cluster:
        path = "cluster.redis_url"
        redis = vault.take(cluster.redis_url, cluster.redis_url_file, path)
        _needed(vault, redis, path)


def _needed(vault: Vault, secret: str | None, path: str) -> None:
    refused = any(f.path in {path, f"{path}_file"} for f in vault.faults)
    if secret is None and not refused:
        allowed = f"an address, or {path.rpartition('.')[2]}_file"
        vault.faults.append(Fault(path, "nothing", allowed, "it is needed"))


def later(document: Document) -> Iterator[str]:
    """A line for everything that this version accepts and does not act on."""
    for name, target in said(document.targets, {}).items():
        path = f"targets.{name}"
        for key in ("busy", "backup"):
            if _said(target, key):
                yield f"{path}.{key}: {_LATER}"
        if _said(said(target.preventive, None), "memory_over"):
            yield f"{path}.preventive.memory_over: {_LATER}"
    sections = ("maintenance", "cluster")
    yield from (f"{key}: {_LATER}" for key in sections if _said(document, key))


def _said(section: object, key: str) -> bool:
    return said(getattr(section, key, None), None) is not None
