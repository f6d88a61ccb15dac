"""Settings of several watchdogs, and their faults."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote

from msgspec import UnsetType

from sidecar.config.check.urls import certain_parts
from sidecar.config.duration import parse_seconds
from sidecar.config.file.model import Cluster, Document
from sidecar.config.file.setting_types import value_or
from sidecar.config.problem import ConfigProblem
from sidecar.config.secrets import SecretReader
from sidecar.core.model.lease import ClusterSettings, OnLost

SHORTEST_LEASE_S, LONGEST_LEASE_S = 5.0, 300.0
_PATH = "cluster.redis_url"
_SCHEMES = frozenset({"redis", "rediss", "unix"})
_OPTIONS = frozenset({"db", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})
_DATABASE = re.compile(r"/?[0-9]{0,4}")
_ADDRESS = "an address such as redis://:PASSWORD@redis:6379/0, or rediss:// for TLS"


def cluster_settings(
    document: Document, reader: SecretReader
) -> ClusterSettings | None:
    """The settings of the section ``cluster``; None: this watchdog is alone.

    ``reader`` collects the secret and all faults.
    """
    section = value_or(document.cluster, None)
    if section is None:
        return None
    url = reader.take(section.redis_url, section.redis_url_file, _PATH)
    reader.faults.extend(_faults(section, url, reader))
    settings = ClusterSettings(url or "")
    return ClusterSettings(
        url or "",
        value_or(section.quorum, settings.quorum),
        settings.lease_s
        if isinstance(section.lease, UnsetType)
        else parse_seconds(section.lease),
        OnLost(value_or(section.on_lost, settings.on_lost)),
    )


def _faults(
    section: Cluster, url: str | None, reader: SecretReader
) -> Iterator[ConfigProblem]:
    refused = any(f.path in {_PATH, f"{_PATH}_file"} for f in reader.faults)
    if url is None and not refused:
        allowed = "an address, or redis_url_file"
        yield ConfigProblem(_PATH, "nothing", allowed, "it is needed")
    elif url is not None and reader.reads_files and not _learn_password(url, reader):
        yield ConfigProblem(_PATH, "another text (not shown: a secret)", _ADDRESS)
    if isinstance(section.lease, UnsetType):
        return
    if not SHORTEST_LEASE_S <= parse_seconds(section.lease) <= LONGEST_LEASE_S:
        allowed = f"{SHORTEST_LEASE_S:g}s to {LONGEST_LEASE_S / 60:g}m"
        yield ConfigProblem("cluster.lease", section.lease, allowed)


def _learn_password(url: str, reader: SecretReader) -> bool:
    """Note the password, so that it is masked alone, too. False: it is no address."""
    scheme, _, rest = url.partition("://")
    credentials, at, _ = rest.rpartition("@")
    address = f"{scheme}://{rest.rpartition('@')[2]}"
    parts = certain_parts(address)
    if parts is None or scheme not in _SCHEMES or "/" in credentials:
        return False
    password = credentials.partition(":")[2]
    if at and password:
        reader.values.extend({password, unquote(password)})
    if (
        not {key for key, _ in parse_qsl(parts.query, keep_blank_values=True)}
        <= _OPTIONS
    ):
        return False
    if scheme == "unix":
        return bool(parts.path)
    return bool(parts.hostname) and _DATABASE.fullmatch(parts.path) is not None
