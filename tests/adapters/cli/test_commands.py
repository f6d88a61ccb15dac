"""The command line as people and scripts use it: processes against a real server."""

import asyncio
import json
import os
import pty
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import click
import pytest
from aiohttp import web

from sidecar import __version__
from sidecar.cli.main import sidecar as command_line
from sidecar.core.model.cause import Cause
from sidecar.core.model.event import (
    PauseRequested,
    PlannedRestartCancelled,
    RecoverRequested,
    ReleaseRequested,
    RestartRequested,
    ResumeRequested,
)
from sidecar.core.text.printable import printable
from tests.support.api_services import TOKEN, ApiServiceFakes, trigger_planned_restart
from tests.support.command_runner import (
    COMMAND,
    DEADLINE_S,
    CommandResult,
    CommandRunner,
    environment,
    read_to_end,
    serve,
    sidecar,
)
from tests.support.repository import REPOSITORY


@pytest.fixture
async def run_command() -> AsyncIterator[CommandRunner]:
    async for runner in serve(ApiServiceFakes()):
        yield runner


@pytest.fixture
async def run_without_token() -> AsyncIterator[CommandRunner]:
    async for runner in serve(ApiServiceFakes(token=None)):
        yield runner


# --- without a sidecar


async def test_version_prints_the_version() -> None:
    assert await sidecar("version") == (0, f"sidecar {__version__}\n", "")
    assert json.loads((await sidecar("version", "--json")).out) == {
        "version": __version__
    }


def every_command(
    group: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield (*path, name), command


COMMANDS = dict(every_command(command_line))


def test_every_documented_command_exists() -> None:
    assert {" ".join(path) for path in COMMANDS} == {
        "run",
        "check",
        "simulate",
        "replay",
        "init",
        "doctor",
        "status",
        "targets",
        "logs",
        "explain",
        "restart",
        "pause",
        "resume",
        "recover",
        "release",
        "reload",
        "history",
        "incidents",
        "incident",
        "ack",
        "backup list",
        "backup run",
        "backup verify",
        "backup restore",
        "postmortem",
        "drill run",
        "drill list",
        "drill last",
        "drill cancel",
        "drill export",
        "remedies",
        "report",
        "schedule",
        "schedule skip",
        "schedule cancel",
        "forecast",
        "maintenance",
        "maintenance run",
        "notify test",
        "config check",
        "config show",
        "config schema",
        "completion",
        "version",
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
async def test_help_of_every_command_has_an_example(path: tuple[str, ...]) -> None:
    result = await sidecar(*path, "--help")
    assert result.status == 0
    assert f"  sidecar {' '.join(path)}" in result.out.partition("Example:\n")[2]
    # run has no answer; that of completion is a script, that of export is JSON.
    has_json = path not in {("run",), ("completion",), ("drill", "export")}
    assert ("--json" in result.out) is has_json


@pytest.mark.parametrize("group", ["config", "notify", "schedule", "maintenance"])
async def test_help_of_every_group_has_an_example(group: str) -> None:
    result = await sidecar(group, "--help")
    assert f"  sidecar {group} " in result.out.partition("Example:\n")[2]


async def test_help_of_the_command_line_has_an_example() -> None:
    result = await sidecar("--help")
    assert result.status == 0
    assert "  sidecar status --watch" in result.out.partition("Example:\n")[2]


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("status", "--nonsense"),
        ("restart",),
        ("pause",),
        ("pause", "a", "--all"),
        ("schedule", "--count", "0"),
    ],
)
async def test_wrong_usage_exits_2(arguments: tuple[str, ...]) -> None:
    result = await sidecar(*arguments)
    assert (result.status, result.out) == (2, "")
    assert "Error" in result.err


async def test_unreachable_sidecar_exits_2_and_says_what_to_do() -> None:
    for command in (("status",), ("restart", "a"), ("schedule",)):
        result = await sidecar(*command, "--url", "http://127.0.0.1:1")
        assert result.status == 2
        assert (
            "no sidecar answers at http://127.0.0.1:1 (Connection refused)"
            in result.err
        )
        assert "--url" in result.err
        assert "what does its log say" in result.err


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "http://",
        "ftp://127.0.0.1",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:x",
        "http://a b",
        "http://operator:opensesame@127.0.0.1:9787",
    ],
)
async def test_malformed_url_is_reported_without_its_password(url: str) -> None:
    result = await sidecar("status", "--url", url)
    assert (result.status, result.out) == (2, "")
    assert "is no address: write http://host:port" in result.err
    assert "opensesame" not in result.err


async def test_a_server_that_is_no_sidecar_is_named() -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n<html>hello")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(other, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        result = await sidecar("status", "--url", f"http://127.0.0.1:{port}")
    assert result.status == 2
    assert "is not a sidecar" in result.err


@pytest.mark.parametrize("path", ["status", "refusal", "text"])
async def test_text_of_a_server_is_printed_without_control_characters(
    path: str,
) -> None:
    odd = "a\x1b[2J\u202eb\x9b1m\ud800"

    async def answer(_: web.Request) -> web.Response:
        if path == "text":
            return web.Response(text="a\x1b[2J\u202eb\x9b1m\ufffd")
        body = {"error": odd, "targets": [], "planned": [{odd: odd}]}
        return web.json_response(body, status=409 if path == "refusal" else 200)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    command = ("postmortem", "X") if path == "text" else ("schedule", "--json")
    result = await sidecar(*command, "--url", url)
    await runner.cleanup()
    output = result.out + result.err
    assert "ab\ufffd" in output
    assert printable(output) == output


@pytest.mark.parametrize(
    ("file", "status"), [("good", 0), ("bad", 1), ("unsure", 2), ("empty", 2), ("x", 2)]
)
async def test_check_exit_status_tells_the_outcome(file: str, status: int) -> None:
    assert (await sidecar("check", "--config", file)).status == status


async def test_check_of_one_target_prints_json() -> None:
    result = await sidecar("check", "electron-cash", "--config", "bad", "--json")
    assert result.status == 0
    assert json.loads(result.out) == [
        {
            "target": "electron-cash",
            "outcome": "success",
            "cause": None,
            "reason": "",
            "seconds": 0.012,
        }
    ]


async def test_a_table_in_a_pipe_is_plain_columns() -> None:
    result = await sidecar("check", "--config", "bad")
    lines = result.out.splitlines()
    assert lines[0].split() == ["TARGET", "OUTCOME", "CAUSE", "SECONDS", "REASON"]
    assert lines[2].split(maxsplit=4) == [
        "bitcoincash-service",
        "failure",
        "refused",
        "0.100",
        "connection refused",
    ]
    assert len({line.index("0.") for line in lines[1:]}) == 1
    assert "\x1b" not in result.out


async def test_config_and_run_commands_pass_their_file_on() -> None:
    result = await sidecar("config", "check", "file.yaml")
    assert (result.status, result.out) == (0, "the configuration is good\n")
    assert result.err == "warning: targets.x: tcp probes hold a single thread\n"
    result = await sidecar("config", "check", "faulty")
    assert (result.status, result.out) == (2, "")
    assert result.err == "mode: found dance\nlanguage: found fr\n"
    result = await sidecar("config", "check", "file.yaml", "--no-secrets")
    assert result.err == "warning: no secret was read\n"
    result = await sidecar("config", "check", "file.yaml", "--json")
    assert json.loads(result.out) == {
        "good": True,
        "warnings": ["targets.x: tcp probes hold a single thread"],
    }
    assert result.err == ""
    assert (await sidecar("config", "show", "f")).out == "stack: f\n"
    json_result = await sidecar("config", "show", "f", "--json")
    assert json.loads(json_result.out) == {"stack": "f"}
    assert json.loads((await sidecar("config", "schema")).out)
    assert (await sidecar("run", "--config", "f"))[:2] == (3, "runs with f\n")


# --- looking


async def test_status_is_a_table_with_reasons(run_command: CommandRunner) -> None:
    run_command.fakes.world.fails("electron-cash", Cause.REFUSED)
    result = await run_command("status")
    assert result.status == 0
    assert "stack oratio, mode act, ready" in result.out
    (line,) = (x for x in result.out.splitlines() if x.startswith("electron-cash"))
    assert "recovering" in line
    assert "refused: " in line
    assert "restart: " in line
    incident = run_command.fakes.world.instance("electron-cash").incident
    assert f"incident {incident} P1 electron-cash: refused" in result.out


async def test_status_json_is_that_of_the_api(run_command: CommandRunner) -> None:
    status = json.loads((await run_command("status", "--json")).out)
    assert {t["name"] for t in status["targets"]} == {
        "electron-cash",
        "bitcoincash-service",
    }


async def test_targets_prints_state_and_container(run_command: CommandRunner) -> None:
    result = await run_command("targets")
    assert "electron-cash        healthy  demo-electron-cash-1" in result.out
    assert (
        json.loads((await run_command("targets", "--json")).out)[0]["state"]
        == "healthy"
    )


async def test_watching_in_a_pipe_prints_each_change_once(
    run_command: CommandRunner,
) -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "status",
        "--watch",
        cwd=REPOSITORY,
        env=environment(SIDECAR_URL=run_command.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        first = [(await process.stdout.readline()).decode() for _ in range(2)]
        run_command.fakes.world.fails("electron-cash", Cause.REFUSED)
        change = (await process.stdout.readline()).decode()
        process.send_signal(signal.SIGINT)
        rest, err = await process.communicate()
    assert all(" healthy" in line for line in first)
    assert "electron-cash recovering: refused: " in change
    assert rest == b""
    assert err.strip() == b""
    assert process.returncode == 130


async def test_a_terminal_gets_a_table_and_colours(run_command: CommandRunner) -> None:
    coloured = await on_terminal(run_command, TERM="xterm")
    assert "\x1b[32mhealthy" in coloured
    plain = await on_terminal(run_command, TERM="xterm", NO_COLOR="1")
    assert "healthy" in plain
    assert "\x1b[32m" not in plain


async def test_a_narrow_terminal_has_the_reasons_below_the_table(
    run_command: CommandRunner,
) -> None:
    run_command.fakes.world.fails("electron-cash", Cause.AUTH)
    narrow = await on_terminal(run_command, "status", TERM="xterm", COLUMNS="80")
    assert "electron-cash: auth: it is auth; page: failure 3: it is auth; " in narrow
    wide = await on_terminal(run_command, "status", TERM="xterm", COLUMNS="200")
    assert "electron-cash: auth: it is auth; page" not in wide
    assert "auth: it is auth; " in wide


async def on_terminal(
    run_command: CommandRunner, command: str = "targets", **environ: str
) -> str:
    controller, terminal = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        command,
        cwd=REPOSITORY,
        env=environment(SIDECAR_URL=run_command.url, **environ),
        stdout=terminal,
    )
    async with asyncio.timeout(DEADLINE_S):
        assert await process.wait() == 0
    os.close(terminal)
    try:
        return read_to_end(controller).decode()
    finally:
        os.close(controller)


async def test_watching_on_a_terminal_redraws_until_ctrl_c(
    run_command: CommandRunner,
) -> None:
    controller, terminal = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "status",
        "--watch",
        cwd=REPOSITORY,
        env=environment(SIDECAR_URL=run_command.url, TERM="xterm"),
        stdout=terminal,
    )
    os.close(terminal)
    screen = b""
    async with asyncio.timeout(DEADLINE_S):
        while screen.count(b"stack oratio") < 2 or screen.count(b"healthy") < 4:
            screen += await asyncio.to_thread(os.read, controller, 65536)
        process.send_signal(signal.SIGINT)
        end = asyncio.create_task(asyncio.to_thread(read_to_end, controller))
        assert await process.wait() == 130
        screen += await end
    os.close(controller)
    enter, leave = b"\x1b[?1049h", b"\x1b[?1049l"
    drawings = screen.partition(enter)[2].partition(leave)[0]
    assert drawings.count(b"healthy") >= 4
    # Each drawing goes over the last: the screen is never cleared in between.
    assert b"\x1b[2J" not in drawings
    assert b"Traceback" not in screen


async def test_watching_on_a_terminal_without_cursor_prints_changes(
    run_command: CommandRunner,
) -> None:
    controller, terminal = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "status",
        "--watch",
        cwd=REPOSITORY,
        env=environment(SIDECAR_URL=run_command.url, TERM="dumb"),
        stdout=terminal,
    )
    os.close(terminal)
    text = b""
    async with asyncio.timeout(DEADLINE_S):
        while text.count(b" healthy") < 2:
            text += await asyncio.to_thread(os.read, controller, 65536)
        process.send_signal(signal.SIGINT)
        drain = asyncio.create_task(asyncio.to_thread(read_to_end, controller))
        assert await process.wait() == 130
        await drain
    os.close(controller)
    assert b"\x1b" not in text


async def test_schedule_prints_the_requested_count(run_command: CommandRunner) -> None:
    result = await run_command("schedule", "--count", "2")
    assert result.status == 0
    assert len(result.out.splitlines()) == 3
    assert "0 3 * * * Asia/Seoul" in result.out
    schedule = json.loads((await run_command("schedule", "--json", "--count", "4")).out)
    assert len(schedule["planned"]) == 4


# --- acting


async def test_restart_prints_the_decision_and_sends_the_event(
    run_command: CommandRunner,
) -> None:
    result = await run_command("restart", "electron-cash", "--now")
    assert result.status == 0
    assert result.out.startswith("electron-cash: restart: ")
    (event,) = run_command.fakes.events
    assert isinstance(event, RestartRequested)
    assert event.now


async def test_a_program_gets_the_apis_answer_to_an_order(
    run_command: CommandRunner,
) -> None:
    result = await run_command("restart", "electron-cash", "--now", "--json")
    assert json.loads(result.out)["decision"]["action"] == "restart"
    for order in (
        ("release", "electron-cash"),
        ("recover", "electron-cash"),
        ("pause", "electron-cash", "--for", "2h"),
        ("resume", "--all"),
    ):
        result = await run_command(*order, "--json")
        assert result.status == 0
        assert "decision" in json.loads(result.out)
    assert [type(event) for event in run_command.fakes.events] == [
        RestartRequested,
        ReleaseRequested,
        RecoverRequested,
        PauseRequested,
        ResumeRequested,
    ]
    result = await run_command("schedule", "skip", "electron-cash", "--json")
    assert json.loads(result.out)["skipped"]["target"] == "electron-cash"


async def test_a_release_and_a_resume_say_what_they_did(
    run_command: CommandRunner,
) -> None:
    assert (await run_command("restart", "electron-cash", "--now")).status == 0
    assert (
        await run_command("release", "electron-cash")
    ).out == "electron-cash: released\n"
    assert (
        await run_command("resume", "electron-cash")
    ).out == "electron-cash: resumed\n"
    assert (await run_command("resume", "--all")).out == "all targets: resumed\n"


async def test_refused_order_exits_3_with_its_reason(
    run_command: CommandRunner,
) -> None:
    assert (await run_command("pause", "electron-cash")).status == 0
    result = await run_command("restart", "electron-cash")
    assert (result.status, result.out) == (3, "")
    assert result.err.startswith("refused (paused): ")


async def test_missing_wrong_or_unset_token_exits_3(
    run_command: CommandRunner, run_without_token: CommandRunner
) -> None:
    for token in ("", "wrong"):
        result = await run_command("restart", "electron-cash", token=token)
        assert result.status == 3
        assert "--token-file" in result.err
    result = await run_without_token("restart", "electron-cash")
    assert result.status == 3
    assert "SIDECAR_API_TOKEN" in result.err


async def test_the_token_may_be_in_a_file(
    run_command: CommandRunner, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    result = await run_command("resume", "--all", "--token-file", str(file), token="")
    assert result.status == 0
    result = await sidecar(
        "resume", "--all", SIDECAR_URL=run_command.url, SIDECAR_API_TOKEN_FILE=str(file)
    )
    assert result.status == 0
    result = await run_command(
        "resume", "--all", "--token-file", str(tmp_path / "none")
    )
    assert result.status == 2
    assert "cannot be read" in result.err


async def test_a_token_of_any_letters_is_sent_and_one_of_two_lines_is_not() -> None:
    async for run_command in serve(ApiServiceFakes(token="열쇠-é")):
        assert (await run_command("resume", "--all", token="열쇠-é")).status == 0
        for token in ("é-열쇠", "열쇠-é\nx"):
            result = await run_command("resume", "--all", token=token)
            assert result.status == (3 if "\n" not in token else 2)
            assert "token" in result.err


async def test_unknown_target_exits_2(run_command: CommandRunner) -> None:
    result = await run_command("restart", "no/body")
    assert result.status == 2
    assert "there is no target no/body; there are: " in result.err


async def test_pause_recover_release_and_schedule_orders_are_sent(
    run_command: CommandRunner,
) -> None:
    trigger_planned_restart(run_command.fakes)
    assert (await run_command("schedule", "cancel", "electron-cash")).status == 0
    assert (await run_command("schedule", "cancel", "electron-cash")).status == 3
    assert (await run_command("pause", "electron-cash", "--for", "2h")).out == (
        "electron-cash: paused for 2h\n"
    )
    assert (await run_command("pause", "--all", "--for", "soon")).status == 2
    assert (await run_command("recover", "electron-cash")).status == 0
    assert (await run_command("release", "electron-cash")).status == 0
    result = await run_command("release", "electron-cash")
    assert (result.status, result.err) == (
        3,
        "no remedy of electron-cash is under way\n",
    )
    assert [type(e) for e in run_command.fakes.events] == [
        PlannedRestartCancelled,
        PauseRequested,
        RecoverRequested,
        ReleaseRequested,
    ]
    result = await run_command("schedule", "skip", "electron-cash")
    assert result.status == 0
    assert result.out.startswith("electron-cash: no restart at ")
    assert (await run_command("schedule", "skip", "bitcoincash-service")).status == 3


async def test_every_order_answers_in_json(run_command: CommandRunner) -> None:
    trigger_planned_restart(run_command.fakes)
    for order, key in (
        ("schedule cancel electron-cash", "decision"),
        ("release electron-cash", "decision"),
        ("restart electron-cash --now", "decision"),
        ("pause electron-cash", "decision"),
        ("resume electron-cash", "decision"),
        ("recover electron-cash", "decision"),
        ("schedule skip electron-cash", "skipped"),
    ):
        result = await run_command(*order.split(), "--json")
        assert (result.status, result.err) == (0, ""), order
        assert key in json.loads(result.out), order


async def test_commands_without_a_server_answer_in_json() -> None:
    assert json.loads((await sidecar("version", "--json")).out) == {
        "version": __version__
    }
    result = await sidecar("config", "check", "--json", "good.yaml")
    warning = "targets.x: tcp probes hold a single thread"
    expected = {"good": True, "warnings": [warning]}
    assert (json.loads(result.out), result.err) == (expected, "")


async def test_the_address_may_come_from_sidecar_listen(
    run_command: CommandRunner,
) -> None:
    port = run_command.url.rpartition(":")[2]
    assert (await sidecar("status", SIDECAR_LISTEN=f"0.0.0.0:{port}")).status == 0


async def test_a_proxy_of_the_environment_is_not_asked(
    run_command: CommandRunner,
) -> None:
    result = await sidecar(
        "status", SIDECAR_URL=run_command.url, http_proxy="http://127.0.0.1:1"
    )
    assert result.status == 0


async def test_reload_applies_the_file(run_command: CommandRunner) -> None:
    result = await run_command("reload")
    assert result == CommandResult(0, "the configuration file is in force\n", "")
    assert run_command.fakes.reloads == 1


async def test_reload_of_a_faulty_file_exits_3_and_names_every_fault(
    run_command: CommandRunner,
) -> None:
    run_command.fakes.faults = ("mode: found 'atc'", "targets.a: found nothing")
    result = await run_command("reload")
    assert (result.status, result.out) == (3, "")
    assert all(fault in result.err.splitlines() for fault in run_command.fakes.faults)


async def test_reload_needs_the_token(run_command: CommandRunner) -> None:
    assert (await run_command("reload", token="nonsense")).status == 3
    assert run_command.fakes.reloads == 0
