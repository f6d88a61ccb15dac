"""Checks of targets beyond their types: unknown names, timings that cannot work.

Pure functions on settings, except that ``ca_file`` is read. All faults are reported.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from sidecar.config.backups import backup_faults
from sidecar.config.check.busy import busy_faults
from sidecar.config.check.ca_file import ca_fault
from sidecar.config.check.cron import shortest_gap_s
from sidecar.config.check.drill import drill_faults, objective_faults
from sidecar.config.check.log_patterns import log_faults
from sidecar.config.check.preventive import preventive_faults
from sidecar.config.check.recreate import recreate_faults
from sidecar.config.check.rolling import rolling_faults
from sidecar.config.check.urls import url_fault
from sidecar.config.duration import format_seconds
from sidecar.config.problem import ConfigProblem
from sidecar.core.model.dependency_graph import (
    dependencies_of,
    find_cycle,
    unknown_names,
)
from sidecar.core.model.probe_settings import (
    ElectronCashProbe,
    HttpProbe,
    JsonRpcProbe,
    LogProbe,
    MemoryProbe,
    ProbeSettings,
    TcpProbe,
)
from sidecar.core.model.target import (
    AfterDependency,
    ProbeSchedule,
    RestartSettings,
    Target,
)
from sidecar.core.recovery.retry_budget import JITTER

_MIN_FAST_INTERVAL_S = 0.1
_LONGEST_NETWORK_CALL_S = 30.0
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")


def target_faults(
    target: Target, probe_paths: tuple[str, ...]
) -> Iterator[ConfigProblem]:
    """All faults of one target by itself."""
    path = f"targets.{target.name}"
    if not target.probes:
        hint = (
            "add {type: docker} to rely on the image's own health check, "
            "{type: running} for what serves nothing"
        )
        yield ConfigProblem(
            f"{path}.probe", "nothing", "a probe or a list of them", hint
        )
    for probe, probe_path in zip(target.probes, probe_paths, strict=False):
        yield from _probe_faults(probe, probe_path)
    for kind in (ElectronCashProbe, MemoryProbe):
        if sum(isinstance(p, kind) for p in target.probes) > 1:
            actual = f"two of {kind.TYPE}"
            yield ConfigProblem(f"{path}.probe", actual, "one", "make two targets")
    yield from _cadence_faults(target.cadence, path)
    yield from _restart_faults(target.restart, target.cadence, f"{path}.restart")
    yield from rolling_faults(target.rolling, f"{path}.rolling")
    yield from _settle_faults(target, path)
    yield from recreate_faults(target, path)
    if target.preventive is not None:
        yield from preventive_faults(target, target.preventive, f"{path}.preventive")
    if target.busy is not None:
        yield from busy_faults(target.busy, f"{path}.busy")
    yield from backup_faults(target, f"{path}.backup")
    yield from objective_faults(target.objective, f"{path}.objective")
    if target.drill is not None:
        yield from drill_faults(target, target.drill, f"{path}.drill")


def _probe_faults(probe: ProbeSettings, path: str) -> Iterator[ConfigProblem]:
    if isinstance(probe, ElectronCashProbe | JsonRpcProbe | HttpProbe):
        fault = url_fault(f"{path}.url", probe.url)
        if fault:
            yield fault
        fault = ca_fault(f"{path}.ca_file", probe.ca_file, probe.url)
        if fault:
            yield fault
    if isinstance(probe, HttpProbe):
        yield from _header_faults(probe.headers, f"{path}.headers")
    if isinstance(probe, LogProbe):
        yield from log_faults(probe, path)
    if 0.0 < probe.hang_after_s < probe.timeout_s:
        yield _too_short_fault(
            f"{path}.hang_after",
            probe.hang_after_s,
            probe.timeout_s,
            "a probe that waits for its timeout has been silent for longer",
        )


def _header_faults(headers: Mapping[str, str], path: str) -> Iterator[ConfigProblem]:
    """Faults of header names and values, which are sent as they are.

    No fault shows a value.
    """
    for name, value in headers.items():
        if _HEADER_NAME.fullmatch(name) is None:
            allowed = "letters, digits and '-', as in X-Probe"
            yield ConfigProblem(path, f"the name {name[:40]!r}", allowed)
        elif not value.replace("\t", " ").isprintable():
            actual = "a value with a line break or another control character"
            yield ConfigProblem(f"{path}.{name}", actual, "one line of text")


def _cadence_faults(cadence: ProbeSchedule, path: str) -> Iterator[ConfigProblem]:
    fast = cadence.fast_interval_s
    if fast > cadence.interval_s:
        yield ConfigProblem(
            f"{path}.fast_interval",
            format_seconds(fast),
            f"at most interval, {format_seconds(cadence.interval_s)}",
            "a streak would be looked at more slowly than health",
        )
    if fast < _MIN_FAST_INTERVAL_S:
        yield _too_short_fault(
            f"{path}.fast_interval", fast, _MIN_FAST_INTERVAL_S, "spare the target"
        )


def _restart_faults(
    restart: RestartSettings, cadence: ProbeSchedule, path: str
) -> Iterator[ConfigProblem]:
    if restart.backoff_s > restart.backoff_max_s:
        yield ConfigProblem(
            f"{path}.backoff",
            format_seconds(restart.backoff_s),
            f"at most backoff_max, {format_seconds(restart.backoff_max_s)}",
        )
    if restart.dead_stop_timeout_s > restart.stop_timeout_s:
        yield ConfigProblem(
            f"{path}.dead_stop_timeout",
            format_seconds(restart.dead_stop_timeout_s),
            f"at most stop_timeout, {format_seconds(restart.stop_timeout_s)}",
            "a silent process has nothing to save",
        )
    yield from _recovery_faults(restart, cadence, path)
    yield from _lane_faults(restart, path)


def _recovery_faults(
    restart: RestartSettings, cadence: ProbeSchedule, path: str
) -> Iterator[ConfigProblem]:
    timeout_s = restart.recovery_timeout_s
    verdict = cadence.success_threshold * cadence.fast_interval_s
    if timeout_s < cadence.start_period_s:
        yield _too_short_fault(
            f"{path}.recovery_timeout",
            timeout_s,
            cadence.start_period_s,
            "a target still in its start_period would be called not recovered",
        )
    elif timeout_s < verdict:
        yield _too_short_fault(
            f"{path}.recovery_timeout",
            timeout_s,
            verdict,
            "success_threshold probes at fast_interval do not fit into it",
        )


def _lane_faults(restart: RestartSettings, path: str) -> Iterator[ConfigProblem]:
    longest = _longest_fast_lane_s(restart)
    if restart.window_s < longest:
        yield _too_short_fault(
            f"{path}.window",
            restart.window_s,
            longest,
            "budget restarts that do not help take that long; in a shorter window "
            "the first is forgotten before the last, and the restarts never end",
        )
    if any(later < earlier for earlier, later in pairwise(restart.slow_lane_s)):
        actual = ", ".join(map(format_seconds, restart.slow_lane_s))
        yield ConfigProblem(
            f"{path}.slow_lane", actual, "waits that do not become shorter"
        )


def _longest_fast_lane_s(restart: RestartSettings) -> float:
    """The longest time in seconds that the whole budget takes if no restart helps."""
    tries = restart.budget * (restart.stop_timeout_s + restart.recovery_timeout_s)
    waits = (
        min(restart.backoff_s * 2.0 ** min(n, 30), restart.backoff_max_s)
        for n in range(restart.budget - 1)
    )
    return tries + sum(waits) * (1.0 + JITTER)


def _settle_faults(target: Target, path: str) -> Iterator[ConfigProblem]:
    cadence = target.cadence
    verdict = cadence.success_threshold * cadence.fast_interval_s
    waits = target.depends_on and target.after_dependency is AfterDependency.IF_FAILING
    if waits and target.settle_s < verdict:
        yield _too_short_fault(
            f"{path}.settle",
            target.settle_s,
            verdict,
            "success_threshold probes at fast_interval do not fit into it, so a "
            "dependent that recovers by itself would be restarted",
        )


def _too_short_fault(
    path: str, found_s: float, least_s: float, why: str
) -> ConfigProblem:
    return ConfigProblem(
        path,
        format_seconds(found_s),
        f"{format_seconds(least_s)} or more",
        why,
    )


def stack_faults(
    targets: Iterable[Target], known_names: frozenset[str]
) -> Iterator[ConfigProblem]:
    """Faults between targets. ``known_names`` includes targets that have faults."""
    targets = tuple(targets)
    yield from _duplicate_faults(targets)
    needs = dependencies_of(targets)
    for name, missing in unknown_names(needs):
        if missing not in known_names:
            path = f"targets.{name}.depends_on"
            allowed = (
                ", ".join(sorted(known_names - {name})) or "nothing: no other target"
            )
            yield ConfigProblem(path, repr(missing), allowed, "it must name a target")
    cycle = find_cycle(needs)
    if cycle:
        actual = " needs ".join(cycle)
        path = f"targets.{cycle[0]}.depends_on"
        yield ConfigProblem(path, actual, "no circle", "take out one of these")


def _duplicate_faults(targets: tuple[Target, ...]) -> Iterator[ConfigProblem]:
    owners: dict[tuple[str | None, str | None], str] = {}
    for target in targets:
        owner = owners.setdefault((target.service, target.container), target.name)
        if owner != target.name:
            key = "container" if target.container else "service"
            actual = repr(target.container or target.service)
            allowed = f"one that is not the {key} of {owner!r} already"
            yield ConfigProblem(f"targets.{target.name}.{key}", actual, allowed)


def warnings(target: Target) -> Iterator[str]:
    """Warnings about settings that are allowed but probably a mistake."""
    path = f"targets.{target.name}"
    wallet = target.wallet
    if wallet and wallet.hang_after_s <= _LONGEST_NETWORK_CALL_S:
        yield (
            f"{path}.probe.hang_after: {format_seconds(wallet.hang_after_s)} is not "
            "above 30s, for which a healthy wallet daemon can be silent in a network "
            "call"
        )
    if wallet and any(isinstance(p, TcpProbe) for p in target.probes):
        yield f"{path}.probe: tcp harms a daemon that serves one connection at a time"
    planned = target.preventive
    gap_s = shortest_gap_s(planned.cron) if planned and planned.cron else None
    if planned and gap_s and planned.skip_if_restarted_within_s >= gap_s:
        yield (
            f"{path}.preventive.skip_if_restarted_within: planned restarts come every "
            f"{format_seconds(gap_s)} and would be skipped for each other's sake"
        )
