"""Loss of the serving process is proof of death; a living one is never called gone."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Process
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.event import ProcessesInspected
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_result import probe_failure, probe_success
from sidecar.core.model.target import RestartSettings
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.reason import text_reason
from sidecar.core.status.process_inspection import judge_processes
from tests.support.rule_world import WALLET, RuleWorld

ROOT = "electron-cash"
REFUSED = probe_failure(Cause.REFUSED, text_reason("connection refused"))
GRACE_S = RestartSettings().self_restart_grace_s
FOREVER_S = 3600.0


def inspect_processes(
    world: RuleWorld,
    *,
    serves: bool = False,
    waits_s: float | None = None,
    asked_s: float | None = None,
) -> None:
    instance = world.instance(ROOT)
    assert instance.container is not None
    asked_mono = world.now_s if asked_s is None else asked_s
    world.send(
        ProcessesInspected(
            world.now,
            instance.id,
            instance.container.run,
            (),
            serves=serves,
            waits_s=waits_s,
            asked_mono=asked_mono,
        )
    )


def inspected_world() -> RuleWorld:
    """A world with a run that answers and whose processes were inspected."""
    world = RuleWorld((WALLET,))
    world.works(ROOT)
    inspect_processes(world, serves=True)
    return world


def probe_refused(world: RuleWorld) -> None:
    world.probe(ROOT, REFUSED)
    assert world.last(ROOT).action is Action.LOOK


def test_process_that_has_gone_is_restarted_at_once() -> None:
    world = inspected_world()
    probe_refused(world)
    inspect_processes(world, waits_s=FOREVER_S)
    assert world.acts() == [(ROOT, Action.RESTART)]
    assert world.last(ROOT).process_gone
    assert "the process that served has gone" in str(world.last(ROOT).reason)


def test_supervisor_has_its_grace_before_a_restart() -> None:
    world = inspected_world()
    probe_refused(world)
    inspect_processes(world, waits_s=0.0)
    assert world.instance(ROOT).state is TargetState.FAILING
    for _ in range(4):
        world.wait(2.0)
        probe_refused(world)
        inspect_processes(world, waits_s=0.0)
    assert world.acts() == []
    assert (Action.HOLD, Guard.SELF_RESTART) in world.decision_guards(ROOT)
    assert world.instance(ROOT).state is TargetState.DOWN
    looks = len([d for d in world.decisions if d.action is Action.LOOK])
    until_s = world.now_s + GRACE_S
    while world.last(ROOT).action is not Action.LOOK and world.now_s < until_s:
        world.wait(0.5)
    assert len([d for d in world.decisions if d.action is Action.LOOK]) == looks + 1
    assert world.acts() == []
    inspect_processes(world, waits_s=0.0)
    assert world.acts() == [(ROOT, Action.RESTART)]
    assert world.last(ROOT).process_gone


def test_process_that_returns_within_the_grace_is_left_alone() -> None:
    world = inspected_world()
    probe_refused(world)
    inspect_processes(world, waits_s=0.0)
    world.wait(4.0)
    world.works(ROOT)
    world.wait(60.0)
    assert world.acts() == []


def test_replacement_process_has_limited_time_to_answer() -> None:
    world = inspected_world()
    probe_refused(world)
    inspect_processes(world, waits_s=0.0)
    for _ in range(3):
        world.wait(3.0)
        probe_refused(world)
        inspect_processes(world, waits_s=0.0 if world.now_s % 2 else None)
    inspect_processes(world, waits_s=None)
    world.wait(2.0)
    assert world.acts() == []
    until_s = world.now_s + 2 * GRACE_S
    while world.now_s < until_s and not world.acts():
        world.probe(ROOT, REFUSED)
        inspect_processes(world, waits_s=None)
        world.wait(2.0)
    assert world.acts() == [(ROOT, Action.RESTART)]
    assert not world.last(ROOT).process_gone


def test_repeatedly_dying_process_gets_no_extra_time() -> None:
    world = inspected_world()
    began_s = world.now_s
    while not world.acts() and world.now_s < began_s + 10 * GRACE_S:
        world.probe(ROOT, REFUSED)
        inspect_processes(world, waits_s=0.0)
        world.wait(1.0)
        inspect_processes(world)
        world.wait(1.0)
    assert 2 * GRACE_S <= world.now_s - began_s < 2 * GRACE_S + 5.0


def test_missing_inspection_result_proves_nothing() -> None:
    world = inspected_world()
    probe_refused(world)
    inspect_processes(world, waits_s=0.0)
    for _ in range(3):
        world.wait(2.0)
        world.probe(ROOT, REFUSED)
    world.wait(GRACE_S)
    assert world.acts() == [(ROOT, Action.RESTART)], "the count decides"
    assert not world.last(ROOT).process_gone


def test_grace_of_a_supervisor_is_a_setting() -> None:
    settings = replace(WALLET.restart, self_restart_grace_s=60.0)
    world = RuleWorld((replace(WALLET, restart=settings),))
    world.works(ROOT)
    inspect_processes(world, serves=True)
    probe_refused(world)
    inspect_processes(world, waits_s=30.0)
    world.wait(30.0)
    assert world.acts() == []


def test_inspection_before_the_first_refusal_proves_nothing() -> None:
    world = inspected_world()
    asked_s = world.now_s
    world.wait(1.0)
    probe_refused(world)
    inspect_processes(world, waits_s=FOREVER_S, asked_s=asked_s)
    inspect_processes(world, waits_s=0.0, asked_s=asked_s)
    assert world.acts() == []
    assert world.instance(ROOT).health.may_return_until_mono is None


def test_without_inspection_of_the_healthy_run_nothing_is_proven() -> None:
    world = RuleWorld((WALLET,))
    world.works(ROOT)
    inspect_processes(world)
    world.probe(ROOT, REFUSED)
    inspect_processes(world, waits_s=FOREVER_S)
    assert world.acts() == []
    assert world.last(ROOT).guard is Guard.THRESHOLD


def test_only_a_refused_connection_makes_an_inspection_count() -> None:
    world = inspected_world()
    world.probe(ROOT, probe_failure(Cause.RESET, text_reason("closed")))
    inspect_processes(world, waits_s=FOREVER_S)
    assert world.acts() == []


def test_living_daemon_that_refuses_is_inspected_at_most_three_times() -> None:
    """The failure count restarts it, and inspections of an observed one end."""
    world = RuleWorld((replace(WALLET, restart=RestartSettings(enabled=False)),))
    world.works(ROOT)
    inspect_processes(world, serves=True)
    for _ in range(100):
        world.probe(ROOT, REFUSED)
        inspect_processes(world)
        world.wait(2.0)
    looks = [d for d in world.decisions if d.action is Action.LOOK]
    assert len(looks) <= 3


# --- any order of events


SH = Process(4242, 1, "Ss", "sh -c wallet & wait; sleep infinity")
STEPS = st.sampled_from(
    (
        "probe",
        "probe",
        "deliver 0",
        "deliver 1",
        "deliver 2",
        "wait 1",
        "wait 5",
        "wait 11",
        "die",
        "opens",
        "closes",
        "start",
        "check",
        "inspect",
    )
)


class Life:
    """A container whose daemon lives, dies and starts; inspections arrive late."""

    def __init__(self) -> None:
        self.world = RuleWorld((WALLET,), witness=self.witness)
        self.pids = 5000
        self.daemon: Process | None = None
        self.is_open = False
        self.answered: set[int] = set()
        self.checks = False
        self.inspections: list[tuple[float, tuple[Process, ...]]] = []
        self.proven = 0
        self.start()
        self.is_open = True

    def start(self) -> None:
        if self.daemon is None:
            self.pids += 1
            self.daemon = Process(self.pids, SH.pid, "S", "python3 wallet")
            self.is_open = False

    def list_processes(self) -> tuple[Process, ...]:
        nap = Process(4300, SH.pid, "S", "sleep infinity")
        check = (Process(9000, 1, "S", "curl"),) if self.checks else ()
        return (SH, *((self.daemon,) if self.daemon else (nap,)), *check)

    def step(self, text: str) -> None:
        word, _, number = text.partition(" ")
        getattr(self, word)(*map(int, number.split()))

    def deliver(self, index: int) -> None:
        if index < len(self.inspections):
            self.send_inspection(*self.inspections.pop(index))

    def wait(self, seconds: int) -> None:
        self.world.wait(float(seconds))

    def die(self) -> None:
        self.daemon = None

    def opens(self) -> None:
        self.is_open = self.daemon is not None

    def closes(self) -> None:
        self.is_open = False

    def check(self) -> None:
        self.checks = not self.checks

    def inspect(self) -> None:
        self.inspections.append((self.world.now_s, self.list_processes()))

    def probe(self) -> None:
        if self.world.is_acting(ROOT):
            self.world.complete_remedy(ROOT)
            self.daemon = None
            self.start()
            self.is_open = True
        if self.daemon is not None and self.is_open:
            self.answered.add(self.daemon.pid)
            self.world.probe(ROOT, probe_success())
        else:
            self.world.probe(ROOT, REFUSED)

    def send_inspection(self, asked_s: float, processes: tuple[Process, ...]) -> None:
        instance = self.world.instance(ROOT)
        assert instance.container is not None
        findings = judge_processes(processes, instance.container)
        self.world.send(
            ProcessesInspected(
                self.world.now,
                instance.id,
                instance.container.run,
                findings.stopped,
                findings.is_idle,
                findings.serves,
                findings.waits_s,
                asked_s,
            )
        )

    def witness(self, world: RuleWorld, new: tuple[Decision, ...]) -> None:
        for decision in new:
            if decision.action is Action.LOOK:
                self.inspections.append((world.now_s, self.list_processes()))
            if decision.process_gone:
                self.proven += 1
                lives = self.daemon is not None and self.daemon.pid in self.answered
                assert not lives, "the one that served lives"


def play_life(steps: list[str]) -> Life:
    life = Life()
    for step in ("probe", "probe", "inspect", "deliver 0", *steps):
        life.step(step)
    return life


@given(st.lists(STEPS, max_size=40))
@example(["die", "probe", "start", "opens", "probe", "closes", "probe", "deliver 0"])
@example(["closes", "probe", "deliver 0", "probe", "deliver 0"])
@example(["inspect", "die", "probe", "start", "opens", "probe", "die", "deliver 0"])
def test_living_process_is_never_called_gone_in_any_order_of_events(
    steps: list[str],
) -> None:
    play_life(steps)


@pytest.mark.parametrize(
    ("steps", "proven"),
    [
        (["die", "probe", "deliver 0"], 1),
        (["closes", "probe", "deliver 0"], 0),
        (["check", "die", "probe", "deliver 0"], 0),
        (
            [
                "check",
                "die",
                "probe",
                "deliver 0",
                "check",
                "wait 1",
                "probe",
                "deliver 0",
            ],
            1,
        ),
    ],
    ids=["died", "lives and refuses", "a health check runs", "and has ended"],
)
def test_simulated_life_can_prove_a_process_gone(steps: list[str], proven: int) -> None:
    assert play_life(steps).proven == proven
