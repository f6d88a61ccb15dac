"""Recovery of targets in virtual time; each test asserts all engine actions."""

import asyncio
from dataclasses import replace

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


async def wait_until_healthy() -> None:
    """Wait until both targets are healthy."""
    await asyncio.sleep(20.0)


def test_healthy_targets_cause_no_action_in_two_hours() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await asyncio.sleep(7200.0)

    harness = run_scenario(scenario)
    assert harness.acts() == []
    assert harness.recorder.decisions == []
    probes = [at for at, name in harness.prober.probe_starts if name == ROOT]
    assert 1430 <= len(probes) <= 1445


def test_first_probe_begins_within_a_second() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await asyncio.sleep(1.0)

    harness = run_scenario(scenario)
    assert {name for _, name in harness.prober.probe_starts} == {ROOT, LEAF}


def test_forbidden_remedy_is_requested_once_and_paged_once() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        no = EngineForbidden("the engine answered 403: not on the list")
        for call in ("restart", "start"):
            harness.engine.trouble(call, no, times=1000)
        harness.fail_until_restart(ROOT, REFUSED)
        harness.fail_until_restart(LEAF, UNAVAILABLE)
        await asyncio.sleep(3500.0)

    harness = run_scenario(scenario)
    assert harness.acts() == []
    requests = [
        call for call, _ in harness.engine.calls if call in {"restart", "start"}
    ]
    assert requests == ["restart"]
    (page,) = harness.decisions_of(Action.PAGE)
    assert (page.name, page.guard) == (ROOT, Guard.FORBIDDEN)
    root = harness.instance(ROOT)
    assert (root.lane.tries, root.restarts_total) == (0, 0)
    assert harness.watchdog.state.restarts == ()
    assert {d.guard for d in harness.recorder.decisions} & {
        Guard.RATE_LIMIT,
        Guard.BUDGET,
    } == (set())


def test_dead_daemon_in_running_container_is_restarted() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.fail_until_restart(ROOT, REFUSED)
        began = asyncio.get_running_loop().time()
        await harness.wait_until(lambda: harness.instance(ROOT).restarts_total == 1)
        assert asyncio.get_running_loop().time() - began <= 5.0 + 2 * 2.0 + 1.0
        await asyncio.sleep(10.0)
        assert harness.instance(ROOT).state is TargetState.HEALTHY

    harness = run_scenario(scenario)
    assert harness.acts() == [("restart", ROOT_ID)]
    assert harness.engine.stop_timeouts == [5.0]
    (ended,) = [t for t in harness.recorder.transitions if isinstance(t, RemedyEnded)]
    assert ended.outcome is RemedyOutcome.RECOVERED


def end_daemon_in_wrapper(harness: LoopHarness, command: str) -> None:
    """End the wallet daemon; its wrapper process continues with ``command``."""
    pid = harness.engine.held[ROOT_ID].pid
    sleeping = Process(pid + 2000, pid, "S", command)
    harness.engine.processes_of[ROOT_ID] = (
        Process(pid, 1, "Ss", "sh /run.sh"),
        sleeping,
    )
    harness.fail_until_restart(ROOT, REFUSED)


async def wait_until_healthy_in_wrapper(harness: LoopHarness) -> None:
    pid = harness.engine.held[ROOT_ID].pid
    daemon = Process(pid + 1000, pid, "S", "python3 electron-cash daemon")
    wrapper = Process(pid, 1, "Ss", "sh /run.sh")
    harness.engine.processes_of[ROOT_ID] = (wrapper, daemon)
    await wait_until_healthy()


def test_daemon_without_process_is_restarted_at_first_refusal() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy_in_wrapper(harness)
        end_daemon_in_wrapper(harness, "sleep infinity")
        began = asyncio.get_running_loop().time()
        await harness.wait_until(lambda: harness.instance(ROOT).restarts_total == 1)
        interval_s = WALLET.cadence.interval_s
        assert asyncio.get_running_loop().time() - began <= interval_s + 1.0

    harness = run_scenario(scenario)
    assert harness.acts() == [("restart", ROOT_ID)]
    (restart,) = harness.decisions_of(Action.RESTART)
    assert restart.process_gone
    assert len(harness.decisions_of(Action.LOOK)) == 1


def test_daemon_restarted_by_its_supervisor_within_8_s_is_left_alone() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy_in_wrapper(harness)
        as_before = harness.engine.processes_of[ROOT_ID]
        end_daemon_in_wrapper(harness, "sleep 8")
        await harness.wait_until(lambda: bool(harness.instance(ROOT).health.failures))
        await asyncio.sleep(8.0)
        harness.engine.processes_of[ROOT_ID] = as_before
        harness.set_script(ROOT, lambda _: probe_success())
        await asyncio.sleep(60.0)
        assert harness.instance(ROOT).state is TargetState.HEALTHY

    harness = run_scenario(scenario)
    assert harness.acts() == []
    assert Guard.SELF_RESTART in {d.guard for d in harness.recorder.decisions}


def test_supervisor_that_does_not_restart_daemon_delays_restart_by_10_s() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy_in_wrapper(harness)
        end_daemon_in_wrapper(harness, "sleep 8")
        await harness.wait_until(lambda: bool(harness.instance(ROOT).health.failures))
        began = asyncio.get_running_loop().time()
        await harness.wait_until(lambda: bool(harness.decisions_of(Action.RESTART)))
        # The failure was seen up to 0.1 s after it.
        assert 9.9 <= asyncio.get_running_loop().time() - began < 11.0
        assert harness.decisions_of(Action.RESTART)[0].process_gone

    run_scenario(scenario)


def test_running_daemon_that_refuses_is_restarted_after_three_failures() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy_in_wrapper(harness)
        harness.fail_until_restart(ROOT, REFUSED)
        await harness.wait_until(lambda: bool(harness.decisions_of(Action.RESTART)))

    (restart,) = run_scenario(scenario).decisions_of(Action.RESTART)
    assert not restart.process_gone
    assert str(restart.reason).startswith("failure 3: ")


def test_processes_are_inspected_once_per_answering_run() -> None:
    async def scenario(harness: LoopHarness) -> None:
        harness.engine.trouble("processes", EngineTimeout("slow"))
        await asyncio.sleep(3600.0)
        looks = harness.engine.calls.count(("processes", ROOT_ID))
        assert harness.engine.calls.count(("processes", LEAF_ID)) + looks == 3
        await harness.engine.restart(ROOT_ID, 1.0)
        await asyncio.sleep(3600.0)
        assert harness.engine.calls.count(("processes", ROOT_ID)) == looks + 1

    assert run_scenario(scenario).recorder.decisions == []


def test_stopped_process_is_detected_while_answer_is_awaited() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        main = Process(harness.engine.held[ROOT_ID].pid, 1, "Ts", "electron-cash")
        harness.engine.processes_of[ROOT_ID] = (main,)
        harness.fail_until_restart(ROOT, HANGS)
        await asyncio.sleep(WALLET.cadence.interval_s + SILENCE_S + 1.0)
        # Its engine lets it go on in neither way.
        assert harness.acts() == [("signal", ROOT_ID), ("restart", ROOT_ID)]

    run_scenario(scenario)


def test_stopped_process_is_continued_and_stopped_by_rpc_before_start() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        pid = harness.engine.held[ROOT_ID].pid
        stopped = Process(pid, 1, "Ts", "electron-cash")
        harness.engine.processes_of[ROOT_ID] = (stopped,)
        harness.engine.on_signal = lambda _: harness.engine.processes_of.update(
            {ROOT_ID: (stopped._replace(stat="Ss"),)}
        )
        harness.fail_until_restart(ROOT, HANGS)
        await asyncio.sleep(WALLET.cadence.interval_s + SILENCE_S + 2.0)
        assert harness.engine.signals == ["SIGCONT"]
        assert harness.wallets.calls == ["stop"]
        assert harness.acts() == [("signal", ROOT_ID), ("start", ROOT_ID)]

    run_scenario(scenario)


def test_silence_of_30_s_without_stopped_process_causes_no_action() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.set_script(ROOT, lambda _: HANGS)
        await asyncio.sleep(30.0)
        looks = harness.engine.calls.count(("processes", ROOT_ID))
        assert looks >= 3, "once in the run, and while answers were awaited"
        harness.set_script(ROOT, lambda _: probe_success())
        await asyncio.sleep(60.0)
        assert harness.instance(ROOT).state is TargetState.HEALTHY

    assert run_scenario(scenario).acts() == []


def test_page_stores_log_as_evidence() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.engine.logs_of[ROOT_ID] = "RPC: wrong password"
        harness.set_script(
            ROOT, lambda _: probe_failure(Cause.AUTH, text_reason("401"))
        )
        await asyncio.sleep(30.0)

    harness = run_scenario(scenario)
    ((event, evidence),) = harness.store.evidence
    assert isinstance(event, EvidenceGathered)
    assert event.log == evidence["log"] == "RPC: wrong password"
    assert harness.acts() == []


def test_corrected_password_restarts_nothing_and_later_failure_does() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.set_script(
            ROOT,
            lambda _: probe_failure(Cause.AUTH, text_reason("401"), rpc_answers=True),
        )
        await harness.wait_until(
            lambda: harness.instance(ROOT).state is TargetState.DOWN
        )
        harness.set_script(ROOT, lambda _: probe_success())
        await asyncio.sleep(120.0)
        assert harness.instance(ROOT).state is TargetState.HEALTHY
        assert harness.acts() == []
        harness.fail_until_restart(
            ROOT, probe_failure(Cause.REFUSED, text_reason("refused"))
        )
        await harness.wait_until(lambda: len(harness.acts()) == 2)
        assert harness.acts() == [("restart", ROOT_ID), ("restart", LEAF_ID)]
        await harness.wait_until(lambda: all(not i.open for i in incidents(harness)))

    harness = run_scenario(
        scenario, (WALLET, replace(SERVICE, after_dependency=AfterDependency.ALWAYS))
    )
    assert [i.followers for i in incidents(harness)] == [(), (LEAF,)]
    last = harness.recorder.transitions[-1]
    assert isinstance(last, IncidentChanged)
    assert last.step is IncidentStep.RESOLVED


def incidents(harness: LoopHarness) -> list[Incident]:
    return list(harness.watchdog.state.incidents.values())


def test_evidence_excludes_log_of_earlier_run() -> None:
    """A restart helps; two minutes later the new run fails and logs nothing."""

    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.engine.write(ROOT_ID, "PermissionError: wallets")
        harness.fail_until_restart(
            ROOT, probe_failure(Cause.REFUSED, text_reason("refused"))
        )
        await harness.wait_until(lambda: harness.instance(ROOT).restarts_total == 1)
        await asyncio.sleep(120.0)
        assert harness.instance(ROOT).state is TargetState.HEALTHY
        harness.fail_until_restart(
            ROOT, probe_failure(Cause.REFUSED, text_reason("refused"))
        )
        await harness.wait_until(lambda: harness.instance(ROOT).restarts_total == 2)

    first, second = (bundle for _, bundle in run_scenario(scenario).store.evidence)
    assert str(first["log"]).endswith(" PermissionError: wallets")
    assert second["log"] == ""


def test_hung_daemon_is_detected_after_45_s_and_restarted_90_s_later() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.fail_until_restart(ROOT, HANGS)
        broken = harness.clock.now().mono
        await asyncio.sleep(44.0)
        assert harness.decisions_of(Action.RESTART) == []
        await harness.wait_until(lambda: len(harness.decisions_of(Action.RESTART)) == 1)
        assert harness.clock.now().mono - broken < 62.0
        await asyncio.sleep(88.0)
        assert harness.acts() == []
        waiting = "restart: waiting up to 90 s for an answer before it is restarted"
        assert str(harness.instance(ROOT).reason) == waiting
        await asyncio.sleep(12.0)

    assert run_scenario(scenario).acts() == [("restart", ROOT_ID)]


def test_answer_after_decision_cancels_restart() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.set_script(ROOT, lambda _: HANGS)
        harness.wallets.answer_s = 39.0
        await asyncio.sleep(62.0)
        assert len(harness.decisions_of(Action.RESTART)) == 1
        harness.set_script(ROOT, lambda _: probe_success())
        await asyncio.sleep(200.0)
        assert harness.instance(ROOT).state is TargetState.HEALTHY
        assert harness.instance(ROOT).lane.tries == 0
        assert harness.watchdog.state.restarts == ()

    assert run_scenario(scenario).acts() == []


def test_dependent_that_recovers_with_its_root_is_not_restarted() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.fail_until_restart(ROOT, REFUSED)
        broken = harness.engine.held[ROOT_ID].run
        harness.set_script(
            LEAF,
            lambda _: (
                UNAVAILABLE
                if harness.engine.held[ROOT_ID].run == broken
                else probe_success()
            ),
        )
        await asyncio.sleep(120.0)

    harness = run_scenario(scenario)
    assert harness.acts() == [("restart", ROOT_ID)]
    (incident,) = harness.watchdog.state.incidents.values()
    assert not incident.open
    assert (incident.target, incident.affected) == (ROOT, (LEAF,))


def test_dependent_that_stays_failed_is_restarted_after_its_root() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.fail_until_restart(ROOT, REFUSED)
        harness.fail_until_restart(LEAF, UNAVAILABLE)
        await asyncio.sleep(180.0)
        assert harness.instance(LEAF).state is TargetState.HEALTHY

    harness = run_scenario(scenario)
    assert harness.acts() == [("restart", ROOT_ID), ("restart", LEAF_ID)]


def test_dependent_that_fails_alone_is_restarted_alone() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.fail_until_restart(LEAF, UNAVAILABLE)
        await asyncio.sleep(120.0)

    assert run_scenario(scenario).acts() == [("restart", LEAF_ID)]


def test_exited_container_is_started_at_once() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.engine.crash(ROOT_ID)
        await asyncio.sleep(0.3)
        assert harness.acts() == [("start", ROOT_ID)]
        await asyncio.sleep(10.0)
        assert harness.instance(ROOT).state is TargetState.HEALTHY

    run_scenario(scenario)


def test_container_restarted_by_engine_is_left_alone() -> None:
    async def scenario(harness: LoopHarness) -> None:
        harness.engine.change(ROOT_ID, restart_policy="always")
        await wait_until_healthy()
        harness.engine.crash(ROOT_ID)
        await asyncio.sleep(60.0)
        assert harness.instance(ROOT).state is TargetState.HEALTHY

    assert run_scenario(scenario).acts() == []


def test_requested_restart_stops_by_rpc_first_and_loads_wallet_afterwards() -> None:
    no_wallet = probe_failure(
        Cause.WALLET_NOT_LOADED, text_reason("no wallet"), rpc_answers=True
    )

    async def scenario(harness: LoopHarness) -> None:
        first = harness.engine.held[ROOT_ID].run
        harness.wallets.loaded.add(first)

        def daemon(container: Container) -> ProbeResult:
            return (
                probe_success()
                if container.run in harness.wallets.loaded
                else no_wallet
            )

        harness.set_script(ROOT, daemon)
        await wait_until_healthy()
        await harness.watchdog.ask(RestartRequested(harness.clock.now(), ROOT))
        await asyncio.sleep(60.0)
        assert harness.instance(ROOT).state is TargetState.HEALTHY

    harness = run_scenario(scenario)
    assert harness.wallets.calls == ["stop", "load_wallet"]
    assert harness.acts() == [("start", ROOT_ID)]


def test_rpc_stop_suffices_where_engine_restarts_container() -> None:
    async def scenario(harness: LoopHarness) -> None:
        harness.engine.change(ROOT_ID, restart_policy="always")
        await wait_until_healthy()
        await harness.watchdog.ask(RestartRequested(harness.clock.now(), ROOT))
        await asyncio.sleep(60.0)
        assert harness.instance(ROOT).state is TargetState.HEALTHY
        assert harness.instance(ROOT).restarts_total == 1

    assert run_scenario(scenario).acts() == []


def test_operator_stop_and_pause_cause_no_action_until_start() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.engine.stop_by_operator(ROOT_ID)
        await asyncio.sleep(600.0)
        assert harness.instance(ROOT).state is TargetState.STOPPED
        assert harness.acts() == []
        harness.engine.start_by_operator(ROOT_ID)
        await asyncio.sleep(20.0)
        assert harness.instance(ROOT).state is TargetState.HEALTHY
        harness.engine.pause(ROOT_ID)
        await asyncio.sleep(600.0)
        harness.engine.unpause(ROOT_ID)
        await asyncio.sleep(20.0)
        harness.fail_until_restart(ROOT, REFUSED)
        await asyncio.sleep(60.0)

    assert run_scenario(scenario).acts() == [("restart", ROOT_ID)]


def test_new_container_of_redeploy_is_left_alone_after_earlier_failures() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.fail_until_restart(ROOT, REFUSED)
        await harness.wait_until(lambda: harness.instance(ROOT).health.failures == 2)
        harness.engine.recreate(ROOT_ID, "fresh")
        await asyncio.sleep(120.0)
        assert harness.instance(ROOT).state is TargetState.HEALTHY

    assert run_scenario(scenario).acts() == []


def test_restart_whose_call_times_out_is_counted_once() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.engine.trouble(
            "restart", EngineTimeout("no answer in 20 s"), is_done=True
        )
        harness.fail_until_restart(ROOT, REFUSED)
        await asyncio.sleep(120.0)
        assert harness.instance(ROOT).state is TargetState.HEALTHY
        assert harness.instance(ROOT).restarts_total == 1

    assert run_scenario(scenario).acts() == [("restart", ROOT_ID)]


def test_daemon_that_never_recovers_is_restarted_at_growing_intervals() -> None:
    hopeless = replace(
        WALLET,
        restart=RestartSettings(recovery_timeout_s=10.0, graceful_rpc_stop=False),
        cadence=replace(WALLET.cadence, start_period_s=5.0),
    )

    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.set_script(
            ROOT, lambda _: probe_failure(Cause.RESET, text_reason("it breaks off"))
        )
        await asyncio.sleep(500.0)

    harness = run_scenario(scenario, targets=(hopeless,))
    assert harness.acts() == [("restart", ROOT_ID)] * 3
    tries = [d.at.mono for d in harness.decisions_of(Action.RESTART)]
    assert tries[2] - tries[1] > tries[1] - tries[0]


def test_observe_mode_changes_no_container() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.fail_until_restart(ROOT, REFUSED)
        harness.engine.crash(LEAF_ID)
        await asyncio.sleep(600.0)

    harness = run_scenario(scenario, mode=Mode.OBSERVE)
    assert harness.acts() == []
    assert any(d.guard is Guard.OBSERVE for d in harness.recorder.decisions)


def test_planned_restart_restarts_root_then_dependent() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.post(PlannedRestartDue(harness.clock.now(), ROOT))
        await asyncio.sleep(60.0)
        assert harness.instance(ROOT).state is TargetState.HEALTHY
        assert harness.instance(LEAF).state is TargetState.HEALTHY

    harness = run_scenario(scenario)
    assert harness.wallets.calls == ["stop"]
    assert harness.acts() == [("start", ROOT_ID), ("restart", LEAF_ID)]
    triggers = {
        d.trigger for d in harness.recorder.decisions if d.action.changes_something
    }
    assert triggers == {Trigger.PLANNED}


def test_failing_target_does_not_stop_probes_of_others() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.set_script(
            ROOT, lambda _: probe_failure(Cause.AUTH, text_reason("401"))
        )
        before = len([1 for _, name in harness.prober.probe_starts if name == LEAF])
        await asyncio.sleep(300.0)
        after = len([1 for _, name in harness.prober.probe_starts if name == LEAF])
        assert after - before >= 15

    assert run_scenario(scenario).acts() == []


def test_container_unhealthy_by_native_health_check_is_restarted() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.engine.set_health(LEAF_ID, NativeHealth.UNHEALTHY)
        harness.fail_until_restart(
            LEAF, probe_failure(Cause.ENGINE_UNHEALTHY, text_reason("unhealthy"))
        )
        await asyncio.sleep(60.0)

    assert run_scenario(
        scenario, targets=(replace(SERVICE, depends_on=()),)
    ).acts() == [("restart", LEAF_ID)]


def test_dependent_recovers_while_root_is_flapping() -> None:
    """The root fails one probe in four; the dependent has its own fault."""

    async def scenario(harness: LoopHarness) -> None:
        await asyncio.sleep(40.0)
        harness.fail_until_restart(LEAF, UNAVAILABLE)
        turns = iter(range(10_000))
        harness.set_script(
            ROOT, lambda _: probe_success() if next(turns) % 4 else REFUSED
        )
        await asyncio.sleep(240.0)
        assert harness.instance(LEAF).state is TargetState.HEALTHY

    assert run_scenario(scenario).acts() == [("restart", LEAF_ID)]
