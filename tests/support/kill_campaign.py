"""A night of kills: one world, one sidecar after the other, and what must hold."""

import asyncio
import random
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from sidecar.core.model.container import Status
from sidecar.core.model.decision import Decision
from sidecar.core.model.event import RecoverRequested
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance
from sidecar.core.model.lane import Lane
from sidecar.core.model.message import MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import PlannedRestart, State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import WORKING_STATES, TargetState
from sidecar.core.model.transition import BalanceCompared, RemedyEnded
from sidecar.core.reporting.journal_records import (
    record_of_balance,
    record_of_decision,
    record_of_transition,
)
from sidecar.storage.codec import encode, without_surrogates
from tests.support.killable_sidecar import KillableSidecar, KillPoint, Step
from tests.support.simulated_stack import CHANNELS, IDS, SimulatedStack
from tests.support.stored_world import look
from tests.support.virtual_time import run_virtual

STREAK_HOLDS_S = 60.0
NEAR_S = 1e-3
LEFT_STOPPED_S = 60.0
"""Longer than it may take a sidecar to bring back what we have stopped."""
CALM_S = 3600.0
LOOK_S = 2.0
LONGEST_S = 400.0

Facts = dict[str, object]


# --- what must be remembered, in wall clock times ----------------------------------


def remembered(state: State, clock: Moment) -> Facts:
    """All that a successor must know, whatever its monotonic clock shows."""
    ahead = clock.wall - clock.mono
    instances = {**state.left, **state.instances}
    return {
        **{f"instance {i.name}": _of(i, ahead) for i in instances.values()},
        **{f"incident {i.id}": _incident(i) for i in state.incidents.values()},
        "ledger": dict(state.ledger),
        "paused": dict(state.paused),
        "restarts": _walls(state.restarts, ahead),
        "plan": _plan(state.plan, ahead),
    }


def _plan(plan: PlannedRestart | None, ahead: float) -> tuple[object, ...] | None:
    if plan is None:
        return None
    return (plan.target, plan.left, _wall(plan.deadline_mono, ahead))


def _of(instance: Instance, ahead: float) -> Facts:
    remedy = instance.remedy
    return {
        "lane": _lane(instance.lane, ahead),
        "load lane": _lane(instance.load_lane, ahead),
        "exits": _walls(instance.exits, ahead),
        "short runs": (instance.short_runs, instance.looping),
        "stop": (instance.stop, instance.kills, instance.treated),
        "since": (instance.state, instance.cause, Wall(instance.since.wall)),
        "run": instance.container and instance.container.run,
        "total": instance.restarts_total,
        "incident": instance.incident,
        "must restart": (instance.must_restart, instance.was_away),
        "runs": instance.runs,
        "settling": instance.settling
        and (instance.settling.root, _wall(instance.settling.until_mono, ahead)),
        "decision": _decided(instance.last_decision),
        "loading": _decided(instance.loading),
        "remedy": remedy
        and (
            _decided(remedy.decision),
            remedy.phase,
            Wall(remedy.began.wall),
            _wall(remedy.deadline_mono, ahead),
            remedy.uncertain,
        ),
    }


def _lane(lane: Lane, ahead: float) -> tuple[object, ...]:
    spent, wait = _walls(lane.spent, ahead), lane.not_before
    return (lane.name, spent, lane.slow_tries, _wall(wait, ahead), lane.unsent)


class Wall(float):
    """A wall clock time; moved from clock to clock it loses some of its digits."""

    def __eq__(self, other: object) -> bool:  # type: ignore[explicit-override]
        return isinstance(other, float) and abs(self - other) < NEAR_S

    __hash__ = None  # type: ignore[assignment]


def _wall(mono: float, ahead: float) -> Wall:
    return Wall(mono + ahead)


def _walls(monos: Iterable[float], ahead: float) -> tuple[float, ...]:
    return tuple(_wall(mono, ahead) for mono in monos)


def _decided(decision: Decision | None) -> tuple[object, ...] | None:
    if decision is None:
        return None
    return (decision.name, decision.action, Wall(decision.at.wall))


def _incident(incident: Incident) -> Incident:
    """Its moments have wall clock times of their own."""
    plain = {
        name: moment and Moment(0.0, moment.wall)
        for name in ("opened_at", "acked_at", "resolved_at")
        for moment in [getattr(incident, name)]
    }
    return replace(incident, **plain)  # type: ignore[arg-type]  # moments


def streaks(state: State) -> dict[InstanceId, tuple[bool | None, int]]:
    """Failures in a row; once a target is down, how many they are is nobody's."""
    instances = {**state.left, **state.instances}
    return {
        who: (i.health.up, i.health.failures if i.health.up is not False else 0)
        for who, i in instances.items()
    }


# --- the night -----------------------------------------------------------------------


@dataclass
class KillCampaign:
    """What happened, and what is known to be on disk."""

    world: SimulatedStack
    folder: Path
    died: Counter[Step] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    """The journal as it must be."""
    ended: list[tuple[float, str]] = field(default_factory=list)
    """Remedies that ended: when, whose."""
    messages: dict[str, str] = field(default_factory=dict)
    """All that were stored: the id and the channel."""
    allowed: Counter[str] = field(default_factory=Counter)
    """How often a message may arrive once more."""
    known: list[Facts] = field(default_factory=list)
    """What must be remembered; two of them where a turn that changed nothing but
    values was being stored.
    """
    number: int = 0
    living: KillableSidecar | None = None

    @property
    def state_dir(self) -> Path:
        return self.folder / f"life-{self.number}"

    async def spend(self, deaths: Sequence[KillPoint]) -> None:
        """One life for each death, and a long calm one at the end."""
        nature = asyncio.create_task(self.world.misbehave())
        watch = asyncio.create_task(watch_stopped(self))
        here = asyncio.current_task()
        assert here is not None
        others = {nature, watch, here}
        try:
            for death in deaths:
                life = await self._life(death)
                await life.end()
                await self._killed(life, others)
                away = self.world.chance.choice((0.0, 0.5, 3.0, 20.0, 90.0, 300.0))
                await asyncio.sleep(away)
            nature.cancel()
            self.world.calm_down()
            life = await self._life(None)
            await calm(self, life)
            self._keep(life, life.kept)
            await life.bury(others)
            self.check_all()
        finally:
            watch.cancel()
            nature.cancel()
            await asyncio.gather(nature, watch, return_exceptions=True)
            await self.world.engine.close()

    async def _life(self, death: KillPoint | None) -> KillableSidecar:
        life = KillableSidecar(self.world, self.number, death)
        self.living = life
        await life.begin(self.state_dir)
        self._check_start(life)
        return life

    async def _killed(
        self, life: KillableSidecar, others: set[asyncio.Task[None]]
    ) -> None:
        assert life.died_at is not None
        self.died[life.died_at] += 1
        left = self.state_dir
        self.number += 1
        shutil.copytree(left, self.state_dir)
        await life.bury(others)
        shutil.rmtree(left)
        self._check_disk(life)

    # --- what must hold

    def _keep(self, life: KillableSidecar, turns: Sequence[StepResult]) -> None:
        """These turns are on disk."""
        for turned in turns:
            self.lines += _lines(turned)
            self.messages.update((m.id, m.channel) for m in turned.messages)
            self.ended += [
                (t.at.wall, t.name)
                for t in turned.transitions
                if isinstance(t, RemedyEnded)
            ]
        if turns:
            self.known = [remembered(turns[-1].state, life.clock.now())]

    def _check_disk(self, life: KillableSidecar) -> None:
        """Every turn that was said to be stored is there, once, in order; of the
        one that was being stored all or nothing.
        """
        self._keep(life, life.kept)
        found, rows = self._look()
        flight = life.in_flight
        hoped = _lines(flight) if flight is not None else []
        assert found[: len(self.lines)] == self.lines
        assert found[len(self.lines) :] in ([], hoped)
        if flight is not None:
            if hoped or flight.messages:
                told = {m.id for m in flight.messages} & {i for i, _, _ in rows}
                assert len(told) in {0, len(flight.messages)}
                if told or found != self.lines:
                    self._keep(life, [flight])
            else:
                self.known.append(remembered(flight.state, life.clock.now()))
        self._check_outbox(life, rows)

    def _look(self) -> tuple[list[object], list[tuple[object, ...]]]:
        """Journal and outbox, in a copy: to open a file may change it."""
        copy = self.folder / "seen"
        shutil.copytree(self.state_dir, copy)
        journal = look(copy, "SELECT data FROM journal ORDER BY id")
        rows = look(copy, "SELECT id, arrived, ended_wall FROM outbox")
        shutil.rmtree(copy)
        return [data for (data,) in journal], rows

    def _check_outbox(
        self, life: KillableSidecar, rows: list[tuple[object, ...]]
    ) -> None:
        """Each message is there; at most one of a channel arrived unbeknown."""
        assert {i for i, _, _ in rows} == self.messages.keys()
        sent = {a.message.id for a in self.world.arrivals}
        recorded = {i for i, arrived, _ in rows if arrived}
        assert recorded <= sent
        mine = {a.message.id for a in self.world.arrivals if a.life == life.number}
        again = [str(i) for i, _, ended in rows if ended is None and i in mine]
        each = Counter(self.messages[which] for which in again)
        assert all(count == 1 for count in each.values()), again
        self.allowed.update(again)

    def _check_start(self, life: KillableSidecar) -> None:
        """What it remembers is what its predecessor knew."""
        saved_at = life.store.saved_at
        if life.found is None or saved_at is None:
            assert not self.lines
            return
        found = remembered(life.found, saved_at)
        assert found in self.known, _differences(self.known[0], found)
        now = life.clock.now()
        moved = remembered(life.state, now)
        assert moved == found, _differences(found, moved)
        held = now.wall - saved_at.wall <= STREAK_HOLDS_S
        before = streaks(life.found)
        kept = {w: (up, n if held else 0) for w, (up, n) in before.items()}
        assert streaks(life.state) == kept

    def check_all(self) -> None:
        """The night as a whole."""
        world = self.world
        assert not world.wrong, world.wrong[0]
        check_acts(self)
        check_messages(self)


def _lines(turned: StepResult) -> list[str]:
    """What a turn adds to the journal."""
    records = [
        record_of_balance(t)
        if isinstance(t, BalanceCompared)
        else record_of_transition(t)
        for t in turned.transitions
    ]
    records += [record_of_decision(d) for d in turned.decisions]
    return [str(without_surrogates(encode(record))) for record in records]


def _differences(old: Facts, new: Facts) -> str:
    """For the reader of a failed test."""
    names = [n for n in {**old, **new} if old.get(n) != new.get(n)]
    return "\n".join(f"{n}: {old.get(n)}\n  became {new.get(n)}" for n in names)


def check_acts(night: KillCampaign) -> None:
    """One call for one intent; no restart before the one before it had its end."""
    acts = night.world.acts
    calls = Counter((a.decision.at.wall, a.name) for a in acts)
    stops = Counter((d.at.wall, d.name) for _, d in night.world.stops)
    for counts in (calls, stops):
        doubled = [intent for intent, count in counts.items() if count > 1]
        assert not doubled, doubled
    for name in IDS:
        mine = [act for act in acts if act.name == name]
        for before, after in pairwise(mine):
            if after.found.status is not Status.RUNNING:
                continue
            ended = [at for at, who in night.ended if who == name]
            assert any(before.at <= at <= after.at for at in ended), (before, after)


def check_messages(night: KillCampaign) -> None:
    """Each arrived: once, and once more for each kill between send and record. Left
    out, or not sent again, is only what the end of its incident told.
    """
    arrived = Counter(a.message.id for a in night.world.arrivals)
    assert arrived.keys() <= night.messages.keys()
    ends = {
        (a.message.incident, a.message.channel)
        for a in night.world.arrivals
        if a.message.kind is MessageKind.RESOLVED
    }
    for which, channel in night.messages.items():
        most = 1 + night.allowed[which]
        assert arrived[which] <= most, which
        is_over = (which.partition("-")[0], channel) in ends
        assert arrived[which] == most or is_over, which
    told = {a.message.id: a.message for a in night.world.arrivals}
    for kind in (MessageKind.OPENED, MessageKind.RESOLVED):
        about = [(m.incident, m.channel) for m in told.values() if m.kind is kind]
        assert len(about) == len(set(about)), f"{kind} was told in two messages"
    for channel in CHANNELS:
        numbers: dict[str, int] = {}
        for arrival in night.world.arrivals:
            message = arrival.message
            if message.channel == channel:
                assert message.sequence >= numbers.get(message.incident, 0)
                numbers[message.incident] = message.sequence


async def watch_stopped(night: KillCampaign) -> None:
    """Note a container that we stopped and that no living sidecar brings back."""
    world = night.world
    since: dict[str, float] = {}
    while True:
        await asyncio.sleep(1.0)
        for name, which in IDS.items():
            life = night.living
            waits = world.stopped_by_us(name) and not world.engine.unreachable
            if not waits or life is None or life.dead.is_set():
                since.pop(name, None)
                continue
            began = since.setdefault(name, world.now)
            if world.now - began > LEFT_STOPPED_S:
                world.wrong.append(f"{name} was left stopped, {which} {world.now}")


async def calm(night: KillCampaign, life: KillableSidecar) -> None:
    """Wait until all is well and told."""
    world = night.world
    for _ in range(int(CALM_S / LOOK_S)):
        await asyncio.sleep(LOOK_S)
        state = life.watchdog.state
        for instance in state.instances.values():
            if instance.state is TargetState.DEAD_LETTER:
                world.post(RecoverRequested(world.clock.now(), instance.name))
        if not _wrong_with(life) and not await life.waiting():
            return
    raise AssertionError(f"it never became calm: {_wrong_with(life)}")


def _wrong_with(life: KillableSidecar) -> list[object]:
    """What a calm world has none of."""
    state = life.watchdog.state
    held = life.world.engine.held.values()
    return [
        *(c for c in held if c.status is not Status.RUNNING),
        *(i for i in state.instances.values() if i.state not in WORKING_STATES),
        *(i for i in state.incidents.values() if i.open),
    ]


def run_campaign(
    seed: str, kills: int, folder: Path, only: Step | None = None
) -> KillCampaign:
    """The same seed is the same night."""
    chance = random.Random(seed)
    deaths = [_death(chance, only) for _ in range(kills)]

    async def main() -> KillCampaign:
        night = KillCampaign(SimulatedStack(chance), folder)
        await night.spend(deaths)
        return night

    return run_virtual(main())


def _death(chance: random.Random, only: Step | None) -> KillPoint:
    step = only or chance.choice(tuple(Step))
    if step is Step.MOMENT:
        return KillPoint(step, 0, chance.expovariate(1 / 40.0), chance.randrange(12))
    often = step in {Step.APPEND, Step.APPENDED, Step.WRITE, Step.WRITTEN}
    most = 60 if often else 1 if only else 3
    count = chance.randint(1, most)
    return KillPoint(step, count, LONGEST_S, chance.randrange(12))
