"""The process as a whole, beside an engine of our own making."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.engine_server import EngineServer, framed, raw_container
from tests.support.notify_receivers import Receiver, receiver
from tests.support.stored_world import StoredWorld, keep, opened

OWN_ID = "0123456789ab"
WALLET_ID = "aaaaaaaaaaaa"
TOKEN = "open-sesame-api"
DEADLINE_S = 20.0


class Answer(NamedTuple):
    status: int
    text: str

    @property
    def told(self) -> Any:  # noqa: ANN401
        return json.loads(self.text)


class House:
    """An engine with the sidecar's own container in it, and sidecars beside it."""

    def __init__(self, folder: Path, processes: ExitStack) -> None:
        self.folder = folder
        self.engine = EngineServer(folder / "engine.sock")
        self.engine.add(raw_container(OWN_ID, stack="shop", service="sidecar"))
        self.url = f"http://{own_host()}:9787"
        self.environ = {
            "PATH": os.environ["PATH"],
            "DOCKER_HOST": f"unix://{folder}/engine.sock",
            "HOSTNAME": OWN_ID,
            "SIDECAR_LISTEN": self.url.removeprefix("http://"),
            "SIDECAR_STATE_DIR": str(folder / "state"),
        }
        self.said: list[str] = []
        self._processes = processes

    def config(self, **settings: object) -> str:
        file = self.folder / "sidecar.yaml"
        file.write_text(json.dumps(settings))
        return str(file)

    def start(self, **environ: str) -> subprocess.Popen[str]:
        process = self._processes.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "sidecar", "run"],
                env=self.environ | environ,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        self._processes.callback(process.kill)
        return process

    def serves(self, **environ: str) -> subprocess.Popen[str]:
        """One that answers; what it says is kept."""
        process = self.start(**environ)
        listener = threading.Thread(target=self._listen, args=(process,), daemon=True)
        listener.start()
        # In the end it is killed, then listened to, then closed.
        self._processes.callback(listener.join, DEADLINE_S)
        self._processes.callback(process.kill)
        self.until("it answers", lambda: self.get("/livez").status == 200)
        return process

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        self.said.extend(process.stderr)

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask(urllib.request.Request(self.url + path, headers=headers))

    def post(self, path: str, **headers: str) -> Answer:
        return self._ask(
            urllib.request.Request(self.url + path, b"{}", headers, method="POST")
        )

    def _ask(self, request: urllib.request.Request) -> Answer:
        try:
            with urllib.request.urlopen(request, timeout=5.0) as answer:
                return Answer(answer.status, answer.read().decode())
        except urllib.error.HTTPError as refused:
            with refused:
                return Answer(refused.code, refused.read().decode())
        except OSError:
            return Answer(0, "")

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + DEADLINE_S
        while not holds():
            assert time.monotonic() < end, f"not within {DEADLINE_S} s: {what}"
            time.sleep(0.05)

    def ready(self) -> None:
        self.until("it is ready", lambda: self.get("/readyz").status == 200)

    def target(self, name: str) -> dict[str, Any]:
        told = self.get("/api/v1/status").told["targets"]
        return next((one for one in told if one["name"] == name), {})


def own_host() -> str:
    """An address of this machine that nobody else has: each port of it is free."""
    return ".".join(["127", *(str(1 + secrets.randbelow(254)) for _ in range(3))])


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with ExitStack() as processes:
        made = House(tmp_path, processes)
        made.engine.start()
        processes.callback(made.engine.stop)
        yield made


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate(timeout=DEADLINE_S)
    return process.returncode, said


def stopped(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(DEADLINE_S)


# --- how it ends


def test_a_second_sidecar_on_the_same_state_ends_with_status_3(house: House) -> None:
    first = house.serves()
    second = house.start(SIDECAR_LISTEN="127.0.0.1:0")
    status, said = ended(second)
    assert status == 3
    assert str(house.folder / "state") in said
    assert house.get("/livez").status == 200
    assert stopped(first) == 0


def test_with_a_state_directory_that_cannot_be_used_it_watches_and_says_so(
    house: House,
) -> None:
    (house.folder / "file").write_text("in the way")
    process = house.serves(SIDECAR_STATE_DIR=str(house.folder / "file"))
    house.until("it watches", lambda: bool(house.target("electron-cash")))
    ready = house.get("/readyz")
    assert ready.status == 503
    (store,) = [c for c in ready.told["components"] if c["name"] == "store"]
    assert not store["ok"]
    assert str(house.folder / "file") in store["reason"]
    assert house.target("electron-cash")["restarts"]["in_window"] == 2
    assert house.get("/livez").status == 200
    assert stopped(process) == 0
    said = "".join(house.said)
    assert "the store cannot be written, watching goes on from memory" in said
    assert "the key of the links in messages cannot be kept" in said


def test_no_stack_to_act_in_ends_with_status_2_and_says_what_to_do(
    house: House,
) -> None:
    house.engine.containers.clear()
    status, said = ended(house.start())
    assert status == 2
    assert "SIDECAR_STACK" in said
    assert house.engine.acts() == []


def test_an_engine_address_that_is_none_ends_with_status_2(house: House) -> None:
    status, said = ended(house.start(DOCKER_HOST="ftp://engine"))
    assert status == 2
    assert "DOCKER_HOST" in said


# --- one look, without a sidecar that runs


def checked(house: House, *arguments: str, **environ: str) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, "-m", "sidecar", "check", "--json", *arguments],
        env=house.environ | environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    return ran.returncode, ran.stdout or ran.stderr


def test_check_tells_of_each_target_once_and_acts_on_none(house: House) -> None:
    for number, name in (("a" * 12, "good"), ("b" * 12, "gone"), ("c" * 12, "talker")):
        house.engine.add(old_container(number, name))
    house.engine.containers["b" * 12]["State"]["Status"] = "exited"
    house.engine.containers["a" * 12]["State"]["Health"] = {
        "Status": "healthy",
        "Log": [],
        "FailingStreak": 0,
    }
    house.engine.exec_code = 1
    house.engine.exec_output = framed(b"password=hush sesame")
    password = house.folder / "password"
    password.write_text("sesame")
    locked = {
        "type": "jsonrpc",
        "url": f"http://{own_host()}:1/",
        "method": "ping",
        "username": "u",
        "password_file": str(password),
    }
    house.engine.add(old_container("d" * 12, "locked"))
    said_by_label = {"enable": "true", "probe.type": "exec", "probe.command": "look"}
    house.engine.add(old_container("e" * 12, "labelled", **said_by_label))
    docker = {"probe": {"type": "docker"}}
    talker = {"probe": {"type": "exec", "command": ["look"]}}
    targets = {"good": docker, "gone": docker, "absent": docker, "talker": talker}
    targets["locked"] = {"probe": locked}
    file = house.config(targets=targets)
    status, told = checked(house, SIDECAR_CONFIG=file)
    assert status == 1
    said = {one["target"]: (one["outcome"], one["cause"]) for one in json.loads(told)}
    assert said == {
        "good": ("success", None),
        "gone": ("failure", "not_running"),
        "absent": ("failure", "missing"),
        "talker": ("failure", "command_failed"),
        "locked": ("failure", "refused"),
        "labelled": ("failure", "command_failed"),
    }
    assert "password=*** ***" in told
    assert checked(house, "good", SIDECAR_CONFIG=file)[0] == 0
    assert checked(house, "nobody", SIDECAR_CONFIG=file)[0] == 2
    assert not [act for act in house.engine.acts() if "exec" not in act]
    house.engine.stop()
    assert checked(house, SIDECAR_CONFIG=file)[0] == 2


# --- what it says of itself


def test_every_part_has_a_state_of_its_own(house: House) -> None:
    url = f"json://{own_host()}:1/"
    file = house.config(
        notify={"channels": {"ops": {"url": url}}},
        hooks=[{"on": "opened", "post": "http://127.0.0.1:1/"}],
    )
    house.serves(SIDECAR_CONFIG=file)
    house.ready()
    told = house.get("/readyz").told
    assert [one["name"] for one in told["components"]] == [
        "engine",
        "event_stream",
        "listing",
        "loop",
        "scheduler",
        "store",
        "notify ops",
        "notify hook:0",
        "probes",
        "labels",
        "settings",
        "acting",
    ]
    assert all(one["ok"] and not one["reason"] for one in told["components"])
    assert [one["name"] for one in house.get("/livez").told["components"]] == ["loop"]
    house.engine.stop()
    house.until("the engine is missed", lambda: house.get("/readyz").status == 503)
    told = house.get("/readyz").told
    sick = {one["name"] for one in told["components"] if not one["ok"]}
    assert sick <= {"engine", "event_stream"}
    assert house.get("/livez").status == 200


def test_a_strangers_bad_labels_are_shown_and_do_not_make_us_unready(
    house: House,
) -> None:
    for n in range(20):
        bad = {"enable": "true", "probe.password_file": "/run/secrets/api_token"}
        house.engine.add(old_container(f"{n:012d}", f"s{n}", **bad))
    house.serves(SIDECAR_CONFIG=house.config(targets={"web": DOCKER}))
    house.ready()
    components = house.get("/readyz").told["components"]
    (labels,) = (one for one in components if one["name"] == "labels")
    assert labels["ok"]
    assert "sidecar.probe.password_file" in labels["reason"]
    assert labels["reason"].endswith("and 10 more")


def test_its_own_metrics(house: House) -> None:
    url = f"json://{own_host()}:1/"
    began = time.time()
    house.serves(
        SIDECAR_CONFIG=house.config(notify={"channels": {"ops": {"url": url}}})
    )
    house.ready()
    text = house.get("/metrics").text
    told = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    assert (
        told['sidecar_notifications_total{channel="ops",outcome="delivered"}'] == "0.0"
    )
    assert told['sidecar_notifications_total{channel="ops",outcome="failed"}'] == "0.0"
    assert told['sidecar_outbox_pending{channel="ops"}'] == "0.0"
    assert told["sidecar_engine_up"] == "1.0"
    assert told["sidecar_event_stream_connected"] == "1.0"
    loaded = told["sidecar_config_last_load_success_timestamp_seconds"]
    assert began - 1.0 < float(loaded) < time.time() + 1.0
    listed = 'sidecar_engine_requests_total{operation="list",outcome="ok"}'
    assert float(told[listed]) >= 1.0
    restarts = 'sidecar_engine_requests_total{operation="restart",outcome="timeout"}'
    assert told[restarts] == "0.0"
    took = 'sidecar_engine_request_duration_seconds_count{operation="restart"}'
    assert told[took] == "0.0"


# --- what it remembers


async def test_it_notes_that_it_watches_and_forgets_what_is_old(house: House) -> None:
    state_dir = house.folder / "state"
    world = StoredWorld()
    world.outage()
    async with opened(state_dir) as store:
        await keep(store, *world.take())
        assert len(await store.journal.incidents()) == 1
    began = time.time()
    file = house.config(maintenance={"retention": "30d"})
    process = await asyncio.to_thread(house.serves, SIDECAR_CONFIG=file)
    await asyncio.to_thread(
        house.until,
        "the old incident is forgotten",
        lambda: house.get("/api/v1/incidents").told == {"incidents": []},
    )
    assert await asyncio.to_thread(stopped, process) == 0
    async with opened(state_dir) as store:
        (watched,) = await store.journal.watched(began - 1.0, time.time())
    assert began - 1.0 < watched.from_wall <= watched.until_wall < time.time()


# --- what the environment says


def test_the_log_is_json_in_a_pipe_and_text_where_asked_for(house: House) -> None:
    said = {}
    for form in ("", "text"):
        house.said.clear()
        stopped(house.serves(SIDECAR_LOG_FORMAT=form))
        said[form] = list(house.said)
    assert all(json.loads(line)["level"] for line in said[""])
    assert any("watches the stack shop" in line for line in said["text"])
    assert not any(line.startswith("{") for line in said["text"])


def test_a_level_leaves_out_what_is_below(house: House) -> None:
    stopped(house.serves(SIDECAR_LOG_LEVEL="error"))
    assert house.said == []


def test_pages_speak_the_language_that_was_chosen(house: House) -> None:
    house.serves(SIDECAR_LANGUAGE="ko")
    page = house.get("/ack/01JARZ3NDEKTSV4RRFFQ69G5FA?t=forged")
    assert page.status == 404
    assert '<html lang="ko">' in page.text
    assert any("가" <= letter <= "힣" for letter in page.text)


def test_orders_need_the_token_of_the_file(house: House) -> None:
    secret = house.folder / "token"
    secret.write_text(f"{TOKEN}\n")
    house.serves(SIDECAR_API_TOKEN_FILE=str(secret))
    assert house.post("/api/v1/pause").status == 401
    assert house.post("/api/v1/pause", Authorization="Bearer nonsense").status == 401
    assert house.post("/api/v1/pause", Authorization=f"Bearer {TOKEN}").status == 200


def test_without_a_token_orders_are_disabled(house: House) -> None:
    house.serves()
    assert house.post("/api/v1/pause", Authorization="Bearer x").status == 403


def unhealthy(**labels: str) -> dict[str, Any]:
    raw = raw_container(
        WALLET_ID,
        stack="shop",
        service="web",
        StartedAt="2020-01-01T00:00:00Z",
        Health={"Status": "unhealthy", "Log": [], "FailingStreak": 9},
    )
    raw["Config"]["Labels"] |= labels
    return raw


DOCKER = {"probe": {"type": "docker"}}
QUICK = {"interval": "1s", "fast_interval": "500ms", "start_period": "0s"}


def watched(house: House, mode: str) -> subprocess.Popen[str]:
    """It watches a container that says of itself that it is not well."""
    house.engine.add(unhealthy(autoheal="true"))
    return house.serves(
        SIDECAR_CONFIG=house.config(defaults=QUICK),
        SIDECAR_WATCH_LABEL="autoheal",
        SIDECAR_MODE=mode,
    )


def test_the_watch_label_is_acted_on(house: House) -> None:
    watched(house, "act")
    restart = f"POST /containers/{WALLET_ID}/restart"
    house.until(
        "it is restarted",
        lambda: any(act.startswith(restart) for act in house.engine.acts()),
    )


def test_observing_tells_what_it_would_do_and_does_nothing(house: House) -> None:
    watched(house, "observe")
    house.until("it is down", lambda: house.target("web").get("state") == "down")
    house.until("it decided", lambda: bool(house.target("web")["last_decision"]))
    assert house.target("web")["last_decision"]["guard"] == "observe"
    assert house.engine.acts() == []


def test_what_was_done_is_remembered_the_mode_is_todays(house: House) -> None:
    process = watched(house, "act")
    house.until("it is counted", lambda: restarts_of(house) == 1)
    assert stopped(process) == 0
    watched(house, "observe")
    assert house.get("/api/v1/status").told["mode"] == "observe"
    house.until("it is seen again", lambda: restarts_of(house) == 1)


def restarts_of(house: House) -> int:
    return int(house.target("web").get("restarts", {"total": 0})["total"])


# --- secrets


def old_container(number: str, service: str, **labels: str) -> dict[str, Any]:
    raw = raw_container(
        number, stack="shop", service=service, StartedAt="2020-01-01T00:00:00Z"
    )
    raw["Config"]["Labels"] |= {f"sidecar.{k}": v for k, v in labels.items()}
    return raw


class Hushed:
    """Eight secrets, each given in another way to a stack that says what it knows."""

    def __init__(self, house: House) -> None:
        self.all = [f"hush-{n}-{'x' * 8}" for n in range(8)]
        self._house = house
        self._closed = f"{own_host()}:1"
        engine = house.engine
        engine.log = self._said()
        engine.exec_code = 1
        engine.exec_output = framed(self._said())
        engine.add(old_container(WALLET_ID, "web", depends_on="talker"))
        engine.add(
            old_container(
                "bbbbbbbbbbbb",
                "talker",
                **{"enable": "true", "probe.type": "exec", "probe.command": "look"},
            )
        )
        engine.add(
            old_container(
                "cccccccccccc",
                "labelled",
                **{
                    "enable": "true",
                    "depends_on": "talker",
                    "probe.type": "http",
                    "probe.url": f"http://labelled:1/?key={self.all[7]}",
                },
            )
        )

    def _file(self, number: int) -> str:
        file = self._house.folder / f"secret-{number}"
        file.write_text(self.all[number])
        return str(file)

    def _said(self) -> bytes:
        known = " ".join(self.all[n] for n in (0, 1, 2, 6, 7))
        return f"no: postgres://u:hush-url@db/ password=hush-word {known}\n".encode()

    def config(self) -> str:
        of_web = [
            {
                "type": "http",
                "url": f"http://{self._closed}/?token={self.all[1]}",
                "headers": {"X-Api-Key": self.all[2]},
            },
            {
                "type": "jsonrpc",
                "url": f"http://{self._closed}/",
                "method": "ping",
                "username": "u",
                "password_file": self._file(0),
            },
        ]
        ops = f"json://u:{self.all[3]}@{self._closed}/"
        return self._house.config(
            defaults=QUICK,
            targets={"web": {"probe": of_web}},
            notify={
                "channels": {"ops": {"url": ops}},
                "heartbeat": {"url": f"http://{self._closed}/{self.all[4]}"},
            },
            hooks=[
                {"on": "opened", "post": f"http://{self._closed}/?key={self.all[5]}"}
            ],
        )


EVIDENCE = "/api/v1/targets/talker/evidence"
PAGES = (
    "/readyz",
    "/metrics",
    "/healthz/talker",
    "/api/v1/status",
    "/api/v1/history",
    EVIDENCE,
)


def test_no_secret_gets_out_by_any_way(house: House) -> None:
    hushed = Hushed(house)
    right = {"Authorization": f"Bearer {hushed.all[6]}"}
    process = house.serves(
        SIDECAR_CONFIG=hushed.config(),
        SIDECAR_API_TOKEN=hushed.all[6],
        SIDECAR_LOG_LEVEL="debug",
    )
    house.until("evidence", lambda: house.get(EVIDENCE, **right).status == 200)
    house.until("the hook failed", lambda: "hook:0" in "".join(house.said))
    incident = house.target("talker")["incident"]
    of_incident = f"/api/v1/incidents/{incident}"
    paths = (*PAGES, of_incident, f"{of_incident}/postmortem")
    told = {path: house.get(path, **right).text for path in paths}
    assert stopped(process) == 0
    told["the log"] = "".join(house.said)
    for file in (house.folder / "state").glob("sidecar.db*"):
        told[file.name] = file.read_bytes().decode("utf-8", "replace")
    masked = "postgres://u:***@db/ password=*** *** *** *** *** ***"
    assert masked in told[EVIDENCE]
    assert masked in told["/api/v1/status"]
    assert masked in told["the log"]
    for where, text in told.items():
        assert "hush-" not in text, where


# --- those outside


async def test_the_heartbeat_goes_outside_and_fails_with_the_engine(
    house: House,
) -> None:
    async with receiver() as heard:
        url = "http://dead-man.invalid/ping"
        file = house.config(notify={"heartbeat": {"url": url, "interval": "1s"}})
        process = await asyncio.to_thread(
            house.serves,
            SIDECAR_CONFIG=file,
            http_proxy=f"http://127.0.0.1:{heard.port}",
        )
        await heard_of(heard, "/ping/start")
        await heard_of(heard, "/ping")
        house.engine.stop()
        await heard_of(heard, "/ping/fail")
        assert await asyncio.to_thread(stopped, process) == 0
    assert {request.host for request in heard.got} == {"dead-man.invalid"}


async def heard_of(heard: Receiver, path: str) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while path not in [request.path for request in heard.got]:
            heard.arrived.clear()
            await heard.arrived.wait()


async def test_a_hooks_command_runs_in_the_container_of_that_name(house: House) -> None:
    house.engine.add(old_container(WALLET_ID, "web"))
    file = house.config(
        defaults=QUICK,
        targets={"web": {"probe": {"type": "tcp", "host": own_host(), "port": 1}}},
        hooks=[{"on": "opened", "exec": {"container": "web", "command": ["stop-it"]}}],
    )
    await asyncio.to_thread(house.serves, SIDECAR_CONFIG=file)
    run = f"POST /containers/{WALLET_ID}/exec"
    await asyncio.to_thread(
        house.until, "the command is run", lambda: run in house.engine.acts()
    )
