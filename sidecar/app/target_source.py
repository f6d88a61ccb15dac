"""The targets in force: from the settings and from the labels of containers."""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import NamedTuple, Protocol

from loguru import logger

from sidecar.app.contexts import EngineContext
from sidecar.config.check.healthcheck import replace_missing_healthchecks
from sidecar.config.labels.targets import targets_in_force
from sidecar.config.problem import ConfigProblem
from sidecar.config.secrets import secrets_of
from sidecar.config.settings import Settings
from sidecar.core.model.container import Container
from sidecar.core.model.target import Target
from sidecar.core.status.assignment import assign
from sidecar.core.status.assignment_doubts import assignment_doubts
from sidecar.core.status.network_reach import find_surroundings
from sidecar.engine.projects import projects_seen
from sidecar.probes.prober import ProbeRunner
from sidecar.telemetry.secret_mask import Mask

SHOWN_LABEL_PROBLEMS = 10
"""Number of problems in the health report; the log has all of them."""

TURN_FAULTS = 20
"""Faults that are logged before others get their turn: labels may have thousands."""


class TargetsInForce(NamedTuple):
    """The targets, and the problems for which some were refused.

    ``are_ours``: some of the problems are about targets that the file declares.
    """

    targets: tuple[Target, ...]
    faults: tuple[ConfigProblem, ...]
    are_ours: bool


def find_targets_in_force(
    settings: Settings, containers: tuple[Container, ...]
) -> TargetsInForce:
    """The targets of the settings and of labels. May read files."""
    targets, faults = targets_in_force(settings, containers)
    declared = tuple(target for target in targets if target.declared)
    _, declared_faults = replace_missing_healthchecks(declared, containers)
    targets, healthcheck_faults = replace_missing_healthchecks(targets, containers)
    return TargetsInForce(
        targets, (*faults, *healthcheck_faults), bool(declared_faults)
    )


def _find_with_secrets(
    settings: Settings, containers: tuple[Container, ...]
) -> tuple[TargetsInForce, tuple[str, ...]]:
    """The targets in force, and their secrets."""
    result = find_targets_in_force(settings, containers)
    return result, tuple(secrets_of(result.targets))


async def _log_faults(faults: Iterable[ConfigProblem]) -> None:
    """Log each fault, with a turn for the rest of Sidecar after every few."""
    for nth, fault in enumerate(faults, 1):
        logger.error("this is refused, the rest goes on: {}", fault.line)
        if nth % TURN_FAULTS == 0:
            await asyncio.sleep(0)


class TargetPlanner(Protocol):
    """A schedule that targets have in their settings."""

    def set_targets(self, targets: Iterable[Target]) -> None:
        """Set the targets in force; an unchanged schedule keeps its state."""


class TargetSource:
    """Finds the targets at each listing of containers, and updates the other parts."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        context: EngineContext,
        mask: Mask,
        planners: Iterable[TargetPlanner],
        prober: ProbeRunner,
    ) -> None:
        self._settings = settings
        self._context = context
        self._mask = mask
        self._planners = tuple(planners)
        self._prober = prober
        self._doubts_logged = False
        self._found: tuple[Settings, tuple[Container, ...]] | None = None
        """What the targets in force were found from."""
        self._indexed: tuple[Container | None, tuple[Container, ...]] | None = None
        self.in_force = TargetsInForce((), (), are_ours=False)

    async def find_targets(
        self, containers: tuple[Container, ...]
    ) -> tuple[Target, ...]:
        """The targets to watch now; a bad label is logged when it is first seen."""
        settings = self._settings()
        if not self._is_as_before(settings, containers):
            # An attempt that is cut off may have replaced some of the results.
            self._found = None
            await self._find_anew(settings, containers)
            self._found = settings, containers
        await self._update_surroundings(containers)
        return self.in_force.targets

    def _is_as_before(
        self, settings: Settings, containers: tuple[Container, ...]
    ) -> bool:
        """Would the targets be the same? After a fault a file may be there now."""
        if self._found is None or self.in_force.faults:
            return False
        earlier, listed = self._found
        return earlier is settings and listed == containers

    async def _find_anew(
        self, settings: Settings, containers: tuple[Container, ...]
    ) -> None:
        result, secrets = await asyncio.get_running_loop().run_in_executor(
            self._labels_reader, _find_with_secrets, settings, containers
        )
        earlier_faults, self.in_force = frozenset(self.in_force.faults), result
        self._mask.learn(secrets)
        await _log_faults(f for f in result.faults if f not in earlier_faults)
        if not self._doubts_logged:
            self._doubts_logged = True
            await self._log_doubts(result.targets, containers)
        for planner in self._planners:
            planner.set_targets(result.targets)

    async def _update_surroundings(self, containers: tuple[Container, ...]) -> None:
        """Index the containers for the prober, if they or our own have changed."""
        own = await self._context.own.now()
        if (own, containers) == self._indexed:
            return
        self._indexed = own, containers
        surroundings = await asyncio.to_thread(find_surroundings, own, containers)
        self._prober.set_surroundings(surroundings)

    def describe_problems(self) -> str:
        """The first problems of labels, masked, and how many more there are."""
        faults = self.in_force.faults
        lines = [self._mask(fault.line) for fault in faults[:SHOWN_LABEL_PROBLEMS]]
        more = len(faults) - len(lines)
        return "; ".join([*lines, f"and {more} more"] if more else lines)

    def close(self) -> None:
        """End the thread that reads labels."""
        self._labels_reader.shutdown(wait=False)

    @cached_property
    def _labels_reader(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, "labels")

    async def _log_doubts(
        self, targets: tuple[Target, ...], containers: tuple[Container, ...]
    ) -> None:
        label, roster = self._settings().watch_label, assign(targets, containers)
        stack = self._context.stack
        doubts = tuple(assignment_doubts(stack, label, targets, containers, roster))
        projects = await projects_seen(self._context.link) if doubts else ()
        names = ", ".join(projects) or "none"
        for doubt in doubts:
            logger.warning("{}. Compose projects seen: {}", doubt, names)
