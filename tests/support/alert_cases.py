"""A story of series for each alert: it fires, it does not fire, it resolves.

Series are written as promtool reads them, one value each interval. Every story also
has series that come near the alert and must not make it fire.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from tests.support.alert_rules import RULES

ALWAYS = "1x200"
NEVER = "0x200"
RAISED = "0x4 1x24 0x60"
"""A gauge that is 1 from minute 5 to 29."""
LOWERED = "1x4 0x24 1x60"
"""A gauge that is 0 from minute 5 to 29."""
PRESENT = "_x5 1x24 stale"
"""A series that exists from minute 5 to 29."""
LONG_INTERVAL_MIN = 10
"""For stories of hours and days."""

_TARGET = re.compile(r"target='(\w+)'")
OF_ROOT = {"target": "wallet", "root": "wallet", "role": "root"}


class AlertCase(NamedTuple):
    """``labels`` are those of the alert that fires, without severity and instance.

    It fires at the minutes ``firing``, and nothing fires at the minutes ``quiet``.
    ``interval_min``: minutes between two values of a series and two evaluations.
    """

    alert: str
    severity: str
    labels: Mapping[str, str]
    series: Mapping[str, str]
    firing: tuple[int, ...]
    quiet: tuple[int, ...]
    interval_min: int = 1

    def as_promtool_test(self) -> dict[str, object]:
        """The story as one test of promtool."""
        targets = dict.fromkeys(_TARGET.findall("".join(self.series)))
        series = {f"sidecar_target_up{{target='{t}'}}": ALWAYS for t in targets}
        series |= self.series
        return {
            "name": self.alert,
            "interval": f"{self.interval_min}m",
            "input_series": [
                {"series": _with_instance(name), "values": values}
                for name, values in series.items()
            ],
            "promql_expr_test": [
                *(
                    self._query(minute, [self._firing_alert()])
                    for minute in self.firing
                ),
                *(self._query(minute, []) for minute in self.quiet),
            ],
        }

    def _query(self, minute: int, labels: list[str]) -> dict[str, object]:
        return {
            "expr": f'ALERTS{{alertname="{self.alert}",alertstate="firing"}}',
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": text, "value": 1} for text in labels],
        }

    def _firing_alert(self) -> str:
        own = {"alertname": self.alert, "alertstate": "firing"}
        is_absent = self.alert == "SidecarAbsent"
        place = {"job": "sidecar"} | ({} if is_absent else {"instance": "a"})
        labels = own | place | {"severity": self.severity} | dict(self.labels)
        return f"ALERTS{{{','.join(f'{k}={v!r}' for k, v in labels.items())}}}"


def _with_instance(series: str) -> str:
    """Add job and instance to the labels, unless the series has them."""
    name, _, labels = series.removesuffix("}").partition("{")
    missing = [
        text
        for key, text in (("job=", "job='sidecar'"), ("instance=", "instance='a'"))
        if key not in labels
    ]
    return f"{name}{{{','.join(filter(None, (labels, *missing)))}}}"


def _incident(cause: str, target: str = "wallet") -> str:
    return (
        f"sidecar_target_incident{{target='{target}',root='{target}',role='root',"
        f"severity='P1',cause='{cause}'}}"
    )


def _state(state: str, target: str = "wallet") -> str:
    return f"sidecar_target_state{{target='{target}',state='{state}'}}"


def _guard(guard: str, target: str = "wallet") -> str:
    return f"sidecar_target_guard{{target='{target}',guard='{guard}'}}"


def _task_run(task: str, outcome: str) -> str:
    labels = f"task={task!r},outcome={outcome!r}"
    return f"sidecar_task_last_run_timestamp_seconds{{{labels}}}"


def _drill_result(target: str, fault: str) -> str:
    return f"sidecar_drill_last_result{{target='{target}',fault='{fault}'}}"


def _component(name: str) -> str:
    return f"sidecar_component_up{{component='{name}'}}"


def _restarts(trigger: str, target: str = "wallet") -> str:
    labels = f"target='{target}',trigger='{trigger}',outcome='recovered'"
    return f"sidecar_restarts_total{{{labels}}}"


def _proven(target: str) -> str:
    return f"sidecar_backup_last_proven_timestamp_seconds{{target='{target}'}}"


def _skips(guard: str, target: str = "wallet") -> str:
    labels = f"target='{target}',action='skip',guard='{guard}'"
    return f"sidecar_decisions_total{{{labels}}}"


def _guard_case(alert: str, severity: str, guard: str) -> AlertCase:
    series = {_guard(guard): PRESENT, _guard("backoff", "service"): ALWAYS}
    return AlertCase(alert, severity, OF_ROOT, series, (8, 28), (4, 5, 35))


def _component_case(alert: str, severity: str, component: str) -> AlertCase:
    series = {_component(component): LOWERED, _component("scheduler"): NEVER}
    return AlertCase(alert, severity, {}, series, (8, 28), (4, 6, 35))


DEPENDENT = (
    "sidecar_target_incident{target='wallet',root='node',role='dependent',"
    "severity='P1',cause='http_5xx'}"
)

CASES = (
    AlertCase(
        "SidecarTargetDown",
        "critical",
        {"target": "wallet", "root": "node", "role": "dependent"},
        {
            DEPENDENT: PRESENT,
            _state("down"): "0x4 1x9 0x80",
            _state("recovering"): "0x14 1x14 0x60",
            _state("down", "short"): "0x4 1x3 0x80",
            _state("failing", "slow"): ALWAYS,
        },
        (11, 25),
        (4, 9, 35),
    ),
    AlertCase(
        "SidecarRestartCannotHelp",
        "critical",
        OF_ROOT | {"cause": "auth"},
        {_incident("auth"): PRESENT, _incident("refused", "service"): ALWAYS},
        (8, 28),
        (4, 5, 35),
    ),
    AlertCase(
        "SidecarUpstreamLost",
        "critical",
        OF_ROOT | {"cause": "upstream_lost"},
        {_incident("upstream_lost"): PRESENT, _incident("auth", "service"): ALWAYS},
        (8, 28),
        (4, 5, 35),
    ),
    AlertCase(
        "SidecarAddressesLost",
        "critical",
        OF_ROOT,
        {_incident("addresses_lost"): PRESENT, _incident("auth", "service"): ALWAYS},
        (5, 28),
        (4, 35),
    ),
    AlertCase(
        "SidecarDeadLetter",
        "critical",
        OF_ROOT,
        {_state("dead_letter"): RAISED, _state("down", "service"): ALWAYS},
        (5, 28),
        (4, 35),
    ),
    AlertCase(
        "SidecarCrashLoop",
        "critical",
        OF_ROOT,
        {_state("crash_loop"): RAISED, _state("down", "service"): ALWAYS},
        (8, 28),
        (4, 5, 35),
    ),
    _guard_case("SidecarRestartBudgetExhausted", "warning", "budget"),
    _guard_case("SidecarRateLimitReached", "critical", "rate_limit"),
    _guard_case("SidecarRestartForbidden", "critical", "forbidden"),
    AlertCase(
        "SidecarRestartsFrequent",
        "warning",
        {"target": "wallet"},
        {
            _restarts("failure"): "0 1 2 3 4x50",
            _restarts("failure", "service"): "0 1 2 3x50",
            _restarts("planned", "daily"): "0+1x50",
        },
        (50, 300),
        (30, 450),
        LONG_INTERVAL_MIN,
    ),
    AlertCase(
        "SidecarPlannedRestartsSkipped",
        "warning",
        {"target": "wallet"},
        {
            _skips("unstable"): "0x5 1x143 2x300",
            _skips("unstable", "service"): "0x5 1x443",
            _skips("paused", "paused"): "0+1x450",
        },
        (1510, 3000),
        (1400, 3200),
        LONG_INTERVAL_MIN,
    ),
    AlertCase(
        "SidecarMemoryLimitNear",
        "warning",
        {"target": "wallet"},
        {
            "sidecar_memory_limit_forecast_timestamp_seconds{target='wallet'}": (
                "_x5 80000x24 stale"
            ),
            "sidecar_memory_limit_forecast_timestamp_seconds{target='service'}": (
                "180000x90"
            ),
        },
        (22, 28),
        (4, 15, 40),
    ),
    AlertCase(
        "SidecarTargetUnmeasured",
        "warning",
        OF_ROOT,
        {_state("unknown"): "0x4 1x40 0x60", _state("unknown", "x"): "0x4 1x9 0x90"},
        (25, 45),
        (4, 15, 55),
    ),
    AlertCase(
        "SidecarTargetStopped",
        "info",
        {"target": "wallet"},
        {
            _state("stopped"): "0x4 1x90 0x60",
            _guard("not_curable"): "_x5 1x90 stale",
            _state("stopped", "job"): ALWAYS,
        },
        (40, 90),
        (4, 30, 110),
    ),
    AlertCase(
        "SidecarProbesStopped",
        "critical",
        {"target": "wallet"},
        {
            "sidecar_probes_total{target='wallet',outcome='success',cause=''}": (
                "0+6x20 120x60 126+6x60"
            ),
            _state("healthy"): ALWAYS,
            "sidecar_probes_total{target='off',outcome='success',cause=''}": "5x200",
            _state("stopped", "off"): ALWAYS,
            _state("healthy", "off"): NEVER,
        },
        (45, 80),
        (20, 34, 100),
    ),
    AlertCase(
        "SidecarNoProvenBackup",
        "warning",
        {"target": "wallet"},
        {
            "sidecar_backup_last_proven_timestamp_seconds{target='wallet'}": (
                "1e9x2 0x12 1e9x40"
            ),
            "sidecar_backup_last_proven_timestamp_seconds{target='spare'}": "1e9x60",
        },
        (60, 140),
        (20, 40, 170),
        LONG_INTERVAL_MIN,
    ),
    AlertCase(
        "SidecarTaskNotDone",
        "warning",
        {"task": "vacuum", "outcome": "failed"},
        {
            _task_run("vacuum", "failed"): "_x5 1.7e9x24 stale",
            _task_run("vacuum", "done"): "1.7e9x4 stale _x24 1.7e9x60",
            _task_run("check", "findings"): "1.7e9x90",
            _task_run("clean-up", "skipped"): "1.7e9x90",
        },
        (12, 28),
        (4, 9, 35),
    ),
    AlertCase(
        "SidecarDrillFailed",
        "warning",
        {"target": "wallet", "fault": "hang"},
        {
            _drill_result("wallet", "hang"): "_x4 0x24 1x60",
            _drill_result("wallet", "kill"): ALWAYS,
            _drill_result("removed", "kill"): NEVER,
            "sidecar_target_up{target='removed'}": "_x200",
        },
        (6, 28),
        (3, 30, 35),
    ),
    AlertCase(
        "SidecarDown",
        "critical",
        {},
        {"up": LOWERED, "up{job='other'}": NEVER, "up{instance='b'}": ALWAYS},
        (8, 28),
        (4, 6, 35),
    ),
    AlertCase(
        "SidecarAbsent",
        "critical",
        {},
        {"up": "_x20 1x40", "up{job='other'}": ALWAYS},
        (6, 19),
        (4, 25),
    ),
    AlertCase(
        "SidecarMetricsMissing",
        "critical",
        {},
        {
            "up": ALWAYS,
            "sidecar_build_info{version='1'}": "_x20 1x40",
            "up{instance='b'}": ALWAYS,
            "sidecar_build_info{version='1',instance='b'}": ALWAYS,
        },
        (3, 19),
        (1, 25),
    ),
    _component_case("SidecarStalled", "critical", "loop"),
    AlertCase(
        "SidecarRestarting",
        "warning",
        {},
        {
            "process_start_time_seconds": "100x9 200x9 300x9 400x90",
            "process_start_time_seconds{instance='b'}": "100x9 200x9 300x90",
        },
        (35, 60),
        (25, 95),
    ),
    AlertCase(
        "SidecarEngineLost",
        "critical",
        {},
        {"sidecar_engine_up": LOWERED, "sidecar_engine_up{instance='b'}": ALWAYS},
        (8, 28),
        (4, 6, 35),
    ),
    _component_case("SidecarStoreFailed", "critical", "store"),
    _component_case("SidecarConfigurationRefused", "warning", "settings"),
    AlertCase(
        "SidecarMessagesUndelivered",
        "critical",
        {"channel": "ops"},
        {
            "sidecar_outbox_pending{channel='ops'}": "0x4 2x24 0x60",
            "sidecar_outbox_pending{channel='phone'}": "0x4 1x3 0x60",
        },
        (16, 28),
        (4, 14, 35),
    ),
    AlertCase(
        "SidecarMessagesLost",
        "critical",
        {"channel": "ops"},
        {
            "sidecar_notifications_total{channel='ops',outcome='given_up'}": (
                "0x9 1x100"
            ),
            "sidecar_notifications_total{channel='phone',outcome='failed'}": "0+1x100",
        },
        (11, 60),
        (5, 80),
    ),
    AlertCase(
        "SidecarLoopLate",
        "warning",
        {},
        {
            "sidecar_loop_lag_seconds": "0.01x4 0.9x24 0.01x60",
            "sidecar_loop_lag_seconds{instance='b'}": "0.4x90",
        },
        (11, 28),
        (4, 9, 35),
    ),
    AlertCase(
        "SidecarPartFailed",
        "warning",
        {"component": "event_stream"},
        {
            _component("event_stream"): LOWERED,
            _component("notify ops"): NEVER,
            _component("loop"): NEVER,
        },
        (16, 28),
        (4, 14, 35),
    ),
)


def promtool_tests(interval_min: int) -> dict[str, object]:
    """Stories of one interval, as the content of a file for ``promtool test rules``."""
    return {
        "rule_files": [RULES.name],
        "evaluation_interval": f"{interval_min}m",
        "tests": [
            case.as_promtool_test()
            for case in CASES
            if case.interval_min == interval_min
        ],
    }
