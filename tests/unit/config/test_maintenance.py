"""The section ``maintenance``: its tasks, their defaults and their faults."""

import re
from pathlib import Path

import pytest

from sidecar.config.maintenance import CLEAN_UP_NAME, CRON_OF
from sidecar.core.model.maintenance_task import (
    HttpCall,
    ImageLimit,
    ReportPeriod,
    TargetCommand,
    Task,
    TaskKind,
    TaskNotify,
)
from sidecar.core.model.maintenance_window import WindowSettings
from tests.support.config_files import faults_of, load_text
from tests.support.repository import REPOSITORY

TARGET = "targets: {db: {probe: {type: running}}}\n"
DAILY_CLEAN_UP = Task(CLEAN_UP_NAME, TaskKind.CLEAN_UP, CRON_OF["daily"])


def tasks_of(text: str, folder: Path) -> dict[str, Task]:
    settings = load_text(f"{TARGET}maintenance: {{tasks: {text}}}", folder)
    return {task.name: task for task in settings.tasks}


def test_clean_up_runs_each_day_without_a_setting(tmp_path: Path) -> None:
    assert load_text(TARGET, tmp_path).tasks == (DAILY_CLEAN_UP,)


def test_own_clean_up_replaces_the_default(tmp_path: Path) -> None:
    tasks = tasks_of("{tidy: {type: clean_up, every: weekly}}", tmp_path)
    assert tasks == {"tidy": Task("tidy", TaskKind.CLEAN_UP, CRON_OF["weekly"])}


def test_tasks_of_the_file_have_their_settings(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("https://beat.example/secret-key-1\n")
    tasks = tasks_of(
        "{vacuum: {type: command, target: db, command: [vacuumdb, --all],"
        ' cron: "30 3 * * 0", timezone: Asia/Seoul, timeout: 10m, notify: always},'
        f" ping: {{type: http, url_file: {tmp_path}/url, method: POST,"
        " every: monthly}}",
        tmp_path,
    )
    assert tasks.pop(CLEAN_UP_NAME) == DAILY_CLEAN_UP
    assert tasks == {
        "vacuum": Task(
            "vacuum",
            TaskKind.COMMAND,
            "30 3 * * 0",
            "Asia/Seoul",
            600.0,
            TaskNotify.ALWAYS,
            does=TargetCommand("db", ("vacuumdb", "--all")),
        ),
        "ping": Task(
            "ping",
            TaskKind.HTTP,
            CRON_OF["monthly"],
            timeout_s=30.0,
            does=HttpCall("https://beat.example/secret-key-1", "POST"),
        ),
    }


def test_address_of_a_task_is_a_secret(tmp_path: Path) -> None:
    text = "{ping: {type: http, url: https://beat.example/key-1, every: daily}}"
    settings = load_text(f"{TARGET}maintenance: {{tasks: {text}}}", tmp_path)
    assert "https://beat.example/key-1" in settings.secrets
    assert "key-1" not in repr(settings.tasks)


PING = "type: http, url: 'http://a/'"


@pytest.mark.parametrize(
    ("task", "path"),
    [
        (f"{{{PING}}}", "a"),
        (f'{{{PING}, every: daily, cron: "0 3 * * *"}}', "a"),
        (f'{{{PING}, cron: "*/5 * * * * *"}}', "a.cron"),
        (f'{{{PING}, cron: "0 25 * * *"}}', "a.cron"),
        (f"{{{PING}, every: daily, timezone: Mars/Base}}", "a.timezone"),
        (f"{{{PING}, every: daily, timeout: 7h}}", "a.timeout"),
        ("{type: http, every: daily}", "a.url"),
        ("{type: http, url: 'ftp://a/', every: daily}", "a.url"),
        ("{type: command, target: nobody, command: [a], every: daily}", "a.target"),
        ("{type: command, target: db, command: [], every: daily}", "a.command"),
        ("{type: report, every: daily, period: 400d}", "a.period"),
        ("{type: dance, every: daily}", "a.type"),
    ],
)
def test_fault_of_a_task_names_its_key(task: str, path: str, tmp_path: Path) -> None:
    faults = faults_of(f"{TARGET}maintenance: {{tasks: {{a: {task}}}}}", tmp_path)
    assert set(faults) == {f"maintenance.tasks.{path}"}


def test_windows_have_their_settings(tmp_path: Path) -> None:
    windows = (
        '[{cron: "0 4 * * 0", duration: 30m, timezone: Asia/Seoul, targets: [db]},'
        ' {cron: "0 3 1 * *", duration: 4h}]'
    )
    settings = load_text(f"{TARGET}maintenance: {{windows: {windows}}}", tmp_path)
    assert settings.windows == (
        WindowSettings("0 4 * * 0", 1800.0, "Asia/Seoul", ("db",)),
        WindowSettings("0 3 1 * *", 14_400.0),
    )
    assert not [w for w in settings.warnings if w.startswith("maintenance")]


@pytest.mark.parametrize("duration", ["24h", "2d"])
def test_window_without_end_is_refused(duration: str, tmp_path: Path) -> None:
    window = f'[{{cron: "0 4 * * *", duration: {duration}}}]'
    faults = faults_of(f"{TARGET}maintenance: {{windows: {window}}}", tmp_path)
    (fault,) = faults.values()
    assert fault.path == "maintenance.windows[0].duration"
    assert "less than 1d" in fault.allowed


def test_own_checks_have_their_settings(tmp_path: Path) -> None:
    tasks = tasks_of(
        "{report: {type: report, every: weekly, period: 30d},"
        " images: {type: image_age, every: monthly},"
        " summary: {type: health_summary, every: daily}}",
        tmp_path,
    )
    assert tasks["report"].does == ReportPeriod(30 * 86_400.0)
    assert tasks["report"].notify is TaskNotify.ALWAYS
    assert tasks["images"].does == ImageLimit()
    assert tasks["images"].notify is TaskNotify.PROBLEMS
    assert tasks["summary"].does is None


def test_schedule_of_the_page_is_accepted(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "maintenance.md").read_text()
    (example,) = re.findall(
        r"<!-- sidecar.yaml -->\n```yaml\n(.*?)```", page, re.DOTALL
    )
    (tmp_path / "secret").write_text("rpc-password")
    text = re.sub(r"/run/secrets/\w+", str(tmp_path / "secret"), example)
    settings = load_text(text, tmp_path)
    assert len(settings.tasks) == 6
    assert len(settings.windows) == 1
    assert settings.warnings == ()
