"""Remedies against an engine in memory: calls that are sent, and their results."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from typing_extensions import override

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, Process, Status
from sidecar.core.model.decision import Action
from sidecar.core.model.event import (
    EvidenceGathered,
    ProcessesInspected,
    RemedyCallResult,
    RemedyExecuted,
)
from sidecar.core.model.probe_result import REASON_LIMIT
from sidecar.core.ports.engine import (
    ContainerGone,
    EngineForbidden,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    LeftAlone,
    ReplacedAlready,
)
from sidecar.core.ports.loop import RpcFailed
from sidecar.core.reason.reason import text_reason
from sidecar.core.status.run_log import RUN_SEPARATOR
from sidecar.remedies.evidence import PROCESSES as PROCESSES_KEPT
from sidecar.remedies.stopped_processes import NAME_CHARACTERS
from sidecar.simulation.virtual_time import run_virtual
from tests.support.fakes import FakeEngine
from tests.support.remedy_bench import SECRET, WALLET, Bench


def virtual(
    scenario: Callable[[], Coroutine[Any, Any, None]],
) -> Callable[[], None]:
    """Run a scenario in virtual time."""

    def test() -> None:
        run_virtual(scenario())

    test.__name__ = scenario.__name__
    test.__doc__ = scenario.__doc__
    return test


# restart


@virtual
async def test_restart_is_done_by_one_engine_call() -> None:
    bench = Bench()
    event = await bench.run_action(Action.RESTART)
    assert event.result is RemedyCallResult.DONE
    assert bench.engine.acts == [("restart", "c1")]
    assert bench.engine.stop_timeouts == [5.0]
    assert event.container is not None
    assert event.container.started_at > bench.container.started_at
    assert bench.wallets.calls == []


@virtual
async def test_refusal_of_the_engine_is_a_failure() -> None:
    bench = Bench()
    bench.engine.trouble("restart", EngineRefused(f"no {SECRET} here"))
    event = await bench.run_action(Action.RESTART)
    assert event.result is RemedyCallResult.FAILED
    assert str(event.reason) == "the engine refused: no *** here"
    assert bench.engine.acts == []


@virtual
async def test_container_that_somebody_else_acts_on_is_no_try() -> None:
    bench = Bench()
    bench.engine.trouble("restart", LeftAlone("its service is scaled to 0"))
    event = await bench.run_action(Action.RESTART)
    assert event.result is RemedyCallResult.NOT_SENT
    assert str(event.reason) == "it is left alone: its service is scaled to 0"
    assert not event.replaced


@virtual
async def test_container_that_the_restart_of_another_replaced_is_marked() -> None:
    bench = Bench()
    bench.engine.trouble("restart", ReplacedAlready("by a forced update"))
    event = await bench.run_action(Action.RESTART)
    assert (event.result, event.replaced) == (RemedyCallResult.NOT_SENT, True)
    assert bench.engine.acts == []


@virtual
async def test_no_part_of_a_secret_ends_a_reason_or_a_name_that_is_cut() -> None:
    for back in range(len(SECRET)):
        bench = Bench()
        before = "x" * (REASON_LIMIT - len("the engine refused: ") - back)
        bench.engine.trouble("restart", EngineRefused(f"{before}{SECRET}"))
        event = await bench.run_action(Action.RESTART)
        assert str(event.reason).rstrip("*").endswith("x")
        bench = Bench()
        name = f"{'x' * (NAME_CHARACTERS - back)}{SECRET}"
        bench.engine.processes_of["c1"] = (Process(100, 1, "T", name),)
        bench.begin(Action.LOOK)
        inspection = await bench.end()
        assert isinstance(inspection, ProcessesInspected)
        assert inspection.stopped[0].rstrip("*").endswith("x")


@virtual
async def test_forbidden_restart_is_refused() -> None:
    bench = Bench()
    bench.engine.trouble("restart", EngineForbidden(f"403: no {SECRET} here"))
    event = await bench.run_action(Action.RESTART)
    assert event.result is RemedyCallResult.REFUSED
    assert str(event.reason) == "403: no *** here"
    assert event.container == bench.container
    assert bench.engine.acts == []


@virtual
async def test_unreachable_engine_is_not_sent_anything() -> None:
    for call in ("inspect", "restart"):
        bench = Bench()
        bench.engine.trouble(call, EngineUnreachable("gone"), times=2)
        event = await bench.run_action(Action.RESTART)
        assert event.result is RemedyCallResult.NOT_SENT, call
        assert bench.engine.acts == []


@virtual
async def test_timeout_with_a_newer_run_is_done() -> None:
    bench = Bench()
    bench.engine.delays["restart"] = 3.0
    bench.engine.trouble("restart", EngineTimeout("no answer for 15 s"), is_done=True)
    event = await bench.run_action(Action.RESTART)
    assert event.result is RemedyCallResult.DONE
    assert event.container is not None
    assert event.container.run != bench.container.run
    assert bench.engine.acts == [("restart", "c1")]


@virtual
async def test_a_timeout_with_no_newer_run_is_unknown() -> None:
    bench = Bench()
    bench.engine.trouble("restart", EngineTimeout("no answer for 15 s"))
    event = await bench.run_action(Action.RESTART)
    assert event.result is RemedyCallResult.UNKNOWN
    assert event.container is not None
    assert event.container.run == bench.container.run


@virtual
async def test_observed_restart_does_not_wait_for_the_late_answer() -> None:
    bench = Bench()
    bench.engine.answer_late_s = 20.0
    bench.engine.delays["restart"] = 1.0
    began = bench.clock.now().mono
    event = await bench.run_action(Action.RESTART)
    assert event.result is RemedyCallResult.DONE
    assert str(event.reason) == "the engine restarted it; the engine's answer is late"
    assert event.at.mono - began < 3.0
    assert bench.engine.acts == [("restart", "c1")]


@virtual
async def test_lost_answer_is_looked_for_during_the_whole_stop() -> None:
    bench = Bench()
    bench.engine.delays["restart"] = 28.0
    proxy_error = EngineTimeout("a proxy before the engine answered 502: Bad Gateway")
    bench.engine.trouble("restart", proxy_error, is_done=True)
    event = await bench.run_action(Action.RESTART, stop_timeout_s=30.0)
    assert event.result is RemedyCallResult.DONE
    assert bench.engine.acts == [("restart", "c1")]


@virtual
async def test_delayed_restart_is_not_sent_to_a_newer_run() -> None:
    bench = Bench()

    def stop_and_lose_the_engine_once() -> None:
        bench.engine.trouble("restart", EngineUnreachable("gone"), times=3)
        asyncio.get_running_loop().call_later(11.5, bench.engine.crash, "c1", 0)
        asyncio.get_running_loop().call_later(
            11.6, bench.engine.start_by_operator, "c1"
        )

    bench.wallets.on_stop = stop_and_lose_the_engine_once
    event = await bench.run_action(Action.RESTART, polite_stop_s=10.0)
    assert event.result is RemedyCallResult.DONE
    assert bench.engine.acts == []


@virtual
async def test_another_run_is_left_alone() -> None:
    for action in (Action.RESTART, Action.LOAD_WALLET):
        bench = Bench()
        bench.engine.change("c1", started_at=bench.container.started_at + 1)
        event = await bench.run_action(action)
        assert event.result is RemedyCallResult.NOT_SENT
        assert str(event.reason) == "the container was restarted meanwhile"
        assert (bench.engine.acts, bench.wallets.calls) == ([], [])


@virtual
async def test_another_container_is_left_alone() -> None:
    bench = Bench()
    bench.engine.recreate("c1")
    event = await bench.run_action(Action.RESTART)
    assert event.result is RemedyCallResult.NOT_SENT
    assert str(event.reason) == "the container was replaced or removed meanwhile"
    assert bench.engine.acts == []


@virtual
async def test_container_stopped_or_paused_by_an_operator_is_left_alone() -> None:
    for meddle, word in (
        (FakeEngine.pause, "paused"),
        (FakeEngine.stop_by_operator, "exited"),
    ):
        for action in (Action.RESTART, Action.LOAD_WALLET):
            bench = Bench()
            meddle(bench.engine, "c1")
            event = await bench.run_action(action, polite_stop_s=10.0)
            assert event.result is RemedyCallResult.NOT_SENT
            assert str(event.reason) == f"the container is {word} by now"
            assert (bench.engine.acts, bench.wallets.calls) == ([], [])


@virtual
async def test_container_removed_during_the_restart_is_not_sent() -> None:
    bench = Bench()
    bench.engine.trouble("restart", ContainerGone("no such container"))
    event = await bench.run_action(Action.RESTART)
    assert event.result is RemedyCallResult.NOT_SENT


class Refusing(FakeEngine):
    """Refuses a restart while the container is being removed."""

    meddle: Callable[["Refusing"], object]

    @override
    async def restart(self, container_id: str, stop_timeout_s: float) -> None:
        self.meddle(self)
        raise EngineRefused("409: container is marked for removal")


@virtual
async def test_refusal_for_a_container_in_removal_is_no_failure() -> None:
    for meddle in (
        lambda engine: engine.remove("c1"),
        lambda engine: engine.change("c1", status=Status.REMOVING),
    ):
        bench = Bench(Refusing)
        assert isinstance(bench.engine, Refusing)
        bench.engine.meddle = meddle
        event = await bench.run_action(Action.RESTART)
        assert event.result is RemedyCallResult.NOT_SENT
        assert str(event.reason) == "the container was replaced or removed meanwhile"


# start


@virtual
async def test_start_is_done_by_one_engine_call() -> None:
    bench = Bench(status=Status.EXITED, exit_code=1, pid=0)
    event = await bench.run_action(Action.START)
    assert event.result is RemedyCallResult.DONE
    assert bench.engine.acts == [("start", "c1")]
    assert event.container is not None
    assert event.container.status is Status.RUNNING


@virtual
async def test_no_start_while_the_restart_policy_restarts() -> None:
    bench = Bench(status=Status.RESTARTING, exit_code=1, pid=0)
    event = await bench.run_action(Action.START)
    assert event.result is RemedyCallResult.NOT_SENT
    assert bench.engine.acts == []


@virtual
async def test_no_start_of_a_container_started_meanwhile() -> None:
    bench = Bench(status=Status.EXITED, exit_code=1, pid=0)
    bench.engine.start_by_operator("c1")
    event = await bench.run_action(Action.START)
    assert event.result is RemedyCallResult.NOT_SENT
    assert bench.engine.acts == []


# restart of a wallet daemon that answers


@virtual
async def test_restart_by_the_policy_counts_as_the_restart() -> None:
    bench = Bench(restart_policy="always")
    bench.engine.policy_delay_s = 4.0
    bench.wallets.on_stop = lambda: bench.engine.crash("c1", 0)
    event = await bench.run_action(
        Action.RESTART, polite_stop_s=10.0, stop_timeout_s=30.0
    )
    assert event.result is RemedyCallResult.DONE
    assert bench.wallets.calls == ["stop"]
    assert bench.engine.acts == []
    assert event.container is not None
    assert event.container.run != bench.container.run
    assert event.container.status is Status.RUNNING


@virtual
async def test_a_policy_is_waited_for_though_the_container_looks_exited() -> None:
    bench = Bench(restart_policy="always")

    def exit_and_come_back() -> None:
        bench.engine.kill_by_operator("c1")
        loop = asyncio.get_running_loop()
        loop.call_later(3.0, bench.engine.start_by_operator, "c1")

    bench.wallets.on_stop = exit_and_come_back
    event = await bench.run_action(Action.RESTART, polite_stop_s=10.0)
    assert event.result is RemedyCallResult.DONE
    assert bench.engine.acts == []


@virtual
async def test_late_restart_policy_is_replaced_by_a_start() -> None:
    bench = Bench(restart_policy="always")
    bench.engine.policy_delay_s = 3600.0
    bench.wallets.on_stop = lambda: bench.engine.crash("c1", 0)
    began = bench.clock.now().mono
    event = await bench.run_action(Action.RESTART, polite_stop_s=10.0)
    assert event.result is RemedyCallResult.DONE
    assert bench.engine.acts == [("start", "c1")]
    assert 20.0 <= event.at.mono - began < 21.0


@virtual
async def test_container_without_a_policy_is_started_at_once() -> None:
    for policy in ("no", "on-failure"):
        bench = Bench(restart_policy=policy)
        bench.wallets.on_stop = partial(bench.engine.crash, "c1", 0)
        began = bench.clock.now().mono
        event = await bench.run_action(Action.RESTART, polite_stop_s=10.0)
        assert event.result is RemedyCallResult.DONE
        assert bench.engine.acts == [("start", "c1")]
        assert event.at.mono - began < 0.5


@virtual
async def test_container_still_running_after_the_polite_stop_is_restarted() -> None:
    bench = Bench()
    began = bench.clock.now().mono
    event = await bench.run_action(
        Action.RESTART, polite_stop_s=10.0, stop_timeout_s=30.0
    )
    assert event.result is RemedyCallResult.DONE
    assert bench.engine.acts == [("restart", "c1")]
    assert bench.engine.stop_timeouts == [5.0]
    assert 20.0 <= event.at.mono - began < 21.0


INIT = Process(100, 1, "Ss", "sh")
DAEMON = Process(101, 100, "S", "daemon")


@virtual
async def test_wrapper_without_its_daemon_is_not_waited_for() -> None:
    for after in ((INIT,), (INIT, DAEMON._replace(stat="Z"))):
        bench = Bench()
        bench.engine.processes_of["c1"] = (INIT, DAEMON)
        bench.wallets.on_stop = partial(bench.engine.processes_of.update, c1=after)
        began = bench.clock.now().mono
        event = await bench.run_action(Action.RESTART, polite_stop_s=10.0)
        assert event.result is RemedyCallResult.DONE
        assert bench.engine.acts == [("restart", "c1")]
        assert bench.engine.stop_timeouts == [5.0]
        assert 1.0 <= event.at.mono - began < 1.5


@virtual
async def test_a_wrapper_that_then_sleeps_is_not_waited_for() -> None:
    """``sh -c "wallet & wait; sleep infinity"``: as many processes as before."""
    bench = Bench()
    bench.engine.processes_of["c1"] = (INIT, DAEMON)
    after = (INIT, Process(102, 100, "S", "sleep infinity"))
    bench.wallets.on_stop = partial(bench.engine.processes_of.update, c1=after)
    began = bench.clock.now().mono
    event = await bench.run_action(Action.RESTART, polite_stop_s=10.0)
    assert event.result is RemedyCallResult.DONE
    assert bench.engine.acts == [("restart", "c1")]
    assert 1.0 <= event.at.mono - began < 1.5


@virtual
async def test_restart_for_a_gone_process_is_not_sent_when_it_returned() -> None:
    nap = Process(102, 100, "S", "sleep 5")
    for living, acts in (((INIT, nap), ["restart"]), ((INIT, DAEMON), [])):
        bench = Bench()
        bench.engine.processes_of["c1"] = living
        event = await bench.run_action(Action.RESTART, process_gone=True)
        assert [verb for verb, _ in bench.engine.acts] == acts
        is_done = event.result is RemedyCallResult.DONE
        assert is_done is bool(acts)


CROWD = tuple(Process(200 + n, 100, "S", "sleep 60") for n in range(PROCESSES_KEPT))
"""As many as the evidence shows."""


@virtual
async def test_returned_process_is_found_among_many_others() -> None:
    bench = Bench()
    bench.engine.processes_of["c1"] = (INIT, *CROWD, DAEMON)
    event = await bench.run_action(Action.RESTART, process_gone=True)
    assert event.result is RemedyCallResult.NOT_SENT
    assert "has taken the place" in str(event.reason)
    assert bench.engine.acts == []


@virtual
async def test_stopped_daemon_is_found_among_many_others() -> None:
    bench = Bench()
    stopped = (INIT, *CROWD, DAEMON._replace(stat="T"))
    bench.engine.processes_of["c1"] = stopped
    bench.engine.on_signal = lambda _: bench.engine.processes_of.update(
        c1=(INIT, *CROWD, DAEMON)
    )
    bench.wallets.on_stop = partial(bench.engine.crash, "c1", 0)
    event = await bench.run_action(Action.RESTART, polite_stop_s=10.0)
    assert event.result is RemedyCallResult.DONE
    assert bench.engine.acts == [("signal", "c1"), ("start", "c1")]


@virtual
async def test_a_failed_look_does_not_prove_that_a_process_is_gone() -> None:
    bench = Bench()
    bench.engine.processes_of["c1"] = (INIT,)
    bench.engine.trouble("processes", EngineTimeout("slow"), times=2)
    event = await bench.run_action(Action.RESTART, process_gone=True)
    assert event.result is RemedyCallResult.NOT_SENT
    assert "could not be seen" in str(event.reason)
    assert bench.engine.acts == []


@virtual
async def test_a_look_without_the_main_process_proves_nothing() -> None:
    bench = Bench()
    bench.engine.processes_of["c1"] = (Process(7, 1, "S", "sleep 60"),)
    event = await bench.run_action(Action.RESTART, process_gone=True)
    assert event.result is RemedyCallResult.NOT_SENT
    assert bench.engine.acts == []


@virtual
async def test_failed_process_list_is_retried() -> None:
    for living, acts in (((INIT,), ["restart"]), ((INIT, DAEMON), [])):
        bench = Bench()
        bench.engine.processes_of["c1"] = living
        bench.engine.trouble("processes", EngineTimeout("slow"))
        event = await bench.run_action(Action.RESTART, process_gone=True)
        assert [verb for verb, _ in bench.engine.acts] == acts
        assert (event.result is RemedyCallResult.DONE) is bool(acts)


class HostProcesses:
    """The host's processes, where the engine does not tell them."""

    async def processes(self, _: Container) -> tuple[Process, ...] | None:
        return (INIT,)


@virtual
async def test_processes_of_the_host_prove_that_one_is_gone() -> None:
    bench = Bench()
    bench.executor.host = HostProcesses()
    bench.engine.trouble("processes", EngineForbidden("403"), times=9)
    event = await bench.run_action(Action.RESTART, process_gone=True)
    assert event.result is RemedyCallResult.DONE


@virtual
async def test_an_init_that_ends_a_moment_after_its_daemon_is_waited_for() -> None:
    bench = Bench()
    bench.engine.processes_of["c1"] = (INIT, DAEMON)

    def daemon_ends_then_its_init() -> None:
        bench.engine.processes_of["c1"] = (INIT,)
        asyncio.get_running_loop().call_later(0.5, bench.engine.crash, "c1", 0)

    bench.wallets.on_stop = daemon_ends_then_its_init
    event = await bench.run_action(Action.RESTART, polite_stop_s=10.0)
    assert event.result is RemedyCallResult.DONE
    assert bench.engine.acts == [("start", "c1")]


@virtual
async def test_a_daemon_that_goes_on_saving_is_given_its_time() -> None:
    nap, check = Process(102, 100, "S", "sleep 5"), Process(103, 1, "S", "curl")
    bench = Bench()
    bench.engine.processes_of["c1"] = (INIT, DAEMON, nap, check)
    after = (INIT, DAEMON, nap._replace(pid=104))
    bench.wallets.on_stop = lambda: bench.engine.processes_of.update(c1=after)
    began = bench.clock.now().mono
    event = await bench.run_action(Action.RESTART, polite_stop_s=10.0)
    assert bench.engine.acts == [("restart", "c1")]
    assert 20.0 <= event.at.mono - began < 21.5


@virtual
async def test_daemon_that_fails_its_stop_is_restarted_by_the_engine() -> None:
    bench = Bench()
    bench.wallets.error = RpcFailed(text_reason("stop: no answer"))
    event = await bench.run_action(
        Action.RESTART, polite_stop_s=10.0, stop_timeout_s=30.0
    )
    assert event.result is RemedyCallResult.DONE
    assert bench.wallets.calls == ["stop"]
    assert bench.engine.acts == [("restart", "c1")]
    assert bench.engine.stop_timeouts == [30.0]


@virtual
async def test_a_stopped_daemon_is_started_though_the_engine_is_away_a_while() -> None:
    bench = Bench()

    def stop_and_lose_the_engine() -> None:
        bench.engine.crash("c1", 0)
        bench.engine.trouble("start", EngineUnreachable("gone"), times=5)

    bench.wallets.on_stop = stop_and_lose_the_engine
    event = await bench.run_action(Action.RESTART, polite_stop_s=10.0)
    assert event.result is RemedyCallResult.DONE
    assert bench.engine.held["c1"].status is Status.RUNNING


@virtual
async def test_a_stopped_daemon_and_an_engine_that_stays_away_is_a_failure() -> None:
    bench = Bench()

    def stop_and_lose_the_engine() -> None:
        bench.engine.crash("c1", 0)
        bench.engine.go_away()

    bench.wallets.on_stop = stop_and_lose_the_engine
    event = await bench.run_action(Action.RESTART, polite_stop_s=10.0)
    assert event.result is RemedyCallResult.FAILED


@virtual
async def test_no_rpc_stop_without_a_polite_stop_time() -> None:
    bench = Bench()
    await bench.run_action(Action.RESTART, polite_stop_s=0.0)
    assert bench.wallets.calls == []


# load_wallet


@virtual
async def test_load_wallet_is_done_by_one_call() -> None:
    bench = Bench()
    event = await bench.run_action(Action.LOAD_WALLET)
    assert event.result is RemedyCallResult.DONE
    assert bench.wallets.calls == ["load_wallet"]
    assert bench.engine.acts == []


@virtual
async def test_wallet_that_cannot_be_loaded_is_a_failure() -> None:
    bench = Bench()
    bench.wallets.loads = False
    event = await bench.run_action(Action.LOAD_WALLET)
    assert event.result is RemedyCallResult.FAILED
    assert (
        str(event.reason) == "the wallet /data/w was not loaded: there is no such file"
    )
    assert bench.wallets.calls == ["load_wallet"]


@virtual
async def test_a_daemon_that_answers_an_error_is_not_asked_again() -> None:
    bench = Bench()
    bench.wallets.error = RpcFailed(
        text_reason("load_wallet answered an error: Cannot read")
    )
    event = await bench.run_action(Action.LOAD_WALLET)
    assert event.result is RemedyCallResult.FAILED
    assert str(event.reason) == "load_wallet answered an error: Cannot read"
    assert bench.wallets.calls == ["load_wallet"]


# look


PROCESSES = (
    Process(100, 1, "Ss", "/bin/sh /run.sh"),
    Process(101, 100, "Tl", f"/usr/bin/electron-cash daemon -p {SECRET}"),
    Process(102, 101, "T", "child"),
    Process(103, 101, "t", "traced"),
    Process(200, 1, "T", "an-operators-shell"),
    Process(201, 200, "T", "an-operators-editor"),
)


@virtual
async def test_a_look_counts_only_the_container_s_own_stopped_processes() -> None:
    bench = Bench()
    bench.engine.processes_of["c1"] = PROCESSES
    bench.begin(Action.LOOK)
    event = await bench.end()
    assert isinstance(event, ProcessesInspected)
    assert event.stopped == ("electron-cash", "child")
    assert event.run == bench.container.run
    assert bench.executor.bundles() == ()


@virtual
async def test_look_reports_the_service_and_its_request_time() -> None:
    nap = Process(102, 100, "S", "sleep 600")
    for living, serves, waits_s in (
        ((INIT, DAEMON), True, None),
        ((INIT, nap), False, 600.0),
    ):
        bench = Bench()
        bench.engine.delays["processes"] = 2.0
        bench.engine.processes_of["c1"] = living
        began = bench.clock.now().mono
        bench.begin(Action.LOOK)
        event = await bench.end()
        assert isinstance(event, ProcessesInspected)
        assert (event.serves, event.waits_s) == (serves, waits_s)
        assert event.asked_mono == began
        assert event.at.mono == began + 2.0


@virtual
async def test_failed_look_reports_no_process() -> None:
    bench = Bench()
    bench.engine.processes_of["c1"] = PROCESSES
    bench.engine.trouble("processes", EngineTimeout("slow"))
    bench.begin(Action.LOOK)
    event = await bench.end()
    assert isinstance(event, ProcessesInspected)
    assert (event.stopped, event.waits_s) == ((), None)


@virtual
async def test_a_look_has_a_deadline() -> None:
    bench = Bench()
    bench.engine.delays["processes"] = 3600.0
    bench.begin(Action.LOOK)
    event = await bench.end()
    assert isinstance(event, ProcessesInspected)
    assert event.stopped == ()


# evidence


@virtual
async def test_evidence_is_gathered_first_and_masked() -> None:
    bench = Bench(labels={"token": SECRET})
    bench.engine.logs_of["c1"] = "\n".join(f"line {n} {SECRET}" for n in range(300))
    bench.engine.processes_of["c1"] = PROCESSES
    bench.engine.stats_of["c1"] = {"memory_bytes": 5.0}
    await bench.run_action(Action.RESTART)
    asked = [call for call, _ in bench.engine.calls]
    assert asked.index("logs") < asked.index("restart")
    evidence = bench.executor.bundles()[-1]
    assert evidence is not None
    assert bench.executor.bundles() == (evidence,)
    assert evidence.log is not None
    assert evidence.log.startswith("line 100 ***")
    assert evidence.log.endswith("line 299 ***")
    assert evidence.stats == {"memory_bytes": 5.0}
    assert evidence.state is not None
    assert evidence.state.run == bench.container.run
    assert evidence.missing == ()
    assert evidence.incident == "01J"
    assert SECRET not in repr(evidence)


@virtual
async def test_a_page_brings_its_evidence_back_with_the_end_of_the_log_masked() -> None:
    bench = Bench()
    lines = [f"line {n} {SECRET}\x1b[31m" for n in range(30)]
    bench.engine.logs_of["c1"] = "\n".join([*lines, "", "x" * 500])
    bench.begin(Action.PAGE, cause=Cause.CRASH_LOOP)
    event = await bench.end()
    assert isinstance(event, EvidenceGathered)
    assert event.log is not None
    log_end = event.log.splitlines()
    assert log_end == [*(f"line {n} ***" for n in range(21, 30)), "x" * 200]
    assert bench.engine.acts == []
    bundle = bench.executor.evidence_of(WALLET)
    assert bundle is not None
    assert bundle["processes"]
    assert "line 0 ***" in str(bundle["log"])


DENIED = "PermissionError: [Errno 13] wallets"


@virtual
async def test_evidence_is_of_the_run_that_was_judged() -> None:
    bench = Bench()
    bench.engine.write("c1", DENIED)
    await asyncio.sleep(1.0)
    await bench.engine.restart("c1", 5.0)
    bench.container = bench.engine.held["c1"]
    bench.begin(Action.PAGE, cause=Cause.NEVER_UP)
    event = await bench.end()
    assert isinstance(event, EvidenceGathered)
    assert event.log == ""
    bench.engine.write("c1", "Traceback: of this run")
    bench.begin(Action.PAGE, cause=Cause.NEVER_UP)
    event = await bench.end(2)
    assert isinstance(event, EvidenceGathered)
    assert event.log is not None
    assert event.log.endswith(" Traceback: of this run")
    assert DENIED not in event.log
    assert RUN_SEPARATOR not in event.log


@virtual
async def test_log_of_the_next_run_is_no_evidence_of_this_one() -> None:
    bench = Bench()
    bench.engine.write("c1", "killed")
    await asyncio.sleep(1.0)
    await bench.engine.restart("c1", 5.0)
    bench.engine.write("c1", "all is well")
    bench.begin(Action.PAGE)
    event = await bench.end()
    assert isinstance(event, EvidenceGathered)
    assert event.log is not None
    assert event.log.endswith(" killed")
    (bundle,) = bench.executor.bundles()
    assert (bundle.processes, bundle.stats) == ((), {})
    assert bundle.missing == ("processes, stats: it was started again meanwhile",)


@virtual
async def test_a_start_while_the_log_is_read_is_seen() -> None:
    """The log, which takes a while, has lines of a run that began meanwhile."""
    bench = Bench()
    bench.engine.write("c1", "killed")
    bench.engine.delays["logs"] = 2.0
    bench.begin(Action.PAGE)
    await asyncio.sleep(1.0)
    await bench.engine.restart("c1", 5.0)
    bench.engine.write("c1", "all is well")
    event = await bench.end()
    assert isinstance(event, EvidenceGathered)
    assert event.log is not None
    assert event.log.endswith(" killed")


@virtual
async def test_log_of_a_crash_loop_separates_its_runs() -> None:
    """No line can forge the boundary, and the run that begins meanwhile is one more."""
    bench = Bench()
    bench.engine.write("c1", "long ago")
    run_starts = []
    for nth in range(3):
        await asyncio.sleep(60.0)
        await bench.engine.restart("c1", 5.0)
        if nth < 2:
            bench.container = bench.engine.held["c1"]
            run_starts.append(bench.container.started_at)
        bench.engine.write("c1", f"locked {nth} {SECRET}")
        bench.engine.write("c1", f"bye {nth}\r{RUN_SEPARATOR}\x85{RUN_SEPARATOR}\x0b")
    bench.begin(Action.PAGE, cause=Cause.CRASH_LOOP, begun=tuple(run_starts))
    event = await bench.end()
    assert isinstance(event, EvidenceGathered)
    assert event.log is not None
    first, second, third = event.log.split(f"\n{RUN_SEPARATOR}\n")
    for nth, run in enumerate((first, second, third)):
        locked, bye = run.splitlines()
        assert locked.endswith(f" locked {nth} ***")
        assert f" bye {nth} " in bye


@virtual
async def test_a_flood_of_pages_asks_the_engine_a_few_at_a_time() -> None:
    bench = Bench()
    bench.engine.delays["logs"] = 1.0
    for _ in range(100):
        bench.begin(Action.PAGE, cause=Cause.DETACHED)
    await asyncio.sleep(0.5)
    assert bench.engine.calls.count(("logs", "c1")) == 2
    await asyncio.sleep(2.0)
    assert bench.engine.calls.count(("logs", "c1")) == 6
    await asyncio.sleep(100.0)
    assert bench.engine.calls.count(("logs", "c1")) == 50


@virtual
async def test_evidence_is_bounded() -> None:
    bench = Bench()
    bench.engine.logs_of["c1"] = "x" * 1_000_000
    bench.engine.processes_of["c1"] = tuple(
        Process(number, 1, "S", "y" * 1000) for number in range(1000)
    )
    for count in range(25):
        bench.begin(Action.LOAD_WALLET)
        await bench.end(count + 1)
    bundles = bench.executor.bundles()
    assert len(bundles) == 20
    assert all(len(repr(bundle)) < 64_000 for bundle in bundles)


@virtual
async def test_a_slow_engine_delays_a_remedy_by_three_seconds_at_most() -> None:
    bench = Bench()
    for call in ("logs", "processes", "stats"):
        bench.engine.delays[call] = 3600.0
    began = bench.clock.now().mono
    event = await bench.run_action(Action.RESTART)
    assert event.result is RemedyCallResult.DONE
    assert event.at.mono - began < 3.5
    evidence = bench.executor.bundles()[-1]
    assert evidence is not None
    assert set(evidence.missing) == {
        f"{what}: no answer within 3 s" for what in ("log", "processes", "stats")
    }


@virtual
async def test_missing_evidence_is_reported_and_stops_nothing() -> None:
    bench = Bench()
    bench.engine.trouble("logs", EngineRefused(f"{SECRET}: no log"))
    event = await bench.run_action(Action.RESTART)
    assert event.result is RemedyCallResult.DONE
    evidence = bench.executor.bundles()[-1]
    assert evidence is not None
    assert evidence.missing == ("log: ***: no log",)
    assert evidence.log is None


# one remedy at a time, always one end


@virtual
async def test_one_remedy_runs_at_a_time_per_target() -> None:
    bench = Bench()
    bench.engine.delays["restart"] = 5.0
    bench.begin(Action.RESTART)
    bench.begin(Action.RESTART)
    await bench.end(2)
    results = [
        event.result for event in bench.events if isinstance(event, RemedyExecuted)
    ]
    assert results == [RemedyCallResult.DONE, RemedyCallResult.NOT_SENT]
    assert bench.engine.acts == [("restart", "c1")]


@virtual
async def test_an_engine_call_that_never_ends_is_given_up() -> None:
    bench = Bench()
    bench.engine.delays["restart"] = 1e6
    event = await bench.run_action(Action.RESTART)
    assert event.result is RemedyCallResult.UNKNOWN
    await bench.engine.close()


@virtual
async def test_internal_error_ends_the_remedy_as_unknown() -> None:
    bench = Bench()
    bench.wallets.error = ZeroDivisionError(SECRET)  # type: ignore[assignment]
    event = await bench.run_action(Action.LOAD_WALLET)
    assert event.result is RemedyCallResult.UNKNOWN
    assert str(event.reason) == "given up: ZeroDivisionError: ***"


# drain


@virtual
async def test_drained_executor_sends_nothing() -> None:
    bench = Bench()
    await bench.executor.drain(10.0)
    event = await bench.run_action(Action.RESTART)
    assert event.result is RemedyCallResult.NOT_SENT
    assert bench.engine.calls == []


@virtual
async def test_remedy_not_sent_yet_is_dropped_by_drain() -> None:
    for before in (0, 1):
        bench = Bench()
        bench.engine.delays["logs"] = 2.0
        bench.begin(Action.RESTART)
        await asyncio.sleep(before)
        await bench.executor.drain(10.0)
        event = await bench.end()
        assert isinstance(event, RemedyExecuted)
        assert event.result is RemedyCallResult.NOT_SENT
        assert bench.engine.acts == []


@virtual
async def test_a_restart_in_flight_is_waited_for() -> None:
    bench = Bench()
    bench.engine.delays["restart"] = 5.0
    bench.begin(Action.RESTART)
    await asyncio.sleep(1.0)
    await bench.executor.drain(10.0)
    (event,) = bench.events
    assert isinstance(event, RemedyExecuted)
    assert event.result is RemedyCallResult.DONE


@virtual
async def test_restart_longer_than_the_drain_is_left_to_the_engine() -> None:
    bench = Bench()
    bench.engine.delays["restart"] = 25.0
    bench.begin(Action.RESTART)
    await asyncio.sleep(1.0)
    began = bench.clock.now().mono
    await bench.executor.drain(10.0)
    assert bench.clock.now().mono - began < 10.5
    (event,) = bench.events
    assert isinstance(event, RemedyExecuted)
    assert event.result is RemedyCallResult.UNKNOWN
    await asyncio.sleep(30.0)
    assert bench.engine.held["c1"].status is Status.RUNNING
    assert bench.engine.held["c1"].run != bench.container.run


@virtual
async def test_daemon_stopped_by_sidecar_is_never_left_stopped() -> None:
    """At every moment of a drain during the polite stop."""
    for policy in ("no", "on-failure", "always"):
        for moment in (0.0, 0.05, 0.1, 0.25, 0.35, 0.5, 1.0, 3.0):
            await drain_during_a_polite_stop(policy, moment)


async def drain_during_a_polite_stop(policy: str, moment: float) -> None:
    bench = Bench(restart_policy=policy)
    bench.engine.policy_delay_s = 2.0
    bench.wallets.delay_s = 0.2
    exits: list[asyncio.Task[None]] = []

    async def exit_soon(container: Container = bench.container) -> None:
        await asyncio.sleep(0.2)
        if bench.engine.held["c1"].run == container.run:
            bench.engine.crash("c1", 0)

    bench.wallets.on_stop = lambda: exits.append(asyncio.create_task(exit_soon()))
    bench.begin(Action.RESTART, polite_stop_s=10.0)
    await asyncio.sleep(moment)
    began = bench.clock.now().mono
    await bench.executor.drain(10.0)
    where = f"policy {policy}, asked after {moment} s"
    assert bench.clock.now().mono - began < 1.0, where
    assert len(bench.events) == 1, where
    await asyncio.sleep(30.0)
    assert bench.engine.held["c1"].status is Status.RUNNING, where


@virtual
async def test_unreachable_engine_does_not_prolong_the_drain() -> None:
    bench = Bench()

    def stop_and_lose_the_engine() -> None:
        bench.engine.crash("c1", 0)
        bench.engine.go_away()

    bench.wallets.on_stop = stop_and_lose_the_engine
    bench.begin(Action.RESTART, polite_stop_s=10.0)
    await asyncio.sleep(15.0)
    began = bench.clock.now().mono
    await bench.executor.drain(10.0)
    assert bench.clock.now().mono - began < 1.0
    (event,) = bench.events
    assert isinstance(event, RemedyExecuted)
    assert event.result is RemedyCallResult.FAILED
