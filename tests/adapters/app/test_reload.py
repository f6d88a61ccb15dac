"""A typo in the file never ends the watch: the process beside an engine of our own."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from sidecar.config.environment import state_dir
from tests.adapters.app.test_application import (
    DEADLINE_S,
    QUICK,
    TOKEN,
    WALLET_ID,
    House,
    ended,
    house,
    own_host,
    stopped,
)
from tests.support.engine_server import raw_container
from tests.support.notify_receivers import Receiver, receiver
from tests.support.repository import REPOSITORY

__all__ = ["house"]

WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}
GOOD: dict[str, Any] = {
    "mode": "observe",
    "targets": {"web": {"probe": {"type": "docker"}}},
}
TYPO = {**GOOD, "mode": "obsrve"}


def web() -> dict[str, Any]:
    health = {"Status": "healthy", "Log": [], "FailingStreak": 0}
    return raw_container(WALLET_ID, stack="shop", service="web", Health=health)


def begin(house: House, **settings: Any) -> subprocess.Popen[str]:  # noqa: ANN401
    house.engine.add(web())
    file = house.config(**settings)
    return house.serves(SIDECAR_CONFIG=file, SIDECAR_API_TOKEN=TOKEN)


def status(house: House) -> dict[str, Any]:
    told: dict[str, Any] = house.get("/api/v1/status").told
    return told


def names(house: House) -> set[str]:
    return {target["name"] for target in status(house)["targets"]}


def settings_part(house: House) -> dict[str, Any]:
    parts: list[dict[str, Any]] = house.get("/readyz").told["components"]
    return next(part for part in parts if part["name"] == "settings")


def test_a_changed_file_is_taken_without_a_restart(house: House) -> None:
    process = begin(house, **GOOD)
    house.until("it lists", lambda: names(house) == {"web"})
    more = {**GOOD["targets"], "shop": {"probe": {"type": "docker"}}}
    house.config(mode="act", language="ko", targets=more)
    assert house.post("/api/v1/reload", **WITH_TOKEN).status == 200
    house.until("the new target", lambda: names(house) == {"web", "shop"})
    assert status(house)["mode"] == "act"
    assert '<html lang="ko">' in house.get("/ack/01JARZ3NDEKTSV4RRFFQ69G5FA?t=x").text
    assert process.poll() is None


def test_a_reload_with_faults_says_them_all_and_changes_nothing(house: House) -> None:
    begin(house, **GOOD)
    house.ready()
    house.config(mode="obsrve", targets={"web": {"prob": {}}})
    refused = house.post("/api/v1/reload", **WITH_TOKEN)
    assert refused.status == 409
    paths = {line.partition(":")[0] for line in refused.told["faults"]}
    assert {"mode", "targets.web.prob"} <= paths
    assert status(house)["mode"] == "observe"
    assert names(house) == {"web"}
    assert house.get("/readyz").status == 200


def test_a_signal_reloads_the_file_and_never_ends_the_watch(house: House) -> None:
    process = begin(house, **GOOD)
    house.ready()
    house.config(**TYPO)
    process.send_signal(signal.SIGHUP)
    house.until(
        "it is refused", lambda: any("not taken" in line for line in house.said)
    )
    assert status(house)["mode"] == "observe"
    house.config(**{**GOOD, "mode": "act"})
    process.send_signal(signal.SIGHUP)
    house.until("it is taken", lambda: status(house)["mode"] == "act")


def test_a_signal_before_it_is_listened_to_does_not_end_the_start(
    tmp_path: Path,
) -> None:
    """A start that is refused is over before it comes to listen."""
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


def test_another_stack_is_refused_until_a_restart(house: House) -> None:
    begin(house, **GOOD)
    house.ready()
    house.config(stack="other", **GOOD)
    refused = house.post("/api/v1/reload", **WITH_TOKEN)
    assert refused.status == 409
    assert "restart of Sidecar" in refused.told["error"]
    house.config(stack="shop", **GOOD)
    assert house.post("/api/v1/reload", **WITH_TOKEN).status == 200


def test_the_first_start_with_a_faulty_file_is_refused(house: House) -> None:
    process = house.start(SIDECAR_CONFIG=house.config(**TYPO))
    code, said = ended(process)
    assert code == 2
    assert "mode: found 'obsrve'" in said


def test_a_start_with_a_faulty_file_runs_with_the_last_good_settings(
    house: House,
) -> None:
    process = begin(house, **GOOD)
    house.ready()
    assert settings_part(house)["ok"]
    assert stopped(process) == 0
    begin(house, **TYPO)
    house.until("it lists", lambda: names(house) == {"web"})
    assert status(house)["mode"] == "observe"
    assert house.get("/readyz").status == 503
    assert "obsrve" in settings_part(house)["reason"]
    house.until("it says so", lambda: any("last good" in line for line in house.said))
    house.config(**{**GOOD, "mode": "atc"})
    assert house.post("/api/v1/reload", **WITH_TOKEN).status == 409
    house.until("as it is now", lambda: "'atc'" in settings_part(house)["reason"])
    house.config(**GOOD)
    assert house.post("/api/v1/reload", **WITH_TOKEN).status == 200
    house.ready()


def test_the_last_good_text_is_that_of_the_last_file_that_was_taken(
    house: House,
) -> None:
    process = begin(house, **{**GOOD, "mode": "act"})
    house.ready()
    house.config(**GOOD)
    assert house.post("/api/v1/reload", **WITH_TOKEN).status == 200
    house.config(**TYPO)
    assert house.post("/api/v1/reload", **WITH_TOKEN).status == 409
    assert stopped(process) == 0
    begin(house, **TYPO)
    house.until("it lists", lambda: names(house) == {"web"})
    assert status(house)["mode"] == "observe"


def test_a_file_that_is_gone_is_a_fault_like_any_other(house: House) -> None:
    process = begin(house, **GOOD)
    house.ready()
    assert stopped(process) == 0
    (house.folder / "sidecar.yaml").unlink()
    house.serves(SIDECAR_CONFIG=str(house.folder / "sidecar.yaml"))
    house.until("it lists", lambda: names(house) == {"web"})
    assert "no file to read" in settings_part(house)["reason"]


def test_a_fault_of_the_environment_is_refused_with_every_file(house: House) -> None:
    process = begin(house, **GOOD)
    house.ready()
    assert stopped(process) == 0
    again = house.start(SIDECAR_CONFIG=house.config(**TYPO), SIDECAR_LOG_LEVEL="loud")
    code, said = ended(again)
    assert code == 2
    assert "SIDECAR_LOG_LEVEL" in said
    assert "obsrve" in said


def test_secrets_of_files_are_not_in_the_state_directory(house: House) -> None:
    secret = house.folder / "password"
    secret.write_text("hunter2-of-the-wallet")
    probe = {
        "type": "jsonrpc",
        "url": "http://web:1/",
        "method": "ping",
        "username": "u",
        "password_file": str(secret),
    }
    begin(house, mode="observe", targets={"web": {"probe": probe}})
    house.until("it lists", lambda: names(house) == {"web"})
    state = house.folder / "state"
    kept = state / "last-good.yaml"
    assert json.loads(kept.read_text())["targets"]["web"]["probe"] == probe
    assert kept.stat().st_mode & 0o777 == 0o600
    for file in state.iterdir():
        assert b"hunter2-of-the-wallet" not in file.read_bytes()


async def heard_so_many(heard: Receiver, count: int) -> list[dict[str, str]]:
    async with asyncio.timeout(DEADLINE_S):
        while len(heard.got) < count:
            heard.arrived.clear()
            await heard.arrived.wait()
    return [json.loads(request.body) for request in heard.got]


async def test_people_hear_of_a_faulty_file_and_of_its_end(house: House) -> None:
    async with receiver() as heard:
        channels = {"ops": {"url": f"json://127.0.0.1:{heard.port}/"}}
        good = {**GOOD, "notify": {"channels": channels}}
        process = await asyncio.to_thread(begin, house, **good)
        await asyncio.to_thread(house.ready)
        assert await asyncio.to_thread(stopped, process) == 0
        typo = {**good, "mode": "obsrve"}
        process = await asyncio.to_thread(begin, house, **typo)
        (first,) = await heard_so_many(heard, 1)
        assert await asyncio.to_thread(stopped, process) == 0
        await asyncio.to_thread(begin, house, **typo)
        house.config(**good)
        taken = await asyncio.to_thread(house.post, "/api/v1/reload", **WITH_TOKEN)
        assert taken.status == 200
        second = (await heard_so_many(heard, 2))[1]
    assert first["title"].startswith("[P1] Sidecar (shop): its configuration file has")
    assert "obsrve" in first["message"]
    assert second["title"].startswith(
        "[P3] Sidecar (shop): its configuration file is in"
    )


async def test_a_channel_of_the_new_file_is_written_to(house: House) -> None:
    await asyncio.to_thread(begin, house, **GOOD)
    async with receiver() as heard:
        channels = {"ops": {"url": f"json://127.0.0.1:{heard.port}/"}}
        house.config(**GOOD, notify={"channels": channels})
        taken = await asyncio.to_thread(house.post, "/api/v1/reload", **WITH_TOKEN)
        assert taken.status == 200
        path = "/api/v1/notify/ops/test"
        # A busy host may take longer to send it than this client waits.
        await asyncio.to_thread(
            house.until,
            "a test message arrives",
            lambda: house.post(path, **WITH_TOKEN).status == 200,
        )
        await heard_so_many(heard, 1)


async def test_a_channel_of_the_new_file_hears_of_the_incident_that_is_open(
    house: House,
) -> None:
    closed = {"web": {"probe": {"type": "tcp", "host": own_host(), "port": 1}}}
    broken = {"mode": "observe", "defaults": QUICK, "targets": closed}
    await asyncio.to_thread(begin, house, **broken)
    await asyncio.to_thread(
        house.until,
        "an incident is open",
        lambda: bool(house.get("/api/v1/incidents").told["incidents"]),
    )
    async with receiver() as heard:
        channels = {"ops": {"url": f"json://127.0.0.1:{heard.port}/"}}
        house.config(**broken, notify={"channels": channels})
        taken = await asyncio.to_thread(house.post, "/api/v1/reload", **WITH_TOKEN)
        assert taken.status == 200
        (opened,) = await heard_so_many(heard, 1)
    (known,) = house.get("/api/v1/incidents").told["incidents"]
    assert opened["title"].startswith("[P1] web")
    assert f"[{known['id']}-" in opened["message"]


async def test_the_heartbeat_of_the_new_file_beats_and_the_old_one_ends(
    house: House,
) -> None:
    async with receiver() as old, receiver() as new:
        beats = [
            {"heartbeat": {"url": f"http://127.0.0.1:{port}/", "interval": "1s"}}
            for port in (old.port, new.port)
        ]
        await asyncio.to_thread(begin, house, **GOOD, notify=beats[0])
        await heard_from(old)
        house.config(**GOOD, notify=beats[1])
        taken = await asyncio.to_thread(house.post, "/api/v1/reload", **WITH_TOKEN)
        assert taken.status == 200
        await heard_from(new)
        count = len(old.got)
        new.got.clear()
        for _ in range(3):
            new.arrived.clear()
            await asyncio.wait_for(new.arrived.wait(), DEADLINE_S)
        assert len(old.got) == count


async def heard_from(heard: Receiver) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not heard.got:
            heard.arrived.clear()
            await heard.arrived.wait()


def test_the_state_directory_is_the_environments(
    tmp_path: Path,
) -> None:
    assert state_dir({"SIDECAR_STATE_DIR": ""}) == Path("/var/lib/sidecar")
    assert state_dir({"SIDECAR_STATE_DIR": str(tmp_path)}) == tmp_path
