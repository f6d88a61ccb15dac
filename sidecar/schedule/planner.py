"""Posts each planned restart when it is due: once, and never late."""

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
    """One target's schedule. ``next_wall`` None: the line never comes again.

    ``done`` are the occurrences that were posted or left out on request: they
    are not posted again when the clock steps back over them.
    """

    preventive: PlannedRestartSettings
    next_wall: float | None = None
    skipped: float | None = None
    done: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))


class Planner:
    """The schedule of planned restarts; implements ``core.ports.Schedule``.

    An occurrence that is more than LATE_S late (we were down, the host slept,
    the clock was set forward) is left out, not caught up.
    """

    def __init__(self, clock: Clock, post: Post) -> None:
        self._clock = clock
        self._post = post
        self._plans: dict[str, _TargetSchedule] = {}
        self._changed = asyncio.Event()
        now = clock.now()
        self._seen_wall = now.wall
        self.turned_mono = now.mono
        """When the schedule was last looked at: at least every LONGEST_SLEEP_S."""

    def set_targets(self, targets: Iterable[Target]) -> None:
        """The targets in force; a schedule that did not change goes on as it was."""
        now_wall = self._clock.now().wall
        plans: dict[str, _TargetSchedule] = {}
        for target in targets:
            if target.preventive is None:
                continue
            plan = self._plans.get(target.name)
            if plan is None or plan.preventive != target.preventive:
                plan = _TargetSchedule(target.preventive)
                _advance(target.name, plan, now_wall)
                self._changed.set()
            plans[target.name] = plan
        self._plans = plans

    async def run(self) -> None:
        """Post PlannedDue at the due times, until cancelled."""
        while True:
            self._changed.clear()
            self._turn(self._clock.now())
            await self._sleep(self._clock.now().wall)

    def upcoming(self, count: int) -> tuple[PlannedTime, ...]:
        """The next ``count`` times of every target that has a schedule, in order."""
        found = (
            planned
            for name, plan in self._plans.items()
            for planned in islice(_planned_time(name, plan), count)
        )
        return tuple(sorted(found, key=lambda planned: planned.at_wall))

    def skip_next(self, target: str) -> PlannedTime | None:
        """Leave out the next one; None where the target has no schedule.

        Asked twice before it is due, it still leaves out only that one.
        """
        plan = self._plans.get(target)
        if plan is None or plan.next_wall is None:
            return None
        plan.skipped = plan.next_wall
        return next(_planned_time(target, plan))

    async def _sleep(self, now_wall: float) -> None:
        """Until the next one is due, briefly enough to notice a clock that steps."""
        nexts = [p.next_wall for p in self._plans.values() if p.next_wall is not None]
        wait = min(nexts, default=now_wall + LONGEST_SLEEP_S) - now_wall
        wait = min(max(wait, _SHORTEST_SLEEP_S), LONGEST_SLEEP_S)
        try:
            async with asyncio.timeout(wait):
                await self._changed.wait()
        except TimeoutError:
            return

    def _turn(self, now: Moment) -> None:
        stepped_back = now.wall < self._seen_wall
        self._seen_wall = now.wall
        self.turned_mono = now.mono
        for name, plan in self._plans.items():
            if stepped_back:
                _advance(name, plan, now.wall)
            if plan.next_wall is not None and plan.next_wall <= now.wall:
                self._due(name, plan, plan.next_wall, now)
                _advance(name, plan, now.wall)

    def _due(
        self, name: str, plan: _TargetSchedule, due_wall: float, now: Moment
    ) -> None:
        told = logger.bind(target=name)
        if now.wall - due_wall > LATE_S:
            told.warning(
                "planned restart of {} at {} left out: it is {:.0f} s late (downtime, "
                "suspend or a clock step), and a late one is not caught up",
                name,
                rfc3339(due_wall),
                now.wall - due_wall,
            )
            return
        plan.done.append(due_wall)
        if due_wall == plan.skipped:
            told.info(
                "planned restart of {} at {} left out: an operator asked for that",
                name,
                rfc3339(due_wall),
            )
            return
        self._post(PlannedRestartDue(now, name))


def _advance(name: str, plan: _TargetSchedule, after_wall: float) -> None:
    """Find the next occurrence that was not dealt with."""
    times = due_times(name, plan.preventive, after_wall)
    plan.next_wall = next((at for at in times if at not in plan.done), None)


def _planned_time(name: str, plan: _TargetSchedule) -> Iterator[PlannedTime]:
    if plan.next_wall is None:
        return
    settings = plan.preventive
    later = due_times(name, settings, plan.next_wall)
    for at in chain((plan.next_wall,), (t for t in later if t not in plan.done)):
        skipped = at == plan.skipped
        yield PlannedTime(name, at, settings.cron, settings.timezone, skipped)
