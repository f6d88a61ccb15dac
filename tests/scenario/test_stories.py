"""The story of one night each, in virtual time, with every engine action counted."""

import asyncio
from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, NativeHealth, Process
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.event import (
    EvidenceGathered,
    PlannedRestartDue,
    RestartRequested,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.incident import Incident
from sidecar.core.model.probe_result import ProbeResult, probe_failure, probe_success
from sidecar.core.model.target import AfterDependency, Mode, RestartSettings
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import (
    IncidentChanged,
    IncidentStep,
    RemedyEnded,
    RemedyOutcome,
)
from sidecar.core.ports.engine import EngineForbidden, EngineTimeout
from sidecar.core.reason.reason import text_reason
from sidecar.probes.scheduler import SILENCE_S
from tests.support.loop_harness import (
    HANGS,
    LEAF,
    LEAF_ID,
    ROOT,
    ROOT_ID,
    LoopHarness,
    run_scenario,
)
from tests.support.rule_world import SERVICE, WALLET

REFUSED = probe_failure(Cause.REFUSED, text_reason("connection refused"))
UNAVAILABLE = probe_failure(Cause.HTTP_5XX, text_reason("503"))


async def settle_in() -> None:
    """Until both are known to be healthy."""
    await asyncio.sleep(20.0)


@pytest.mark.timeout(120)
def test_two_quiet_hours_without_any_action() -> None:
    async def story(stage: LoopHarness) -> None:
        await asyncio.sleep(7200.0)

    stage = run_scenario(story)
    assert stage.acts() == []
    assert stage.notes.decisions == []
    probes = [at for at, name in stage.prober.begun if name == ROOT]
    assert 1430 <= len(probes) <= 1445


def test_the_first_probe_begins_within_a_second() -> None:
    async def story(stage: LoopHarness) -> None:
        await asyncio.sleep(1.0)

    stage = run_scenario(story)
    assert {name for _, name in stage.prober.begun} == {ROOT, LEAF}


@pytest.mark.timeout(120)
def test_a_filter_that_forbids_every_remedy_is_asked_rarely_and_heard_of_once() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        no = EngineForbidden("the engine answered 403: not on the list")
        for call in ("restart", "start"):
            stage.engine.trouble(call, no, times=1000)
        stage.breaks(ROOT, REFUSED)
        stage.breaks(LEAF, UNAVAILABLE)
        await asyncio.sleep(3500.0)

    stage = run_scenario(story)
    assert stage.acts() == []
    asked = [call for call, _ in stage.engine.calls if call in {"restart", "start"}]
    assert asked == ["restart"]
    (page,) = stage.decided(Action.PAGE)
    assert (page.name, page.guard) == (ROOT, Guard.FORBIDDEN)
    root = stage.instance(ROOT)
    assert (root.lane.tries, root.restarts_total) == (0, 0)
    assert stage.watchdog.state.restarts == ()
    assert {d.guard for d in stage.notes.decisions} & {
        Guard.RATE_LIMIT,
        Guard.BUDGET,
    } == (set())


def test_a_dead_daemon_in_a_running_container() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.breaks(ROOT, REFUSED)
        began = asyncio.get_running_loop().time()
        await stage.until(lambda: stage.instance(ROOT).restarts_total == 1)
        assert asyncio.get_running_loop().time() - began <= 5.0 + 2 * 2.0 + 1.0
        await asyncio.sleep(10.0)
        assert stage.instance(ROOT).state is TargetState.HEALTHY

    stage = run_scenario(story)
    assert stage.acts() == [("restart", ROOT_ID)]
    assert stage.engine.stop_timeouts == [5.0]
    (ended,) = [t for t in stage.notes.transitions if isinstance(t, RemedyEnded)]
    assert ended.outcome is RemedyOutcome.RECOVERED


def left_alone_by_its_daemon(stage: LoopHarness, waits: str) -> None:
    """Its wallet daemon dies; the wrapper stays, and waits so."""
    pid = stage.engine.held[ROOT_ID].pid
    nap = Process(pid + 2000, pid, "S", waits)
    stage.engine.processes_of[ROOT_ID] = (Process(pid, 1, "Ss", "sh /run.sh"), nap)
    stage.breaks(ROOT, REFUSED)


async def settle_in_a_wrapper(stage: LoopHarness) -> None:
    pid = stage.engine.held[ROOT_ID].pid
    daemon = Process(pid + 1000, pid, "S", "python3 electron-cash daemon")
    wrapper = Process(pid, 1, "Ss", "sh /run.sh")
    stage.engine.processes_of[ROOT_ID] = (wrapper, daemon)
    await settle_in()


def test_a_daemon_that_has_gone_is_restarted_at_the_first_refusal() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in_a_wrapper(stage)
        left_alone_by_its_daemon(stage, "sleep infinity")
        began = asyncio.get_running_loop().time()
        await stage.until(lambda: stage.instance(ROOT).restarts_total == 1)
        interval_s = WALLET.cadence.interval_s
        assert asyncio.get_running_loop().time() - began <= interval_s + 1.0

    stage = run_scenario(story)
    assert stage.acts() == [("restart", ROOT_ID)]
    (restart,) = stage.decided(Action.RESTART)
    assert restart.process_gone
    assert len(stage.decided(Action.LOOK)) == 1


def test_a_supervisor_that_starts_it_again_in_8_s_is_left_to_do_so() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in_a_wrapper(stage)
        as_before = stage.engine.processes_of[ROOT_ID]
        left_alone_by_its_daemon(stage, "sleep 8")
        await stage.until(lambda: bool(stage.instance(ROOT).health.failures))
        await asyncio.sleep(8.0)
        stage.engine.processes_of[ROOT_ID] = as_before
        stage.script(ROOT, lambda _: probe_success())
        await asyncio.sleep(60.0)
        assert stage.instance(ROOT).state is TargetState.HEALTHY

    stage = run_scenario(story)
    assert stage.acts() == []
    assert Guard.SELF_RESTART in {d.guard for d in stage.notes.decisions}


def test_a_supervisor_that_does_not_is_waited_for_10_s() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in_a_wrapper(stage)
        left_alone_by_its_daemon(stage, "sleep 8")
        await stage.until(lambda: bool(stage.instance(ROOT).health.failures))
        began = asyncio.get_running_loop().time()
        await stage.until(lambda: bool(stage.decided(Action.RESTART)))
        # A sum of tenths of a second may fall short of 10.0 by its last digit.
        assert 9.99 < asyncio.get_running_loop().time() - began < 11.0
        assert stage.decided(Action.RESTART)[0].process_gone

    run_scenario(story)


def test_a_daemon_that_lives_and_refuses_is_given_three_probes() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in_a_wrapper(stage)
        stage.breaks(ROOT, REFUSED)
        await stage.until(lambda: bool(stage.decided(Action.RESTART)))

    (restart,) = run_scenario(story).decided(Action.RESTART)
    assert not restart.process_gone
    assert str(restart.reason).startswith("failure 3: ")


def test_each_run_that_answers_is_looked_at_once() -> None:
    async def story(stage: LoopHarness) -> None:
        stage.engine.trouble("processes", EngineTimeout("slow"))
        await asyncio.sleep(3600.0)
        looks = stage.engine.calls.count(("processes", ROOT_ID))
        assert stage.engine.calls.count(("processes", LEAF_ID)) + looks == 3
        await stage.engine.restart(ROOT_ID, 1.0)
        await asyncio.sleep(3600.0)
        assert stage.engine.calls.count(("processes", ROOT_ID)) == looks + 1

    assert run_scenario(story).notes.decisions == []


def test_a_stopped_process_is_found_while_its_answer_is_awaited() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        main = Process(stage.engine.held[ROOT_ID].pid, 1, "Ts", "electron-cash")
        stage.engine.processes_of[ROOT_ID] = (main,)
        stage.breaks(ROOT, HANGS)
        await asyncio.sleep(WALLET.cadence.interval_s + SILENCE_S + 1.0)
        # Its engine lets it go on in neither way.
        assert stage.acts() == [("signal", ROOT_ID), ("restart", ROOT_ID)]

    run_scenario(story)


def test_a_stopped_process_is_continued_and_asked_to_stop_first() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        pid = stage.engine.held[ROOT_ID].pid
        stopped = Process(pid, 1, "Ts", "electron-cash")
        stage.engine.processes_of[ROOT_ID] = (stopped,)
        stage.engine.on_signal = lambda _: stage.engine.processes_of.update(
            {ROOT_ID: (stopped._replace(stat="Ss"),)}
        )
        stage.breaks(ROOT, HANGS)
        await asyncio.sleep(WALLET.cadence.interval_s + SILENCE_S + 2.0)
        assert stage.engine.signals == ["SIGCONT"]
        assert stage.wallets.calls == ["stop"]
        assert stage.acts() == [("signal", ROOT_ID), ("start", ROOT_ID)]

    run_scenario(story)


def test_a_silence_in_which_nothing_is_stopped_is_given_its_time() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.script(ROOT, lambda _: HANGS)
        await asyncio.sleep(30.0)
        looks = stage.engine.calls.count(("processes", ROOT_ID))
        assert looks >= 3, "once in the run, and while answers were awaited"
        stage.script(ROOT, lambda _: probe_success())
        await asyncio.sleep(60.0)
        assert stage.instance(ROOT).state is TargetState.HEALTHY

    assert run_scenario(story).acts() == []


def test_what_belongs_to_a_page_is_kept() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.engine.logs_of[ROOT_ID] = "RPC: wrong password"
        stage.script(ROOT, lambda _: probe_failure(Cause.AUTH, text_reason("401")))
        await asyncio.sleep(30.0)

    stage = run_scenario(story)
    ((event, evidence),) = stage.store.evidence
    assert isinstance(event, EvidenceGathered)
    assert event.log == evidence["log"] == "RPC: wrong password"
    assert stage.acts() == []


def test_a_password_of_ours_that_is_corrected_restarts_nobody_and_a_fall_does() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.script(
            ROOT,
            lambda _: probe_failure(Cause.AUTH, text_reason("401"), rpc_answers=True),
        )
        await stage.until(lambda: stage.instance(ROOT).state is TargetState.DOWN)
        stage.script(ROOT, lambda _: probe_success())
        await asyncio.sleep(120.0)
        assert stage.instance(ROOT).state is TargetState.HEALTHY
        assert stage.acts() == []
        stage.breaks(ROOT, probe_failure(Cause.REFUSED, text_reason("refused")))
        await stage.until(lambda: len(stage.acts()) == 2)
        assert stage.acts() == [("restart", ROOT_ID), ("restart", LEAF_ID)]
        await stage.until(lambda: all(not i.open for i in incidents(stage)))

    stage = run_scenario(
        story, (WALLET, replace(SERVICE, after_dependency=AfterDependency.ALWAYS))
    )
    assert [i.followers for i in incidents(stage)] == [(), (LEAF,)]
    last = stage.notes.transitions[-1]
    assert isinstance(last, IncidentChanged)
    assert last.step is IncidentStep.RESOLVED


def incidents(stage: LoopHarness) -> list[Incident]:
    return list(stage.watchdog.state.incidents.values())


def test_what_an_earlier_run_logged_is_not_given_as_the_reason() -> None:
    """A restart helps; two minutes later the new run fails and logs nothing."""

    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.engine.write(ROOT_ID, "PermissionError: wallets")
        stage.breaks(ROOT, probe_failure(Cause.REFUSED, text_reason("refused")))
        await stage.until(lambda: stage.instance(ROOT).restarts_total == 1)
        await asyncio.sleep(120.0)
        assert stage.instance(ROOT).state is TargetState.HEALTHY
        stage.breaks(ROOT, probe_failure(Cause.REFUSED, text_reason("refused")))
        await stage.until(lambda: stage.instance(ROOT).restarts_total == 2)

    first, second = (bundle for _, bundle in run_scenario(story).store.evidence)
    assert str(first["log"]).endswith(" PermissionError: wallets")
    assert second["log"] == ""


def test_a_30_s_network_call_is_left_alone() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.script(ROOT, lambda _: HANGS)
        await asyncio.sleep(30.0)
        stage.script(ROOT, lambda _: probe_success())
        await asyncio.sleep(120.0)

    assert run_scenario(story).acts() == []


def test_a_hung_daemon_is_found_after_45_s_and_restarted_after_90_s_more() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.breaks(ROOT, HANGS)
        broken = stage.clock.now().mono
        await asyncio.sleep(44.0)
        assert stage.decided(Action.RESTART) == []
        await stage.until(lambda: len(stage.decided(Action.RESTART)) == 1)
        assert stage.clock.now().mono - broken < 62.0
        await asyncio.sleep(88.0)
        assert stage.acts() == []
        waiting = "restart: waiting up to 90 s for an answer before it is restarted"
        assert str(stage.instance(ROOT).reason) == waiting
        await asyncio.sleep(12.0)

    assert run_scenario(story).acts() == [("restart", ROOT_ID)]


def test_an_answer_after_the_decision_calls_the_restart_off() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.script(ROOT, lambda _: HANGS)
        stage.wallets.answer_s = 39.0
        await asyncio.sleep(62.0)
        assert len(stage.decided(Action.RESTART)) == 1
        stage.script(ROOT, lambda _: probe_success())
        await asyncio.sleep(200.0)
        assert stage.instance(ROOT).state is TargetState.HEALTHY
        assert stage.instance(ROOT).lane.tries == 0
        assert stage.watchdog.state.restarts == ()

    assert run_scenario(story).acts() == []


def test_root_and_dependent_fail_and_the_dependent_follows_by_itself() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.breaks(ROOT, REFUSED)
        broken = stage.engine.held[ROOT_ID].run
        stage.script(
            LEAF,
            lambda _: (
                UNAVAILABLE
                if stage.engine.held[ROOT_ID].run == broken
                else probe_success()
            ),
        )
        await asyncio.sleep(120.0)

    stage = run_scenario(story)
    assert stage.acts() == [("restart", ROOT_ID)]
    (incident,) = stage.watchdog.state.incidents.values()
    assert not incident.open
    assert (incident.target, incident.affected) == (ROOT, (LEAF,))


def test_root_first_then_the_dependent_that_does_not_follow() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.breaks(ROOT, REFUSED)
        stage.breaks(LEAF, UNAVAILABLE)
        await asyncio.sleep(180.0)
        assert stage.instance(LEAF).state is TargetState.HEALTHY

    stage = run_scenario(story)
    assert stage.acts() == [("restart", ROOT_ID), ("restart", LEAF_ID)]


def test_a_dependent_alone_is_restarted_alone() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.breaks(LEAF, UNAVAILABLE)
        await asyncio.sleep(120.0)

    assert run_scenario(story).acts() == [("restart", LEAF_ID)]


def test_a_container_that_exits_is_started_at_once() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.engine.crash(ROOT_ID)
        await asyncio.sleep(0.3)
        assert stage.acts() == [("start", ROOT_ID)]
        await asyncio.sleep(10.0)
        assert stage.instance(ROOT).state is TargetState.HEALTHY

    run_scenario(story)


def test_the_engine_brings_it_back_by_itself() -> None:
    async def story(stage: LoopHarness) -> None:
        stage.engine.change(ROOT_ID, restart_policy="always")
        await settle_in()
        stage.engine.crash(ROOT_ID)
        await asyncio.sleep(60.0)
        assert stage.instance(ROOT).state is TargetState.HEALTHY

    assert run_scenario(story).acts() == []


def test_the_wallet_is_loaded_after_a_restart_and_a_polite_stop_comes_first() -> None:
    no_wallet = probe_failure(
        Cause.WALLET_NOT_LOADED, text_reason("no wallet"), rpc_answers=True
    )

    async def story(stage: LoopHarness) -> None:
        first = stage.engine.held[ROOT_ID].run
        stage.wallets.loaded.add(first)

        def daemon(container: Container) -> ProbeResult:
            return (
                probe_success() if container.run in stage.wallets.loaded else no_wallet
            )

        stage.script(ROOT, daemon)
        await settle_in()
        await stage.watchdog.ask(RestartRequested(stage.clock.now(), ROOT))
        await asyncio.sleep(60.0)
        assert stage.instance(ROOT).state is TargetState.HEALTHY

    stage = run_scenario(story)
    assert stage.wallets.calls == ["stop", "load_wallet"]
    assert stage.acts() == [("start", ROOT_ID)]


def test_a_polite_stop_is_the_restart_where_the_engine_brings_it_back() -> None:
    async def story(stage: LoopHarness) -> None:
        stage.engine.change(ROOT_ID, restart_policy="always")
        await settle_in()
        await stage.watchdog.ask(RestartRequested(stage.clock.now(), ROOT))
        await asyncio.sleep(60.0)
        assert stage.instance(ROOT).state is TargetState.HEALTHY
        assert stage.instance(ROOT).restarts_total == 1

    assert run_scenario(story).acts() == []


def test_an_operator_stops_pauses_and_starts() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.engine.stop_by_operator(ROOT_ID)
        await asyncio.sleep(600.0)
        assert stage.instance(ROOT).state is TargetState.STOPPED
        assert stage.acts() == []
        stage.engine.start_by_operator(ROOT_ID)
        await asyncio.sleep(20.0)
        assert stage.instance(ROOT).state is TargetState.HEALTHY
        stage.engine.pause(ROOT_ID)
        await asyncio.sleep(600.0)
        stage.engine.unpause(ROOT_ID)
        await asyncio.sleep(20.0)
        stage.breaks(ROOT, REFUSED)
        await asyncio.sleep(60.0)

    assert run_scenario(story).acts() == [("restart", ROOT_ID)]


def test_a_redeploy_during_a_streak_leaves_the_new_container_alone() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.breaks(ROOT, REFUSED)
        await stage.until(lambda: stage.instance(ROOT).health.failures == 2)
        stage.engine.recreate(ROOT_ID, "fresh")
        await asyncio.sleep(120.0)
        assert stage.instance(ROOT).state is TargetState.HEALTHY

    assert run_scenario(story).acts() == []


def test_the_restart_call_times_out_and_the_restart_happens() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.engine.trouble("restart", EngineTimeout("no answer in 20 s"), done=True)
        stage.breaks(ROOT, REFUSED)
        await asyncio.sleep(120.0)
        assert stage.instance(ROOT).state is TargetState.HEALTHY
        assert stage.instance(ROOT).restarts_total == 1

    assert run_scenario(story).acts() == [("restart", ROOT_ID)]


def test_the_engine_goes_away_for_20_s() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.engine.go_away()
        stage.breaks(ROOT, REFUSED)
        probes = len(stage.prober.begun)
        await asyncio.sleep(20.0)
        assert len(stage.prober.begun) > probes
        assert stage.acts() == []
        held = [d for d in stage.notes.decisions if d.guard is Guard.ENGINE]
        assert held
        stage.engine.come_back()
        await asyncio.sleep(5.0)

    assert run_scenario(story).acts() == [("restart", ROOT_ID)]


def test_a_daemon_that_never_recovers() -> None:
    hopeless = replace(
        WALLET,
        restart=RestartSettings(recovery_timeout_s=10.0, graceful_rpc_stop=False),
        cadence=replace(WALLET.cadence, start_period_s=5.0),
    )

    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.script(
            ROOT, lambda _: probe_failure(Cause.RESET, text_reason("it breaks off"))
        )
        await asyncio.sleep(500.0)

    stage = run_scenario(story, targets=(hopeless,))
    assert stage.acts() == [("restart", ROOT_ID)] * 3
    tries = [d.at.mono for d in stage.decided(Action.RESTART)]
    assert tries[2] - tries[1] > tries[1] - tries[0]


def test_observe_mode_touches_nothing() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.breaks(ROOT, REFUSED)
        stage.engine.crash(LEAF_ID)
        await asyncio.sleep(600.0)

    stage = run_scenario(story, mode=Mode.OBSERVE)
    assert stage.acts() == []
    assert any(d.guard is Guard.OBSERVE for d in stage.notes.decisions)


def test_a_planned_restart_of_the_stack() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.post(PlannedRestartDue(stage.clock.now(), ROOT))
        await asyncio.sleep(60.0)
        assert stage.instance(ROOT).state is TargetState.HEALTHY
        assert stage.instance(LEAF).state is TargetState.HEALTHY

    stage = run_scenario(story)
    assert stage.wallets.calls == ["stop"]
    assert stage.acts() == [("start", ROOT_ID), ("restart", LEAF_ID)]
    triggers = {d.trigger for d in stage.notes.decisions if d.action.changes_something}
    assert triggers == {Trigger.PLANNED}


def test_one_bad_target_does_not_keep_the_others_from_being_watched() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.script(ROOT, lambda _: probe_failure(Cause.AUTH, text_reason("401")))
        before = len([1 for _, name in stage.prober.begun if name == LEAF])
        await asyncio.sleep(300.0)
        after = len([1 for _, name in stage.prober.begun if name == LEAF])
        assert after - before >= 15

    assert run_scenario(story).acts() == []


def test_an_unhealthy_dependent_by_its_own_health_check() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.engine.set_health(LEAF_ID, NativeHealth.UNHEALTHY)
        stage.breaks(
            LEAF, probe_failure(Cause.ENGINE_UNHEALTHY, text_reason("unhealthy"))
        )
        await asyncio.sleep(60.0)

    assert run_scenario(story, targets=(replace(SERVICE, depends_on=()),)).acts() == [
        ("restart", LEAF_ID)
    ]
