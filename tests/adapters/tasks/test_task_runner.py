"""Runs of maintenance tasks: real requests, a fake engine, results as events."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from inspect import iscoroutinefunction
from types import MappingProxyType

import pytest
from aiohttp import web

from sidecar import __version__
from sidecar.app.own_command import run_own_command
from sidecar.clock import SystemClock
from sidecar.core.backup.finding import Finding, FindingCode
from sidecar.core.backup.result import BackupResult, TargetBackups, VerifyResult
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.event import Event
from sidecar.core.model.maintenance_task import (
    HttpCall,
    ImageLimit,
    ReportPeriod,
    TargetCommand,
    Task,
    TaskKind,
    TaskOutcome,
    TaskResult,
    TaskRun,
)
from sidecar.core.model.moment import Moment
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.core.model.task_event import TaskCompleted, TaskDue, TasksPlanned
from sidecar.core.ports.engine import EngineForbidden, ExecResult
from sidecar.core.ports.storage import StoreUnavailable
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason, text_reason
from sidecar.tasks import task_runner
from sidecar.tasks.task_runner import DETAIL_CHARACTERS, MOST_DETAILS, TaskRunner
from sidecar.tasks.task_tools import OwnOutput, TaskTools
from sidecar.web.report_source import ReportParts, ReportSource
from tests.support.backup_records import PATH, FakeBackups, make_record
from tests.support.fakes import FakeEngine
from tests.support.memory_journal import MemoryJournal
from tests.support.notify_receivers import receiver, until
from tests.support.rule_world import RuleWorld

COMMAND = Task(
    "vacuum", TaskKind.COMMAND, "", does=TargetCommand("electron-cash", ("vacuum",))
)
CLEAN_UP = Task("clean-up", TaskKind.CLEAN_UP, "")
BACKUP = Task("backup:electron-cash", TaskKind.BACKUP, "", target="electron-cash")
REMARK = Reason.of(R.BACKUP_GONE)
DEADLINE_S = 10.0
DAY_S = 86_400.0
WALLET, SERVICE = "electron-cash", "bitcoincash-service"


class Bench:
    """A runner whose result the test waits for."""

    def __init__(self) -> None:
        self.world = RuleWorld()
        self.engine = FakeEngine(SystemClock(), *self.world.containers.values())
        self.journal = MemoryJournal()
        self.images: dict[str, float] = {}
        self.outputs: dict[str, OwnOutput] = {}
        self.removed: Mapping[str, int] | StoreUnavailable = {}
        self.hangs = False
        self.backups = FakeBackups()
        self.results: asyncio.Queue[TaskCompleted] = asyncio.Queue()
        tools = TaskTools(
            clock=SystemClock(),
            state=lambda: self.world.state,
            engine=self.engine,
            journal=self.journal,
            remove_old=self.remove_old,
            mask=lambda text: text.replace("hunter2", "***"),
            report=ReportSource(
                ReportParts(SystemClock(), lambda: self.world.state, self.journal)
            ).build,
            image_built=self.image_built,
            run_own=self.run_own,
            backups=self.backups,
        )
        self.runner = TaskRunner(tools, self.post)

    async def remove_old(self) -> Mapping[str, int]:
        if self.hangs:
            await asyncio.Event().wait()
        if isinstance(self.removed, StoreUnavailable):
            raise self.removed
        return self.removed

    async def image_built(self, container_id: str) -> float:
        if container_id not in self.images:
            raise EngineForbidden("images are hunter2 forbidden")
        return self.images[container_id]

    async def run_own(self, *arguments: str) -> OwnOutput:
        return self.outputs[arguments[0]]

    def post(self, event: Event) -> None:
        assert isinstance(event, TaskCompleted)
        self.results.put_nowait(event)

    def begin(self, task: Task, outcome: TaskOutcome | None = None) -> None:
        run = TaskRun(task.name, task.kind, 0.0, self.world.now, outcome=outcome)
        state = replace(self.world.state, tasks=MappingProxyType({task.name: task}))
        step = StepResult(TaskCompleted(run.began, "", None), (), (), (), state)  # type: ignore[arg-type]
        self.runner.on_step(step._replace(task_runs=(run,)))

    async def run(self, task: Task) -> TaskResult:
        self.begin(task)
        async with asyncio.timeout(DEADLINE_S):
            return (await self.results.get()).result


def details(result: TaskResult) -> list[str]:
    return [str(detail) for detail in result.details]


async def test_every_kind_has_a_module_of_its_name() -> None:
    for kind in TaskKind:
        module = import_module(f"sidecar.tasks.kinds.{kind}")
        assert iscoroutinefunction(module.run_task)


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (BackupResult(PATH, 0.0, make_record()), TaskOutcome.DONE),
        (BackupResult(PATH, 0.0, make_record(), test=REMARK), TaskOutcome.DONE),
        (
            BackupResult(PATH, 0.0, make_record(), offsite_failure=REMARK),
            TaskOutcome.FINDINGS,
        ),
        (BackupResult(PATH, 0.0, failure=REMARK), TaskOutcome.FAILED),
        (
            BackupResult(PATH, 0.0, findings=(Finding(FindingCode.ABSENT, REMARK),)),
            TaskOutcome.FAILED,
        ),
    ],
)
async def test_backup_ends_with_what_was_found(
    result: BackupResult, outcome: TaskOutcome
) -> None:
    bench = Bench()
    bench.backups.results = (result,)
    ended = await bench.run(BACKUP)
    assert ended.outcome is outcome
    assert bool(ended.details) is (outcome is not TaskOutcome.DONE)
    assert bench.backups.orders == [("electron-cash", True)]


@pytest.mark.parametrize(
    ("verified", "outcome", "lines"),
    [
        ((VerifyResult(make_record(), is_whole=True),), TaskOutcome.DONE, 0),
        ((VerifyResult(make_record(), True, REMARK),), TaskOutcome.DONE, 1),
        ((VerifyResult(make_record(), False, REMARK),), TaskOutcome.FINDINGS, 1),
        ((), TaskOutcome.FINDINGS, 0),
    ],
)
async def test_verification_finds_backups_that_are_not_whole(
    verified: tuple[VerifyResult, ...], outcome: TaskOutcome, lines: int
) -> None:
    bench = Bench()
    bench.backups.targets = (TargetBackups("electron-cash", ()),)
    bench.backups.verified = verified
    ended = await bench.run(Task("verify", TaskKind.BACKUP_VERIFICATION, ""))
    assert (ended.outcome, len(ended.details)) == (outcome, lines)
    assert bench.backups.orders == [("electron-cash", None)]


async def test_command_ends_with_its_exit_status_and_masked_output() -> None:
    bench = Bench()
    bench.engine.exec_of["vacuum"] = ExecResult(0, "done\nwith hunter2\n\n")
    result = await bench.run(COMMAND)
    assert result.outcome is TaskOutcome.DONE
    assert details(result) == ["done", "with ***"]
    bench.engine.exec_of["vacuum"] = ExecResult(3, "\x1b[31mno space\x1b[0m")
    result = await bench.run(COMMAND)
    assert (result.outcome, str(result.summary)) == (
        TaskOutcome.FAILED,
        "the command ended with exit status 3",
    )
    assert details(result) == ["no space"]


async def test_command_without_a_running_container_fails_with_the_reason() -> None:
    bench = Bench()
    task = replace(COMMAND, does=TargetCommand("nobody", ("vacuum",)))
    result = await bench.run(task)
    assert result.outcome is TaskOutcome.FAILED
    assert "no container of nobody runs" in str(result.summary)
    container = bench.world.containers[InstanceId("electron-cash", 1)]
    bench.engine.trouble("execute", EngineForbidden("exec is hunter2 forbidden"))
    result = await bench.run(COMMAND)
    assert "exec is *** forbidden" in str(result.summary)
    assert bench.engine.calls[-1] == ("execute", container.id)


async def test_command_is_not_run_in_a_container_that_has_ended() -> None:
    bench = Bench()
    key = InstanceId(WALLET, 1)
    ended = replace(bench.world.containers[key], status=Status.EXITED)
    bench.world.containers[key] = ended
    bench.world.relist()
    result = await bench.run(COMMAND)
    assert f"no container of {WALLET} runs" in str(result.summary)
    assert bench.engine.calls == []


async def test_run_that_has_ended_is_not_carried_out_again() -> None:
    bench = Bench()
    bench.begin(COMMAND, TaskOutcome.DONE)
    await asyncio.sleep(0.05)
    assert (bench.engine.calls, bench.results.empty()) == ([], True)


async def test_request_is_sent_once_and_judged_by_its_status() -> None:
    bench = Bench()

    async def respond(count: int) -> web.Response:
        answers = {1: (204, ""), 2: (503, "busy with hunter2"), 3: (302, "")}
        status, text = answers[count]
        return web.Response(status=status, text=text or None)

    async with receiver(respond) as server:
        url = f"http://127.0.0.1:{server.port}/beat?key=1"
        task = Task("beat", TaskKind.HTTP, "", does=HttpCall(url, "POST"))
        good, busy, moved = [await bench.run(task) for _ in range(3)]
    assert (good.outcome, details(good)) == (TaskOutcome.DONE, [])
    assert (busy.outcome, details(busy)) == (TaskOutcome.FAILED, ["busy with ***"])
    assert moved.outcome is TaskOutcome.FAILED
    assert [r.method for r in server.requests] == ["POST"] * 3
    assert server.requests[0].path == "/beat?key=1"
    refused = await bench.run(task)
    assert refused.outcome is TaskOutcome.FAILED
    assert "key=1" not in str(refused.summary)


async def test_clean_up_says_what_it_removed() -> None:
    bench = Bench()
    bench.removed = {"journal": 120, "evidence": 3, "outbox": 0}
    bench.backups.surplus = 2
    result = await bench.run(CLEAN_UP)
    assert result.outcome is TaskOutcome.DONE
    assert result.summary.get("count") == 123
    assert details(result) == [
        "removed from journal: 120",
        "removed from evidence: 3",
        "removed from backups: 2",
    ]
    bench.removed = StoreUnavailable("the disk is full")
    result = await bench.run(CLEAN_UP)
    assert result.outcome is TaskOutcome.FAILED
    assert "the disk is full" in str(result.summary)


async def test_slow_task_fails_at_its_deadline() -> None:
    bench = Bench()
    bench.engine.delays["execute"] = 60.0
    result = await bench.run(replace(COMMAND, timeout_s=0.1))
    assert result.outcome is TaskOutcome.FAILED

    async def never(_: int) -> web.Response:
        await asyncio.sleep(60.0)
        return web.Response()

    async with receiver(never) as server:
        does = HttpCall(f"http://127.0.0.1:{server.port}/")
        task = Task("beat", TaskKind.HTTP, "", timeout_s=0.1, does=does)
        result = await bench.run(task)
    assert (result.outcome, result.summary.code) == (
        TaskOutcome.FAILED,
        R.TASK_TOO_SLOW,
    )


async def test_task_that_keeps_no_deadline_of_its_own_is_ended() -> None:
    bench = Bench()
    bench.hangs = True
    # The runner adds its grace of 5 s.
    result = await bench.run(replace(CLEAN_UP, timeout_s=-4.9))
    assert (result.outcome, result.summary.code) == (
        TaskOutcome.FAILED,
        R.TASK_TOO_SLOW,
    )


async def test_fault_of_our_own_is_a_result_and_ends_nothing() -> None:
    bench = Bench()
    result = await bench.run(replace(COMMAND, does=None))
    assert (result.outcome, result.summary.code) == (
        TaskOutcome.FAILED,
        R.TASK_NOT_DONE,
    )


async def test_long_output_is_cut() -> None:
    bench = Bench()
    lines = "\n".join("x" * 2000 for _ in range(300))
    bench.engine.exec_of["vacuum"] = ExecResult(0, lines)
    result = await bench.run(COMMAND)
    assert len(result.details) <= MOST_DETAILS
    assert all(len(line) <= DETAIL_CHARACTERS for line in details(result))


async def test_many_details_are_cut() -> None:
    bench = Bench()
    finding = Finding(FindingCode.WRONG_OWNER, REMARK)
    findings = (finding,) * (MOST_DETAILS + 5)
    bench.backups.results = (BackupResult(PATH, 0.0, make_record(), findings=findings),)
    result = await bench.run(BACKUP)
    assert len(result.details) == MOST_DETAILS


async def test_only_a_few_tasks_run_at_once_and_close_ends_them() -> None:
    bench = Bench()
    bench.engine.delays["execute"] = 60.0
    for number in range(5):
        bench.begin(replace(COMMAND, name=f"vacuum-{number}"))
    await until(lambda: len(bench.engine.calls) >= task_runner.AT_ONCE, DEADLINE_S)
    await asyncio.sleep(0.05)
    assert len(bench.engine.calls) == task_runner.AT_ONCE
    await bench.runner.close()
    assert bench.results.empty()


# --- what Sidecar checks itself

SUMMARY = Task("health", TaskKind.HEALTH_SUMMARY, "")
CHECK = Task("check", TaskKind.CONFIG_CHECK, "")
GOOD = OwnOutput(0, '{"good": true, "warnings": []}', "")
NO_HAZARDS = OwnOutput(0, '{"hazards": []}', "")


async def test_health_summary_names_what_does_not_work() -> None:
    bench = Bench()
    bench.world.works(WALLET, SERVICE)
    result = await bench.run(SUMMARY)
    assert (result.outcome, result.details) == (TaskOutcome.DONE, ())
    assert str(result.summary) == "2 of 2 targets work; open incidents: 0"
    bench.world.fails(SERVICE, Cause.MISCONFIGURED)
    result = await bench.run(SUMMARY)
    assert result.outcome is TaskOutcome.FINDINGS
    assert str(result.summary).startswith("1 of 2 targets work")
    assert details(result) == [f"{SERVICE} is down"]


async def test_health_summary_counts_an_open_incident_of_a_target_that_works() -> None:
    bench = Bench()
    bench.world.works(WALLET, SERVICE)
    working = bench.world.state
    bench.world.fails(WALLET, Cause.REFUSED)
    incidents = bench.world.state.incidents
    bench.world.state = replace(working, incidents=incidents)
    result = await bench.run(SUMMARY)
    assert (result.outcome, result.details) == (TaskOutcome.FINDINGS, ())
    assert str(result.summary) == "2 of 2 targets work; open incidents: 1"


async def test_health_summary_names_tasks_without_success() -> None:
    bench = Bench()
    bench.world.works(WALLET, SERVICE)
    beat = Task("beat", TaskKind.HTTP, "")
    bench.world.send(TasksPlanned(bench.world.now, (COMMAND, beat)))
    for name in ("vacuum", "beat"):
        bench.world.send(TaskDue(bench.world.now, name, bench.world.now.wall))
    success = TaskResult(TaskOutcome.DONE, text_reason("it answered"))
    bench.world.send(TaskCompleted(bench.world.now, "beat", success))
    failure = TaskResult(TaskOutcome.FAILED, text_reason("no space"))
    bench.world.send(TaskCompleted(bench.world.now, "vacuum", failure))
    result = await bench.run(SUMMARY)
    assert result.outcome is TaskOutcome.FINDINGS
    (line,) = details(result)
    assert "vacuum" in line
    assert "no space" in line


async def test_report_has_a_line_for_each_target_and_one_for_tasks() -> None:
    bench = Bench()
    bench.world.works(WALLET, SERVICE)
    period = Task("report", TaskKind.REPORT, "", does=ReportPeriod(86_400.0))
    result = await bench.run(period)
    assert result.outcome is TaskOutcome.DONE
    lines = details(result)
    assert len(lines) == 3
    assert lines[0].startswith(f"{SERVICE}: ")
    assert lines[2] == "runs of maintenance tasks: 0, of which 0 were no success"


async def test_report_counts_the_runs_of_its_period() -> None:
    bench = Bench()
    now = SystemClock().now()
    bench.journal.runs = [
        TaskRun("vacuum", TaskKind.COMMAND, 0.0, at, outcome=outcome)
        for at in (now, replace_wall(now, -2 * DAY_S))
        for outcome in (TaskOutcome.DONE, TaskOutcome.FAILED)
    ]
    period = Task("report", TaskKind.REPORT, "", does=ReportPeriod(DAY_S))
    lines = details(await bench.run(period))
    assert lines[-1] == "runs of maintenance tasks: 2, of which 1 were no success"


def replace_wall(moment: Moment, by_s: float) -> Moment:
    return Moment(moment.mono, moment.wall + by_s)


async def test_config_check_finds_faults_hazards_and_missing_containers() -> None:
    bench = Bench()
    bench.world.works(WALLET, SERVICE)
    bench.outputs = {"config": GOOD, "doctor": NO_HAZARDS}
    result = await bench.run(CHECK)
    assert (result.outcome, result.details) == (TaskOutcome.DONE, ())
    hazard = {"code": "no_volume", "service": "db", "reason": "hunter2 is on no volume"}
    bench.outputs = {
        "config": OwnOutput(2, "", "mode: found 'atc'; allowed: act, observe\n"),
        "doctor": OwnOutput(1, json.dumps({"hazards": [hazard]}), ""),
    }
    result = await bench.run(CHECK)
    assert result.outcome is TaskOutcome.FINDINGS
    assert details(result) == [
        "mode: found 'atc'; allowed: act, observe",
        "no_volume: db: *** is on no volume",
    ]


async def test_config_check_finds_a_target_without_a_container() -> None:
    bench = Bench()
    bench.world.works(WALLET, SERVICE)
    del bench.world.containers[InstanceId(SERVICE, 1)]
    bench.world.relist()
    bench.outputs = {"config": GOOD, "doctor": NO_HAZARDS}
    result = await bench.run(CHECK)
    assert result.outcome is TaskOutcome.FINDINGS
    assert [line.startswith(f"{SERVICE} is ") for line in details(result)] == [True]


async def test_config_check_without_an_answer_fails() -> None:
    bench = Bench()
    no_engine = OwnOutput(2, '{"hazards": []}', "no engine\n")
    for doctor in (no_engine, OwnOutput(0, "{", "")):
        bench.outputs = {"config": GOOD, "doctor": doctor}
        assert (await bench.run(CHECK)).outcome is TaskOutcome.FAILED


async def test_image_age_finds_old_images_and_what_is_not_known_is_no_finding() -> None:
    bench = Bench()
    ages = Task("images", TaskKind.IMAGE_AGE, "", does=ImageLimit(10 * DAY_S))
    now_wall = SystemClock().now().wall
    wallet_id = bench.world.containers[InstanceId(WALLET, 1)].id
    bench.images = {wallet_id: now_wall - 9 * DAY_S}
    result = await bench.run(ages)
    assert result.outcome is TaskOutcome.DONE
    assert details(result) == [
        f"{SERVICE}: the age of its image is not known: images are *** forbidden"
    ]
    bench.images = {wallet_id: now_wall - 30.5 * DAY_S}
    result = await bench.run(ages)
    assert result.outcome is TaskOutcome.FINDINGS
    assert details(result)[0] == f"{WALLET}: its image was built 30 days ago"
    assert str(result.summary) == "1 of 1 images are older than 10 days"


async def test_own_command_runs_in_another_process() -> None:
    output = await run_own_command(None, "version", "--json")
    assert output.exit_status == 0
    assert json.loads(output.answer) == {"version": __version__}
    assert (await run_own_command(None, "nonsense")).exit_status == 2
