"""A campaign of kills: one simulated stack, successive sidecars, and invariants."""

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
from sidecar.core.reason.reason_text import encode_reason
from sidecar.core.reporting.journal_records import (
    record_of_balance,
    record_of_decision,
    record_of_transition,
)
from sidecar.simulation.virtual_time import run_virtual
from sidecar.storage.codec import encode, replace_surrogates
from tests.support.killable_sidecar import KillableSidecar, KillPoint, Step
from tests.support.simulated_stack import CHANNELS, IDS, SimulatedStack
from tests.support.stored_world import query_database

STREAK_HOLDS_S = 60.0
NEAR_S = 1e-3
LEFT_STOPPED_S = 60.0
"""More seconds than a sidecar may need to restart a container that it stopped."""
RECOVERY_LIMIT_S = 3600.0
POLL_S = 2.0
LONGEST_S = 400.0

Facts = dict[str, object]


# --- facts that a restart must preserve, in wall clock times -----------------------


def durable_facts(state: State, clock: Moment) -> Facts:
    """Facts that a successor must know, independent of its monotonic clock."""
    ahead = clock.wall - clock.mono
    instances = {**state.restored_instances, **state.instances}
    return {
        **{f"instance {i.name}": _instance_facts(i, ahead) for i in instances.values()},
        **{f"incident {i.id}": _without_mono(i) for i in state.incidents.values()},
        "ledger": dict(state.ledger),
        "paused": dict(state.paused),
        "restarts": _walls(state.restarts, ahead),
        "plan": _plan_facts(state.plan, ahead),
    }


def _plan_facts(plan: PlannedRestart | None, ahead: float) -> tuple[object, ...] | None:
    if plan is None:
        return None
    return (plan.target, plan.remaining_ids, _wall(plan.deadline_mono, ahead))


def _instance_facts(instance: Instance, ahead: float) -> Facts:
    remedy = instance.remedy
    return {
        "lane": _lane_facts(instance.lane, ahead),
        "load lane": _lane_facts(instance.load_lane, ahead),
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
        "decision": _decision_facts(instance.last_decision),
        "loading": _decision_facts(instance.loading),
        "remedy": remedy
        and (
            _decision_facts(remedy.decision),
            remedy.phase,
            Wall(remedy.began.wall),
            _wall(remedy.deadline_mono, ahead),
            remedy.uncertain,
        ),
    }


def _lane_facts(lane: Lane, ahead: float) -> tuple[object, ...]:
    spent_walls, wait = _walls(lane.spent, ahead), lane.not_before
    return (lane.name, spent_walls, lane.slow_tries, _wall(wait, ahead), lane.unsent)


class Wall(float):
    """A wall clock time; conversions between clocks cost some digits."""

    def __eq__(self, other: object) -> bool:  # type: ignore[explicit-override]
        return isinstance(other, float) and abs(self - other) < NEAR_S

    __hash__ = None  # type: ignore[assignment]


def _wall(mono: float, ahead: float) -> Wall:
    return Wall(mono + ahead)


def _walls(monos: Iterable[float], ahead: float) -> tuple[float, ...]:
    return tuple(_wall(mono, ahead) for mono in monos)


def _decision_facts(decision: Decision | None) -> tuple[object, ...] | None:
    if decision is None:
        return None
    return (decision.name, decision.action, Wall(decision.at.wall))


def _without_mono(incident: Incident) -> Incident:
    """The incident, its moments without monotonic times."""
    plain = {
        name: moment and Moment(0.0, moment.wall)
        for name in ("opened_at", "acked_at", "resolved_at")
        for moment in [getattr(incident, name)]
    }
    return replace(incident, **plain)  # type: ignore[arg-type]  # moments


def failure_streaks(state: State) -> dict[InstanceId, tuple[bool | None, int]]:
    """Consecutive failures by instance; 0 for a target that is down already."""
    instances = {**state.restored_instances, **state.instances}
    return {
        instance_id: (i.health.up, i.health.failures if i.health.up is not False else 0)
        for instance_id, i in instances.items()
    }


# --- the campaign --------------------------------------------------------------------


@dataclass
class KillCampaign:
    """Results of a campaign, and the records that must be on disk."""

    stack: SimulatedStack
    folder: Path
    kills_by_step: Counter[Step] = field(default_factory=Counter)
    journal_lines: list[str] = field(default_factory=list)
    """The expected journal."""
    ended_remedies: list[tuple[float, str]] = field(default_factory=list)
    """Remedies that ended: wall clock time, target."""
    message_channels: dict[str, str] = field(default_factory=dict)
    """Channels of all stored messages, by message id."""
    allowed_repeats: Counter[str] = field(default_factory=Counter)
    """Permitted additional arrivals, by message id."""
    accepted_facts: list[Facts] = field(default_factory=list)
    """Facts that the next sidecar may load: two alternatives where a kill interrupted
    the write of a turn that changed only values.
    """
    number: int = 0
    current: KillableSidecar | None = None

    @property
    def state_dir(self) -> Path:
        return self.folder / f"sidecar-{self.number}"

    async def run(self, kill_points: Sequence[KillPoint]) -> None:
        """Run one sidecar for each kill point, and one without faults at the end."""
        fault_task = asyncio.create_task(self.stack.inject_faults())
        watch_task = asyncio.create_task(watch_stopped(self))
        current_task = asyncio.current_task()
        assert current_task is not None
        other_tasks = {fault_task, watch_task, current_task}
        try:
            for kill_point in kill_points:
                sidecar = await self._start_sidecar(kill_point)
                await sidecar.wait_until_killed()
                await self._dispose_killed(sidecar, other_tasks)
                downtime_s = self.stack.rng.choice((0.0, 0.5, 3.0, 20.0, 90.0, 300.0))
                await asyncio.sleep(downtime_s)
            fault_task.cancel()
            self.stack.clear_faults()
            sidecar = await self._start_sidecar(None)
            await wait_until_recovered(self, sidecar)
            self._record_stored(sidecar, sidecar.stored_turns)
            await sidecar.dispose(other_tasks)
            self.check_all()
        finally:
            watch_task.cancel()
            fault_task.cancel()
            await asyncio.gather(fault_task, watch_task, return_exceptions=True)
            await self.stack.engine.close()

    async def _start_sidecar(self, kill_point: KillPoint | None) -> KillableSidecar:
        sidecar = KillableSidecar(self.stack, self.number, kill_point)
        self.current = sidecar
        await sidecar.start_up(self.state_dir)
        self._check_start(sidecar)
        return sidecar

    async def _dispose_killed(
        self, sidecar: KillableSidecar, other_tasks: set[asyncio.Task[None]]
    ) -> None:
        assert sidecar.killed_at is not None
        self.kills_by_step[sidecar.killed_at] += 1
        old_dir = self.state_dir
        self.number += 1
        shutil.copytree(old_dir, self.state_dir)
        await sidecar.dispose(other_tasks)
        shutil.rmtree(old_dir)
        self._check_disk(sidecar)

    # --- what must hold

    def _record_stored(
        self, sidecar: KillableSidecar, turns: Sequence[StepResult]
    ) -> None:
        """Add turns that are on disk to the expectation."""
        for turn in turns:
            self.journal_lines += _journal_lines(turn)
            self.message_channels.update((m.id, m.channel) for m in turn.messages)
            self.ended_remedies += [
                (t.at.wall, t.name)
                for t in turn.transitions
                if isinstance(t, RemedyEnded)
            ]
        if turns:
            self.accepted_facts = [durable_facts(turns[-1].state, sidecar.clock.now())]

    def _check_disk(self, sidecar: KillableSidecar) -> None:
        """Every turn reported as stored is on disk, once, in order; the turn whose
        write was interrupted is there entirely or not at all.
        """
        self._record_stored(sidecar, sidecar.stored_turns)
        stored_lines, rows = self._read_copy()
        turns = sidecar.pending_turns
        turn_lines = [line for turn in turns for line in _journal_lines(turn)]
        messages = [message for turn in turns for message in turn.messages]
        assert stored_lines[: len(self.journal_lines)] == self.journal_lines
        assert stored_lines[len(self.journal_lines) :] in ([], turn_lines)
        if turn_lines or messages:
            stored_ids = {m.id for m in messages} & {i for i, _, _ in rows}
            assert len(stored_ids) in {0, len(messages)}
            if stored_ids or stored_lines != self.journal_lines:
                self._record_stored(sidecar, turns)
        elif turns:
            self.accepted_facts.append(
                durable_facts(turns[-1].state, sidecar.clock.now())
            )
        self._check_outbox(sidecar, rows)

    def _read_copy(self) -> tuple[list[object], list[tuple[object, ...]]]:
        """Journal and outbox of a copy, because opening a database may change it."""
        copy = self.folder / "copy"
        shutil.copytree(self.state_dir, copy)
        journal = query_database(copy, "SELECT data FROM journal ORDER BY id")
        rows = query_database(copy, "SELECT id, arrived, ended_wall FROM outbox")
        shutil.rmtree(copy)
        return [data for (data,) in journal], rows

    def _check_outbox(
        self, sidecar: KillableSidecar, rows: list[tuple[object, ...]]
    ) -> None:
        """Each message is there; at most one per channel arrived without a record."""
        assert {i for i, _, _ in rows} == self.message_channels.keys()
        arrived_ids = {a.message.id for a in self.stack.arrivals}
        recorded_ids = {i for i, arrived, _ in rows if arrived}
        assert recorded_ids <= arrived_ids
        own_ids = {
            a.message.id
            for a in self.stack.arrivals
            if a.sidecar_number == sidecar.number
        }
        unrecorded_ids = [
            str(i) for i, _, ended in rows if ended is None and i in own_ids
        ]
        counts = Counter(
            self.message_channels[message_id] for message_id in unrecorded_ids
        )
        assert all(count == 1 for count in counts.values()), unrecorded_ids
        self.allowed_repeats.update(unrecorded_ids)

    def _check_start(self, sidecar: KillableSidecar) -> None:
        """The sidecar has loaded the facts that its predecessor stored."""
        saved_at = sidecar.store.saved_at
        if sidecar.loaded_state is None or saved_at is None:
            assert not self.journal_lines
            return
        loaded_facts = durable_facts(sidecar.loaded_state, saved_at)
        assert loaded_facts in self.accepted_facts, _differences(
            self.accepted_facts[0], loaded_facts
        )
        now = sidecar.clock.now()
        restored_facts = durable_facts(sidecar.initial_state, now)
        assert restored_facts == loaded_facts, _differences(
            loaded_facts, restored_facts
        )
        is_recent = now.wall - saved_at.wall <= STREAK_HOLDS_S
        before = failure_streaks(sidecar.loaded_state)
        expected = {w: (up, n if is_recent else 0) for w, (up, n) in before.items()}
        assert failure_streaks(sidecar.initial_state) == expected

    def check_all(self) -> None:
        """Check the invariants of the whole campaign."""
        stack = self.stack
        assert not stack.violations, stack.violations[0]
        check_engine_calls(self)
        check_messages(self)


def _journal_lines(turn: StepResult) -> list[str]:
    """Lines that a turn adds to the journal."""
    items = [
        (
            t.reason,
            record_of_balance(t)
            if isinstance(t, BalanceCompared)
            else record_of_transition(t),
        )
        for t in turn.transitions
    ]
    items += [(d.reason, record_of_decision(d)) for d in turn.decisions]
    for reason, record in items:
        if reason.parameters:
            record["reason_data"] = encode_reason(reason)
    return [str(replace_surrogates(encode(record))) for _, record in items]


def _differences(old: Facts, new: Facts) -> str:
    """Readable differences, for the message of a failed assertion."""
    names = [n for n in {**old, **new} if old.get(n) != new.get(n)]
    return "\n".join(f"{n}: {old.get(n)}\n  became {new.get(n)}" for n in names)


def check_engine_calls(campaign: KillCampaign) -> None:
    """One engine call per decision; no restart before the previous remedy ended."""
    calls_made = campaign.stack.engine_calls
    calls = Counter((a.decision.at.wall, a.name) for a in calls_made)
    stops = Counter((d.at.wall, d.name) for _, d in campaign.stack.rpc_stops)
    for counts in (calls, stops):
        doubled = [intent for intent, count in counts.items() if count > 1]
        assert not doubled, doubled
    for name in IDS:
        own_calls = [call for call in calls_made if call.name == name]
        for before, after in pairwise(own_calls):
            if after.container.status is not Status.RUNNING:
                continue
            ended = [at for at, target in campaign.ended_remedies if target == name]
            assert any(before.at_wall <= at <= after.at_wall for at in ended), (
                before,
                after,
            )


def check_messages(campaign: KillCampaign) -> None:
    """Each message arrived once, and once more per kill between send and record. Only
    messages that the end of their incident made obsolete may be missing.
    """
    arrived = Counter(a.message.id for a in campaign.stack.arrivals)
    assert arrived.keys() <= campaign.message_channels.keys()
    resolved = {
        (a.message.incident, a.message.channel)
        for a in campaign.stack.arrivals
        if a.message.kind is MessageKind.RESOLVED
    }
    for message_id, channel in campaign.message_channels.items():
        expected = 1 + campaign.allowed_repeats[message_id]
        assert arrived[message_id] <= expected, message_id
        is_over = (message_id.partition("-")[0], channel) in resolved
        assert arrived[message_id] == expected or is_over, message_id
    messages = {a.message.id: a.message for a in campaign.stack.arrivals}
    for kind in (MessageKind.OPENED, MessageKind.RESOLVED):
        incidents = [
            (m.incident, m.channel) for m in messages.values() if m.kind is kind
        ]
        assert len(incidents) == len(set(incidents)), f"{kind} was told in two messages"
    for channel in CHANNELS:
        numbers: dict[str, int] = {}
        for arrival in campaign.stack.arrivals:
            message = arrival.message
            if message.channel == channel:
                assert message.sequence >= numbers.get(message.incident, 0)
                numbers[message.incident] = message.sequence


async def watch_stopped(campaign: KillCampaign) -> None:
    """Report a container that we stopped and that no running sidecar restarts."""
    stack = campaign.stack
    since_wall: dict[str, float] = {}
    while True:
        await asyncio.sleep(1.0)
        for name, container_id in IDS.items():
            sidecar = campaign.current
            is_waiting = stack.is_stopped_by_us(name) and not stack.engine.unreachable
            if not is_waiting or sidecar is None or sidecar.killed.is_set():
                since_wall.pop(name, None)
                continue
            began_wall = since_wall.setdefault(name, stack.now)
            if stack.now - began_wall > LEFT_STOPPED_S:
                stack.violations.append(
                    f"{name} was left stopped, {container_id} {stack.now}"
                )


async def wait_until_recovered(
    campaign: KillCampaign, sidecar: KillableSidecar
) -> None:
    """Wait until all targets work and all messages are delivered."""
    stack = campaign.stack
    for _ in range(int(RECOVERY_LIMIT_S / POLL_S)):
        await asyncio.sleep(POLL_S)
        state = sidecar.watchdog.state
        for instance in state.instances.values():
            if instance.state is TargetState.DEAD_LETTER:
                stack.post(RecoverRequested(stack.clock.now(), instance.name))
        if not _find_unrecovered(sidecar) and not await sidecar.pending_messages():
            return
    raise AssertionError(f"no recovery: {_find_unrecovered(sidecar)}")


def _find_unrecovered(sidecar: KillableSidecar) -> list[object]:
    """Containers, instances and incidents that have not recovered."""
    state = sidecar.watchdog.state
    containers = sidecar.stack.engine.held.values()
    return [
        *(c for c in containers if c.status is not Status.RUNNING),
        *(i for i in state.instances.values() if i.state not in WORKING_STATES),
        *(i for i in state.incidents.values() if i.open),
    ]


def run_campaign(
    seed: str, kills: int, folder: Path, only: Step | None = None
) -> KillCampaign:
    """Run a campaign; the same seed gives the same events."""
    rng = random.Random(seed)
    kill_points = [_kill_point(rng, only) for _ in range(kills)]

    async def main() -> KillCampaign:
        campaign = KillCampaign(SimulatedStack(rng), folder)
        await campaign.run(kill_points)
        return campaign

    return run_virtual(main())


def _kill_point(rng: random.Random, only: Step | None) -> KillPoint:
    step = only or rng.choice(tuple(Step))
    if step is Step.MOMENT:
        return KillPoint(step, 0, rng.expovariate(1 / 40.0), rng.randrange(12))
    is_frequent = step in {Step.APPEND, Step.APPENDED, Step.WRITE, Step.WRITTEN}
    highest = 60 if is_frequent else 1 if only else 3
    count = rng.randint(1, highest)
    return KillPoint(step, count, LONGEST_S, rng.randrange(12))
