"""Restrictions on labels: an image brings labels along, and may be untrusted."""

from collections.abc import Iterator, Mapping

from sidecar.config import duration
from sidecar.config.check.urls import host_of
from sidecar.config.file.raw_tree import Tree
from sidecar.config.problem import ConfigProblem, quote_value
from sidecar.config.secrets import is_secret
from sidecar.core.model.probe_settings import (
    JsonRpcProbe,
    LogProbe,
    OnMatch,
    ProbeSettings,
)

PREFIX = "sidecar."
MOST_LABELS = 64
LONGEST_KEY = 100
LONGEST_VALUE = 1000

_BY_FILE = "the configuration file"
_HINT = "a label may come with an image: say it below targets.NAME"
_PATHS = frozenset({"probe.wallet_path"})
_REFUSED_BRANCHES = {
    "backup": "a backup",
    "drill": "what breaks the container",
    "probe.headers": "a header",
    "probe.patterns": "a list of expressions",
    "probe.expose_balance": "what shows a balance",
    "recreate": "what replaces the container",
}
"""Keys that no label may set, alone or with a key below them."""
_SHORTEST_GAP_S = 3600.0

READING_METHODS = frozenset(
    {
        *("ping", "version", "status", "uptime", "health", "help", "echo"),
        *("getinfo", "getbalance", "getblockcount", "getblockchaininfo"),
        *("getbestblockhash", "getblockhash", "getconnectioncount", "getdifficulty"),
        *("getmempoolinfo", "getmininginfo", "getnettotals", "getnetworkinfo"),
        *("getpeerinfo", "getrpcinfo", "getwalletinfo", "gettxoutsetinfo"),
        *("server.ping", "server.version", "server.features", "server.banner"),
        *("blockchain.headers.get_tip", "system.listMethods", "rpc.discover"),
        *("eth_blockNumber", "eth_chainId", "eth_syncing", "eth_gasPrice"),
        *("net_version", "net_listening", "net_peerCount", "web3_clientVersion"),
    }
)
"""JSON-RPC methods that change nothing on any server."""

_COUNTS = {
    "restart.budget": (1, 5),
    "failure_threshold": (1, 20),
    "success_threshold": (1, 20),
    "probe.max_body_bytes": (1, 1_048_576),
    "probe.count": (1, 1000),
}
_DURATIONS = {
    "interval": ("1s", "10m"),
    "fast_interval": ("500ms", "10m"),
    "start_period": ("0s", "5m"),
    "settle": ("0s", "10m"),
    "probe.timeout": ("100ms", "1m"),
    "probe.hang_after": ("0s", "10m"),
    "probe.hang_after_outage": ("0s", "10m"),
    "probe.slow_after": ("100ms", "10m"),
    "probe.every": ("5s", "1h"),
    "probe.upstream_grace": ("0s", "24h"),
    "probe.stale_after": ("1m", "7d"),
    "probe.window": ("1s", "24h"),
    "probe.cooldown": ("1s", "24h"),
    "restart.window": ("1m", "24h"),
    "restart.backoff": ("1s", "1h"),
    "restart.backoff_max": ("1s", "6h"),
    "restart.stop_timeout": ("0s", "2m"),
    "restart.dead_stop_timeout": ("0s", "2m"),
    "restart.polite_stop": ("1s", "5m"),
    "restart.self_restart_grace": ("0s", "2m"),
    "restart.recovery_timeout": ("5s", "5m"),
    "restart.slow_lane": ("1m", "7d"),
    "rolling.drain": ("0s", "5m"),
    "rolling.pause": ("0s", "10m"),
    "preventive.jitter": ("0s", "24h"),
    "preventive.skip_if_restarted_within": ("1h", "90d"),
    "busy.max_wait": ("0s", "24h"),
    "objective.detect": ("1s", "1h"),
    "objective.recover": ("1s", "24h"),
}
"""Bounds of durations. The whole stack waits for a restart: it must not take long."""

BOUNDS: Mapping[str, tuple[int | str, int | str]] = {**_COUNTS, **_DURATIONS}
"""The minimum and the maximum that a label may set, by key."""


def text_faults(labels: tuple[tuple[str, str], ...]) -> Iterator[ConfigProblem]:
    """Faults of labels that are too many, too long, or not printable."""
    if len(labels) > MOST_LABELS:
        actual = f"{len(labels)} labels"
        yield ConfigProblem(f"{PREFIX}*", actual, f"at most {MOST_LABELS}")
        return
    for label, value in labels:
        name = label[:LONGEST_KEY]
        if len(label) > LONGEST_KEY:
            actual = f"a name of {len(label)} characters"
            yield ConfigProblem(name, actual, f"at most {LONGEST_KEY}")
        elif len(value) > LONGEST_VALUE:
            actual = f"{len(value)} characters"
            yield ConfigProblem(name, actual, f"at most {LONGEST_VALUE}")
        elif not (label + value).isprintable():
            yield ConfigProblem(
                name, "characters that are not printable", "printable text"
            )


def refusal(key: str) -> ConfigProblem | None:
    """The fault of a key of ``targets.NAME`` that no label may set; None if one may."""
    what = _kind(key)
    return ConfigProblem(f"{PREFIX}{key}", what, _BY_FILE, _HINT) if what else None


def _kind(key: str) -> str:
    for branch, what in _REFUSED_BRANCHES.items():
        if key == branch or key.startswith(f"{branch}."):
            return what
    if key.endswith("_file") or key in _PATHS:
        return "a file"
    is_credential = key.endswith("username") or is_secret((*key.split("."),))
    return "a credential" if is_credential else ""


def bound_faults(labels: tuple[tuple[str, str], ...]) -> Iterator[ConfigProblem]:
    """Faults of values, each of the right type, outside a label's bounds."""
    for label, value in labels:
        key = label.removeprefix(PREFIX)
        if key in _COUNTS and not _is_within(int(value), _COUNTS[key]):
            yield _out_of_bounds(label, value, *_COUNTS[key])
        elif key in _DURATIONS and not _are_within(value, *_DURATIONS[key]):
            yield _out_of_bounds(label, value, *_DURATIONS[key])


def _are_within(value: str, least: str, most: str) -> bool:
    """Is a duration, or each of several, within the bounds?"""
    bounds = duration.parse_seconds(least), duration.parse_seconds(most)
    each = (item.strip() for item in value.split(",") if item.strip())
    return all(_is_within(duration.parse_seconds(item), bounds) for item in each)


def _is_within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]


def _out_of_bounds(
    label: str, value: str, least: object, most: object
) -> ConfigProblem:
    allowed = f"from {least} to {most}"
    hint = "a label has these bounds; the configuration file has not"
    return ConfigProblem(label, quote_value(value), allowed, hint)


def longest_stop_s() -> float:
    """The longest stop timeout that a label may ask for."""
    return duration.parse_seconds(_DURATIONS["restart.stop_timeout"][1])


def probe_faults(probe: ProbeSettings, own: tuple[str, ...]) -> Iterator[ConfigProblem]:
    """Reasons to refuse a probe that labels describe.

    ``own``: the names of the container that has the labels.
    """
    if isinstance(probe, JsonRpcProbe) and probe.method not in READING_METHODS:
        allowed = "a method that is known to read only, such as ping or getinfo"
        hint = "any other one is said in the configuration file"
        yield ConfigProblem(
            f"{PREFIX}probe.method", quote_value(probe.method), allowed, hint
        )
    if isinstance(probe, LogProbe) and probe.on_match is not OnMatch.WARN:
        hint = "clients can bring text into a log: a label must not restart for it"
        yield ConfigProblem(
            f"{PREFIX}probe.on_match", probe.on_match, OnMatch.WARN, hint
        )
    host = getattr(probe, "host", None)
    if host is not None:
        yield from host_faults("probe.host", host, own)
    url = getattr(probe, "url", None)
    if url is not None:
        yield from host_faults("probe.url", host_of(url), own)


def host_faults(key: str, host: str, own: tuple[str, ...]) -> Iterator[ConfigProblem]:
    """The fault of a label whose address is not that of its own container."""
    if host.lower() in {name.lower() for name in own}:
        return
    allowed = f"the container itself: {' or '.join(own)}"
    actual = f"the host {host[:100]!r}"
    yield ConfigProblem(
        f"{PREFIX}{key}", actual, allowed, "another host is said in the file"
    )


def gap_faults(gap_s: float | None) -> Iterator[ConfigProblem]:
    """The fault of a label whose planned restarts are too frequent."""
    if gap_s is None or gap_s >= _SHORTEST_GAP_S:
        return
    actual = f"restarts every {duration.format_seconds(gap_s)}"
    allowed = f"{duration.format_seconds(_SHORTEST_GAP_S)} or more between two"
    yield ConfigProblem(f"{PREFIX}preventive.cron", actual, allowed)


def is_set(tree: Tree, key: str) -> bool:
    """Does the tree of settings set a dotted key, or a parent of it as a whole?"""
    node = tree
    for part in key.split("."):
        if not isinstance(node, dict):
            return True
        if part not in node:
            return False
        node = node[part]
    return True
