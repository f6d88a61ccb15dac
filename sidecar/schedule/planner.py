"""The planner: posts each planned restart when it is due, once and never late."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

from loguru import logger

from sidecar.core.model.event import PlannedRestartDue
from sidecar.core.model.moment import Moment
from sidecar.core.model.target import PlannedRestartSettings, Target
from sidecar.core.ports.loop import Clock, PlannedTime, Post
from sidecar.core.text.formatting import rfc3339
from sidecar.schedule.cron import due_times

LATE_S = 60.0
LONGEST_SLEEP_S = 30.0
_SHORTEST_SLEEP_S = 0.01
_REMEMBERED = 64


@dataclass(slots=True)
class _TargetSchedule:
    """One target's schedule. ``next_wall`` None: the line has no further times.

    ``past_walls``: the occurrences that were posted or skipped on request; they
    are not posted again when the clock steps back over them.
    """

    preventive: PlannedRestartSettings
    next_wall: float | None = None
    skipped: float | None = None
    past_walls: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))


class Planner:
    """The schedule of planned restarts; implements ``core.ports.Schedule``.

    An occurrence that is more than LATE_S late (Sidecar was down, the host was
    suspended, the clock was set forward) is skipped and not made up for.
    """

    def __init__(self, clock: Clock, post: Post) -> None:
        self._clock = clock
        self._post = post
        self._plans: dict[str, _TargetSchedule] = {}
        self._changed = asyncio.Event()
        now = clock.now()
        self._last_wall = now.wall
        self.checked_mono = now.mono
        """The time of the last check of the schedule; at most LONGEST_SLEEP_S ago."""

    def set_targets(self, targets: Iterable[Target]) -> None:
        """Set the targets in force; an unchanged schedule keeps its state."""
        now_wall = self._clock.now().wall
        plans: dict[str, _TargetSchedule] = {}
        for target in targets:
            if target.preventive is None or target.preventive.cron is None:
                continue
            plan = self._plans.get(target.name)
            if plan is None or plan.preventive != target.preventive:
                plan = _TargetSchedule(target.preventive)
                _advance(target.name, plan, now_wall)
                self._changed.set()
            plans[target.name] = plan
        self._plans = plans

    async def run(self) -> None:
        """Post PlannedRestartDue at the due times, until cancelled."""
        while True:
            self._changed.clear()
            self._check_due(self._clock.now())
            await self._sleep(self._clock.now().wall)

    def upcoming_times(self, count: int) -> tuple[PlannedTime, ...]:
        """The next ``count`` times of every target that has a schedule, in order."""
        planned_times = (
            planned
            for name, plan in self._plans.items()
            for planned in islice(_planned_time(name, plan), count)
        )
        return tuple(sorted(planned_times, key=lambda planned: planned.at_wall))

    def skip_next(self, target: str) -> PlannedTime | None:
        """Skip the next planned restart; None where the target has no schedule.

        A second call before it is due skips the same one.
        """
        plan = self._plans.get(target)
        if plan is None or plan.next_wall is None:
            return None
        plan.skipped = plan.next_wall
        return next(_planned_time(target, plan))

    async def _sleep(self, now_wall: float) -> None:
        """Sleep until the next due time, at most LONGEST_SLEEP_S (clocks step)."""
        nexts = [p.next_wall for p in self._plans.values() if p.next_wall is not None]
        wait = min(nexts, default=now_wall + LONGEST_SLEEP_S) - now_wall
        wait = min(max(wait, _SHORTEST_SLEEP_S), LONGEST_SLEEP_S)
        try:
            async with asyncio.timeout(wait):
                await self._changed.wait()
        except TimeoutError:
            return

    def _check_due(self, now: Moment) -> None:
        stepped_back = now.wall < self._last_wall
        self._last_wall = now.wall
        self.checked_mono = now.mono
        for name, plan in self._plans.items():
            if stepped_back:
                _advance(name, plan, now.wall)
            if plan.next_wall is not None and plan.next_wall <= now.wall:
                self._due(name, plan, plan.next_wall, now)
                _advance(name, plan, now.wall)

    def _due(
        self, name: str, plan: _TargetSchedule, due_wall: float, now: Moment
    ) -> None:
        target_log = logger.bind(target=name)
        if now.wall - due_wall > LATE_S:
            target_log.warning(
                "planned restart of {} at {} left out: it is {:.0f} s late (downtime, "
                "suspend or a clock step), and a late one is not caught up",
                name,
                rfc3339(due_wall),
                now.wall - due_wall,
            )
            return
        plan.past_walls.append(due_wall)
        if due_wall == plan.skipped:
            target_log.info(
                "planned restart of {} at {} left out: an operator asked for that",
                name,
                rfc3339(due_wall),
            )
            return
        self._post(PlannedRestartDue(now, name))


def _advance(name: str, plan: _TargetSchedule, after_wall: float) -> None:
    """Set ``next_wall`` to the next occurrence that is not in ``past_walls``."""
    times = due_times(name, plan.preventive, after_wall)
    plan.next_wall = next((at for at in times if at not in plan.past_walls), None)


def _planned_time(name: str, plan: _TargetSchedule) -> Iterator[PlannedTime]:
    if plan.next_wall is None:
        return
    settings = plan.preventive
    later = due_times(name, settings, plan.next_wall)
    later = (at for at in later if at not in plan.past_walls)
    for at in chain((plan.next_wall,), later):
        skipped = at == plan.skipped
        yield PlannedTime(name, at, settings.cron or "", settings.timezone, skipped)
