"""Random worlds for the simulator: settings, services, and what happens to them.

The same random numbers give the same world, whoever draws them: a seed or hypothesis.
"""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import NamedTuple

from sidecar.config.load import load
from sidecar.config.scenario_file import PROBED
from sidecar.config.settings import Settings
from sidecar.core.model.cause import Cause, RemedyKind, Severity
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.maintenance_window import WindowSettings
from sidecar.core.model.notification_settings import NotifySettings, Routes
from sidecar.core.model.probe_settings import (
    ElectronCashProbe,
    HttpProbe,
    ProbeSettings,
    TcpProbe,
)
from sidecar.core.model.scenario import (
    BusyTime,
    ContainerExit,
    EngineLoss,
    Failure,
    OperatorAct,
    OperatorStep,
    Scenario,
    ScenarioStep,
    ServiceBehaviour,
)
from sidecar.core.model.target import (
    AfterDependency,
    BusySettings,
    Mode,
    PlannedRestartSettings,
    ProbeSchedule,
    RestartSettings,
    RollingSettings,
    Target,
)
from tests.support.repository import REPOSITORY

BEGIN_WALL = 1_767_225_600.0
"""2026-01-01T00:00:00Z, a Thursday."""
CHANNEL = "ops"

CURABLE = tuple(c for c in PROBED if CAUSES[c].remedy is RemedyKind.RESTART)

_PLAIN = load({}, REPOSITORY / "compose/scenarios/sidecar.yaml", reads_secrets=False)
_ROUTES = Routes((CHANNEL,), dict.fromkeys(Severity, (CHANNEL,)))


class World(NamedTuple):
    """Settings, and a scenario for them."""

    settings: Settings
    scenario: Scenario


def make_fleet(count: int, failing: int) -> World:
    """A fleet of services, some of which fail at the same moment."""
    targets = tuple(
        Target(
            f"service-{number}",
            probes=(HttpProbe(f"http://service-{number}:8080/health"),),
            cadence=ProbeSchedule(interval_s=10.0),
        )
        for number in range(count)
    )
    settings = replace(
        _PLAIN, targets=targets, notify=NotifySettings(routes=_ROUTES), windows=()
    )
    steps = tuple(
        ScenarioStep(30.0, Failure(targets[number * 7 % count].name, Cause.REFUSED))
        for number in range(failing)
    )
    return World(settings, Scenario(180.0, BEGIN_WALL, {}, steps))


class WorldMaker:
    """Draws worlds. Every fault of a world with ``days`` ends by itself."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def make_world(self) -> World:
        """Up to an hour and a half, with up to six faults that may overlap."""
        settings, services = self._make_stack("{} 0 * * *")
        last_s = self._rng.choice((600.0, 1800.0))
        times = sorted(
            float(self._rng.randrange(30, int(last_s)))
            for _ in range(self._rng.randrange(7))
        )
        steps = tuple(
            step for at_s in times for step in self._make_fault(settings, at_s)
        )
        end_s = max((last_s, *(step.at_s for step in steps))) + 1800.0
        return World(settings, Scenario(end_s, BEGIN_WALL, services, steps))

    def make_days(self, days: int, days_per_fault: float) -> World:
        """Many days; faults come one by one or in groups, and end by themselves."""
        settings, services = self._make_stack("{} 3 1 */3 *")
        steps: list[ScenarioStep] = []
        at_s = 0.0
        while (at_s := at_s + self._pause_s(days_per_fault)) < (days - 1) * 86_400.0:
            steps += self._make_fault(settings, round(at_s), ends=True)
        # Without a person, such a container would stay as it is for ever.
        services = {
            name: service._replace(is_restarted=True, loads_wallet=True)
            for name, service in services.items()
        }
        end_s = days * 86_400.0
        return World(settings, Scenario(end_s, BEGIN_WALL, services, tuple(steps)))

    def make_curable(self) -> World:
        """One failure that one restart ends, and nothing forbids it."""
        settings, services = self._make_stack("{} 3 1 * *")
        targets = tuple(
            replace(target, restart=replace(target.restart, enabled=True), busy=None)
            for target in settings.targets
        )
        settings = replace(settings, targets=targets, mode=Mode.ACT, windows=())
        target = self._rng.choice(targets).name
        failure = Failure(target, self._rng.choice(CURABLE))
        steps = (ScenarioStep(float(self._rng.randrange(30, 90)), failure),)
        return World(settings, Scenario(1800.0, BEGIN_WALL, services, steps))

    def _pause_s(self, days_per_fault: float) -> float:
        """Every fourth fault follows the last one within minutes."""
        if self._rng.random() < 0.25:
            return self._rng.uniform(1.0, 300.0)
        return self._rng.expovariate(0.75 / days_per_fault / 86_400.0)

    # --- the stack

    def _make_stack(self, cron: str) -> tuple[Settings, dict[str, ServiceBehaviour]]:
        rng = self._rng
        names = [f"service-{number}" for number in range(1, rng.randrange(1, 7) + 1)]
        targets = tuple(
            self._make_target(name, names[:index], cron.format(rng.randrange(60)))
            for index, name in enumerate(names)
        )
        window = WindowSettings(
            cron.format(rng.randrange(60)),
            float(rng.randrange(1, 60) * 60),
            targets=() if rng.random() < 0.5 else (rng.choice(names),),
        )
        settings = replace(
            _PLAIN,
            targets=targets,
            mode=Mode.OBSERVE if rng.random() < 0.1 else Mode.ACT,
            windows=(window,) if rng.random() < 0.2 else (),
            notify=NotifySettings(routes=_ROUTES),
        )
        return settings, {name: self._make_service() for name in names}

    def _make_target(self, name: str, earlier: list[str], cron: str) -> Target:
        rng = self._rng
        needs = tuple(other for other in earlier if rng.random() < 0.35)
        planned = rng.random() < 0.15
        return Target(
            name,
            probes=(self._make_probe(name),),
            depends_on=needs,
            after_dependency=rng.choice(tuple(AfterDependency)),
            cadence=ProbeSchedule(
                interval_s=rng.choice((5.0, 5.0, 10.0, 30.0)),
                start_period_s=rng.choice((10.0, 60.0)),
                failure_threshold=rng.randrange(1, 5),
                success_threshold=rng.randrange(1, 4),
            ),
            restart=self._make_restart(),
            rolling=RollingSettings(rng.choice((0.0, 20.0)), rng.choice((0.0, 30.0))),
            preventive=PlannedRestartSettings(cron) if planned else None,
            busy=BusySettings("http://busy/") if rng.random() < 0.3 else None,
            severity=rng.choice((None, *Severity)),
        )

    def _make_probe(self, name: str) -> ProbeSettings:
        match self._rng.randrange(3):
            case 0:
                return ElectronCashProbe(f"http://{name}:7777/")
            case 1:
                return HttpProbe(f"http://{name}:8080/health")
            case _:
                return TcpProbe(name, 5432)

    def _make_restart(self) -> RestartSettings:
        rng = self._rng
        return RestartSettings(
            enabled=rng.random() < 0.9,
            budget=rng.randrange(1, 5),
            window_s=rng.choice((300.0, 900.0, 3600.0)),
            backoff_s=rng.choice((1.0, 10.0)),
            recovery_timeout_s=rng.choice((60.0, 120.0)),
            slow_lane_s=rng.choice(((), (60.0,), (120.0, 300.0, 600.0))),
            stop_timeout_s=rng.choice((5.0, 30.0)),
            polite_stop_s=rng.choice((0.0, 90.0)),
        )

    def _make_service(self) -> ServiceBehaviour:
        rng = self._rng
        return ServiceBehaviour(
            boot_s=rng.choice((1.0, 5.0, 40.0)),
            stop_s=rng.choice((0.0, 1.0, 20.0)),
            replicas=rng.choice((1, 1, 1, 2, 3)),
            is_restarted=rng.random() < 0.7,
            loads_wallet=rng.random() < 0.5,
        )

    # --- what happens

    def _make_fault(
        self, settings: Settings, at_s: float, *, ends: bool = False
    ) -> Iterator[ScenarioStep]:
        """A fault of any kind; with ``ends`` it is over within some minutes."""
        rng = self._rng
        target = rng.choice(settings.targets).name
        lasts_s = float(rng.randrange(1, 600))
        match rng.randrange(8):
            case 0 | 1 | 2:
                yield ScenarioStep(at_s, self._make_failure(target, lasts_s, ends=ends))
            case 3:
                for number in range(rng.randrange(1, 6)):
                    exit_code = rng.choice((0, 1, 137))
                    exits = ContainerExit(target, exit_code)
                    yield ScenarioStep(at_s + number * lasts_s / 10, exits)
            case 4:
                yield ScenarioStep(at_s, EngineLoss(lasts_s))
            case 5:
                yield ScenarioStep(at_s, BusyTime(target, lasts_s))
            case 6:
                first, last = rng.choice(
                    (
                        (OperatorAct.STOP, OperatorAct.START),
                        (OperatorAct.PAUSE, OperatorAct.RESUME),
                    )
                )
                yield ScenarioStep(at_s, OperatorStep(target, first))
                if ends or rng.random() < 0.7:
                    yield ScenarioStep(at_s + lasts_s, OperatorStep(target, last))
            case _:
                act = rng.choice((OperatorAct.RESTART, OperatorAct.RECOVER))
                yield ScenarioStep(at_s, OperatorStep(target, act))

    def _make_failure(self, target: str, lasts_s: float, *, ends: bool) -> Failure:
        rng = self._rng
        restarts = rng.choice((None, 1, 1, 1, 2, 4))
        is_limited = ends or rng.random() < 0.5
        return Failure(
            target,
            rng.choice(PROBED),
            restarts,
            lasts_s if is_limited else None,
            rng.choice((None, None, 1)),
        )
