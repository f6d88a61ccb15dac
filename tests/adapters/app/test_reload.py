"""A faulty file never ends the watch: the process beside a fake engine."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from sidecar.config.environment import state_dir
from tests.support.engine_server import raw_container
from tests.support.notify_receivers import Receiver, receiver
from tests.support.repository import REPOSITORY
from tests.support.sidecar_host import (
    DEADLINE_S,
    QUICK,
    TOKEN,
    WALLET_ID,
    SidecarHost,
    own_host,
    wait_for_exit,
)

WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}
GOOD: dict[str, Any] = {
    "mode": "observe",
    "targets": {"web": {"probe": {"type": "docker"}}},
}
TYPO = {**GOOD, "mode": "obsrve"}


def web_container() -> dict[str, Any]:
    health = {"Status": "healthy", "Log": [], "FailingStreak": 0}
    return raw_container(WALLET_ID, stack="shop", service="web", Health=health)


def start_sidecar(sidecar_host: SidecarHost, **settings: Any) -> subprocess.Popen[str]:  # noqa: ANN401
    sidecar_host.engine.add(web_container())
    file = sidecar_host.config(**settings)
    return sidecar_host.start_serving(SIDECAR_CONFIG=file, SIDECAR_API_TOKEN=TOKEN)


def status(sidecar_host: SidecarHost) -> dict[str, Any]:
    body: dict[str, Any] = sidecar_host.get("/api/v1/status").json
    return body


def target_names(sidecar_host: SidecarHost) -> set[str]:
    return {target["name"] for target in status(sidecar_host)["targets"]}


def settings_part(sidecar_host: SidecarHost) -> dict[str, Any]:
    parts: list[dict[str, Any]] = sidecar_host.get("/readyz").json["components"]
    return next(part for part in parts if part["name"] == "settings")


def test_a_changed_file_is_taken_without_a_restart(sidecar_host: SidecarHost) -> None:
    process = start_sidecar(sidecar_host, **GOOD)
    sidecar_host.until("it lists", lambda: target_names(sidecar_host) == {"web"})
    more = {**GOOD["targets"], "shop": {"probe": {"type": "docker"}}}
    sidecar_host.config(mode="act", language="ko", targets=more)
    assert sidecar_host.post("/api/v1/reload", **WITH_TOKEN).status == 200
    sidecar_host.until(
        "the new target", lambda: target_names(sidecar_host) == {"web", "shop"}
    )
    assert status(sidecar_host)["mode"] == "act"
    assert (
        '<html lang="ko">'
        in sidecar_host.get("/ack/01JARZ3NDEKTSV4RRFFQ69G5FA?t=x").text
    )
    assert process.poll() is None


def test_a_reload_with_faults_says_them_all_and_changes_nothing(
    sidecar_host: SidecarHost,
) -> None:
    start_sidecar(sidecar_host, **GOOD)
    sidecar_host.wait_until_ready()
    sidecar_host.until("it lists", lambda: target_names(sidecar_host) == {"web"})
    sidecar_host.config(mode="obsrve", targets={"web": {"prob": {}}})
    refused = sidecar_host.post("/api/v1/reload", **WITH_TOKEN)
    assert refused.status == 409
    paths = {line.partition(":")[0] for line in refused.json["faults"]}
    assert {"mode", "targets.web.prob"} <= paths
    assert status(sidecar_host)["mode"] == "observe"
    assert target_names(sidecar_host) == {"web"}
    assert sidecar_host.get("/readyz").status == 200


def test_a_signal_reloads_the_file_and_never_ends_the_watch(
    sidecar_host: SidecarHost,
) -> None:
    process = start_sidecar(sidecar_host, **GOOD)
    sidecar_host.wait_until_ready()
    sidecar_host.config(**TYPO)
    process.send_signal(signal.SIGHUP)
    sidecar_host.until(
        "it is refused",
        lambda: any("not taken" in line for line in sidecar_host.log_lines),
    )
    assert status(sidecar_host)["mode"] == "observe"
    sidecar_host.config(**{**GOOD, "mode": "act"})
    process.send_signal(signal.SIGHUP)
    sidecar_host.until("it is taken", lambda: status(sidecar_host)["mode"] == "act")


def test_sighup_before_its_handler_does_not_end_the_start(
    tmp_path: Path,
) -> None:
    """A refused start ends before it installs the handler of SIGHUP."""
    code = (
        "import os, pathlib, signal; from sidecar.app.main import run;"
        "status = run(pathlib.Path('/nowhere.yaml'));"
        "os.kill(os.getpid(), signal.SIGHUP); raise SystemExit(status)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={"SIDECAR_STATE_DIR": str(tmp_path)},
        timeout=DEADLINE_S,
        check=False,
    )
    assert ran.returncode == 2


def test_another_stack_is_refused_until_a_restart(sidecar_host: SidecarHost) -> None:
    start_sidecar(sidecar_host, **GOOD)
    sidecar_host.wait_until_ready()
    sidecar_host.config(stack="other", **GOOD)
    refused = sidecar_host.post("/api/v1/reload", **WITH_TOKEN)
    assert refused.status == 409
    assert "restart of Sidecar" in refused.json["error"]
    sidecar_host.config(stack="shop", **GOOD)
    assert sidecar_host.post("/api/v1/reload", **WITH_TOKEN).status == 200


def test_the_first_start_with_a_faulty_file_is_refused(
    sidecar_host: SidecarHost,
) -> None:
    process = sidecar_host.start(SIDECAR_CONFIG=sidecar_host.config(**TYPO))
    code, output = wait_for_exit(process)
    assert code == 2
    assert "mode: found 'obsrve'" in output


def test_a_start_with_a_faulty_file_runs_with_the_last_good_settings(
    sidecar_host: SidecarHost,
) -> None:
    process = start_sidecar(sidecar_host, **GOOD)
    sidecar_host.wait_until_ready()
    assert settings_part(sidecar_host)["ok"]
    assert sidecar_host.stop(process) == 0
    start_sidecar(sidecar_host, **TYPO)
    sidecar_host.until("it lists", lambda: target_names(sidecar_host) == {"web"})
    assert status(sidecar_host)["mode"] == "observe"
    assert sidecar_host.get("/readyz").status == 503
    assert "obsrve" in settings_part(sidecar_host)["reason"]
    sidecar_host.until(
        "it says so",
        lambda: any("last good" in line for line in sidecar_host.log_lines),
    )
    sidecar_host.config(**{**GOOD, "mode": "atc"})
    assert sidecar_host.post("/api/v1/reload", **WITH_TOKEN).status == 409
    sidecar_host.until(
        "as it is now", lambda: "'atc'" in settings_part(sidecar_host)["reason"]
    )
    sidecar_host.config(**GOOD)
    assert sidecar_host.post("/api/v1/reload", **WITH_TOKEN).status == 200
    sidecar_host.wait_until_ready()


def test_the_last_good_text_is_that_of_the_last_file_that_was_taken(
    sidecar_host: SidecarHost,
) -> None:
    process = start_sidecar(sidecar_host, **{**GOOD, "mode": "act"})
    sidecar_host.wait_until_ready()
    sidecar_host.config(**GOOD)
    assert sidecar_host.post("/api/v1/reload", **WITH_TOKEN).status == 200
    sidecar_host.config(**TYPO)
    assert sidecar_host.post("/api/v1/reload", **WITH_TOKEN).status == 409
    assert sidecar_host.stop(process) == 0
    start_sidecar(sidecar_host, **TYPO)
    sidecar_host.until("it lists", lambda: target_names(sidecar_host) == {"web"})
    assert status(sidecar_host)["mode"] == "observe"


def test_a_file_that_is_gone_is_a_fault_like_any_other(
    sidecar_host: SidecarHost,
) -> None:
    process = start_sidecar(sidecar_host, **GOOD)
    sidecar_host.wait_until_ready()
    assert sidecar_host.stop(process) == 0
    (sidecar_host.folder / "sidecar.yaml").unlink()
    sidecar_host.start_serving(SIDECAR_CONFIG=str(sidecar_host.folder / "sidecar.yaml"))
    sidecar_host.until("it lists", lambda: target_names(sidecar_host) == {"web"})
    assert "no file to read" in settings_part(sidecar_host)["reason"]


def test_a_fault_of_the_environment_is_refused_with_every_file(
    sidecar_host: SidecarHost,
) -> None:
    process = start_sidecar(sidecar_host, **GOOD)
    sidecar_host.wait_until_ready()
    assert sidecar_host.stop(process) == 0
    again = sidecar_host.start(
        SIDECAR_CONFIG=sidecar_host.config(**TYPO), SIDECAR_LOG_LEVEL="loud"
    )
    code, output = wait_for_exit(again)
    assert code == 2
    assert "SIDECAR_LOG_LEVEL" in output
    assert "obsrve" in output


def test_secrets_of_files_are_not_in_the_state_directory(
    sidecar_host: SidecarHost,
) -> None:
    secret = sidecar_host.folder / "password"
    secret.write_text("hunter2-of-the-wallet")
    probe = {
        "type": "jsonrpc",
        "url": "http://web:1/",
        "method": "ping",
        "username": "u",
        "password_file": str(secret),
    }
    start_sidecar(sidecar_host, mode="observe", targets={"web": {"probe": probe}})
    sidecar_host.until("it lists", lambda: target_names(sidecar_host) == {"web"})
    state = sidecar_host.folder / "state"
    last_good = state / "last-good.yaml"
    assert json.loads(last_good.read_text())["targets"]["web"]["probe"] == probe
    assert last_good.stat().st_mode & 0o777 == 0o600
    for file in filter(Path.is_file, state.iterdir()):
        assert b"hunter2-of-the-wallet" not in file.read_bytes()


def wait_for_first_clean_up(sidecar_host: SidecarHost) -> None:
    """A new Sidecar cleans up at once; a stop in the middle of it is reported."""

    def is_done() -> bool:
        answer = sidecar_host.get("/api/v1/maintenance?task=clean-up").json
        return any(run["outcome"] == "done" for run in answer["runs"])

    sidecar_host.wait_until_ready()
    sidecar_host.until("the first clean-up", is_done)


async def wait_for_messages(
    http_receiver: Receiver, count: int
) -> list[dict[str, str]]:
    async with asyncio.timeout(DEADLINE_S):
        while len(http_receiver.requests) < count:
            http_receiver.arrived.clear()
            await http_receiver.arrived.wait()
    return [json.loads(request.body) for request in http_receiver.requests]


async def test_channel_gets_messages_of_a_faulty_file_and_of_its_repair(
    sidecar_host: SidecarHost,
) -> None:
    async with receiver() as http_receiver:
        channels = {"ops": {"url": f"json://127.0.0.1:{http_receiver.port}/"}}
        good = {**GOOD, "notify": {"channels": channels}}
        process = await asyncio.to_thread(start_sidecar, sidecar_host, **good)
        await asyncio.to_thread(wait_for_first_clean_up, sidecar_host)
        assert await asyncio.to_thread(sidecar_host.stop, process) == 0
        typo = {**good, "mode": "obsrve"}
        process = await asyncio.to_thread(start_sidecar, sidecar_host, **typo)
        (first,) = await wait_for_messages(http_receiver, 1)
        assert await asyncio.to_thread(sidecar_host.stop, process) == 0
        await asyncio.to_thread(start_sidecar, sidecar_host, **typo)
        sidecar_host.config(**good)
        response = await asyncio.to_thread(
            sidecar_host.post, "/api/v1/reload", **WITH_TOKEN
        )
        assert response.status == 200
        second = (await wait_for_messages(http_receiver, 2))[1]
    assert first["title"].startswith("[P1] Sidecar (shop): its configuration file has")
    assert "obsrve" in first["message"]
    assert second["title"].startswith(
        "[P3] Sidecar (shop): its configuration file is in"
    )


async def test_a_channel_of_the_new_file_is_written_to(
    sidecar_host: SidecarHost,
) -> None:
    await asyncio.to_thread(start_sidecar, sidecar_host, **GOOD)
    async with receiver() as http_receiver:
        channels = {"ops": {"url": f"json://127.0.0.1:{http_receiver.port}/"}}
        sidecar_host.config(**GOOD, notify={"channels": channels})
        response = await asyncio.to_thread(
            sidecar_host.post, "/api/v1/reload", **WITH_TOKEN
        )
        assert response.status == 200
        path = "/api/v1/notify/ops/test"
        # A busy host may take longer to send it than this client waits.
        await asyncio.to_thread(
            sidecar_host.until,
            "a test message arrives",
            lambda: sidecar_host.post(path, **WITH_TOKEN).status == 200,
        )
        await wait_for_messages(http_receiver, 1)


async def test_a_channel_of_the_new_file_hears_of_the_incident_that_is_open(
    sidecar_host: SidecarHost,
) -> None:
    closed = {"web": {"probe": {"type": "tcp", "host": own_host(), "port": 1}}}
    broken = {"mode": "observe", "defaults": QUICK, "targets": closed}
    await asyncio.to_thread(start_sidecar, sidecar_host, **broken)
    await asyncio.to_thread(
        sidecar_host.until,
        "an incident is open",
        lambda: bool(sidecar_host.get("/api/v1/incidents").json["incidents"]),
    )
    async with receiver() as http_receiver:
        channels = {"ops": {"url": f"json://127.0.0.1:{http_receiver.port}/"}}
        sidecar_host.config(**broken, notify={"channels": channels})
        response = await asyncio.to_thread(
            sidecar_host.post, "/api/v1/reload", **WITH_TOKEN
        )
        assert response.status == 200
        (opened,) = await wait_for_messages(http_receiver, 1)
    (incident,) = sidecar_host.get("/api/v1/incidents").json["incidents"]
    assert opened["title"].startswith("[P1] web")
    assert f"[{incident['id']}-" in opened["message"]


async def test_the_heartbeat_of_the_new_file_beats_and_the_old_one_ends(
    sidecar_host: SidecarHost,
) -> None:
    async with receiver() as old, receiver() as new:
        beats = [
            {"heartbeat": {"url": f"http://127.0.0.1:{port}/", "interval": "1s"}}
            for port in (old.port, new.port)
        ]
        await asyncio.to_thread(start_sidecar, sidecar_host, **GOOD, notify=beats[0])
        await wait_for_first_request(old)
        sidecar_host.config(**GOOD, notify=beats[1])
        response = await asyncio.to_thread(
            sidecar_host.post, "/api/v1/reload", **WITH_TOKEN
        )
        assert response.status == 200
        await wait_for_first_request(new)
        count = len(old.requests)
        new.requests.clear()
        for _ in range(3):
            new.arrived.clear()
            await asyncio.wait_for(new.arrived.wait(), DEADLINE_S)
        assert len(old.requests) == count


async def wait_for_first_request(http_receiver: Receiver) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not http_receiver.requests:
            http_receiver.arrived.clear()
            await http_receiver.arrived.wait()


def test_state_directory_comes_from_the_environment(
    tmp_path: Path,
) -> None:
    assert state_dir({"SIDECAR_STATE_DIR": ""}) == Path("/var/lib/sidecar")
    assert state_dir({"SIDECAR_STATE_DIR": str(tmp_path)}) == tmp_path
