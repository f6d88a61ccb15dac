"""The process as a whole, beside a fake engine."""

import asyncio
import json
import subprocess
import sys
import time
from typing import Any

from tests.support.engine_server import frame_output, raw_container
from tests.support.notify_receivers import Receiver, receiver
from tests.support.sidecar_host import (
    DEADLINE_S,
    QUICK,
    TOKEN,
    WALLET_ID,
    SidecarHost,
    own_host,
    wait_for_exit,
)
from tests.support.stored_world import StoredWorld, append_all, open_test_store

# --- exit status


def test_a_second_sidecar_on_the_same_state_ends_with_status_3(
    sidecar_host: SidecarHost,
) -> None:
    first = sidecar_host.start_serving()
    second = sidecar_host.start(SIDECAR_LISTEN="127.0.0.1:0")
    status, output = wait_for_exit(second)
    assert status == 3
    assert str(sidecar_host.folder / "state") in output
    assert sidecar_host.get("/livez").status == 200
    assert sidecar_host.stop(first) == 0


def test_sidecar_watches_and_reports_an_unusable_state_directory(
    sidecar_host: SidecarHost,
) -> None:
    (sidecar_host.folder / "file").write_text("in the way")
    process = sidecar_host.start_serving(
        SIDECAR_STATE_DIR=str(sidecar_host.folder / "file")
    )
    sidecar_host.until("it watches", lambda: bool(sidecar_host.target("electron-cash")))
    ready = sidecar_host.get("/readyz")
    assert ready.status == 503
    (store,) = [c for c in ready.json["components"] if c["name"] == "store"]
    assert not store["ok"]
    assert str(sidecar_host.folder / "file") in store["reason"]
    assert sidecar_host.target("electron-cash")["restarts"]["in_window"] == 2
    assert sidecar_host.get("/livez").status == 200
    assert sidecar_host.stop(process) == 0
    log = "".join(sidecar_host.log_lines)
    assert "the store cannot be written, watching goes on from memory" in log
    assert "the key of the links in messages cannot be kept" in log


def test_start_without_a_stack_exits_2_and_names_the_setting(
    sidecar_host: SidecarHost,
) -> None:
    sidecar_host.engine.containers.clear()
    status, output = wait_for_exit(sidecar_host.start())
    assert status == 2
    assert "SIDECAR_STACK" in output
    assert sidecar_host.engine.acts() == []


def test_malformed_engine_address_exits_2(sidecar_host: SidecarHost) -> None:
    status, output = wait_for_exit(sidecar_host.start(DOCKER_HOST="ftp://engine"))
    assert status == 2
    assert "DOCKER_HOST" in output


# --- the command check, without a running sidecar


def run_check_command(
    sidecar_host: SidecarHost, *arguments: str, **environ: str
) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, "-m", "sidecar", "check", "--json", *arguments],
        env=sidecar_host.environ | environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    return ran.returncode, ran.stdout or ran.stderr


def test_check_reports_each_target_once_and_acts_on_none(
    sidecar_host: SidecarHost,
) -> None:
    for number, name in (("a" * 64, "good"), ("b" * 64, "gone"), ("c" * 64, "talker")):
        sidecar_host.engine.add(old_container(number, name))
    sidecar_host.engine.containers["b" * 64]["State"]["Status"] = "exited"
    sidecar_host.engine.containers["a" * 64]["State"]["Health"] = {
        "Status": "healthy",
        "Log": [],
        "FailingStreak": 0,
    }
    sidecar_host.engine.exec_code = 1
    sidecar_host.engine.exec_output = frame_output(b"password=hush sesame")
    password = sidecar_host.folder / "password"
    password.write_text("sesame")
    locked = {
        "type": "jsonrpc",
        "url": f"http://{own_host()}:1/",
        "method": "ping",
        "username": "u",
        "password_file": str(password),
    }
    sidecar_host.engine.add(old_container("d" * 64, "locked"))
    labels = {"enable": "true", "probe.type": "exec", "probe.command": "look"}
    sidecar_host.engine.add(old_container("e" * 64, "labelled", **labels))
    docker = {"probe": {"type": "docker"}}
    talker = {"probe": {"type": "exec", "command": ["look"]}}
    targets = {"good": docker, "gone": docker, "absent": docker, "talker": talker}
    targets["locked"] = {"probe": locked}
    file = sidecar_host.config(targets=targets)
    status, output = run_check_command(sidecar_host, SIDECAR_CONFIG=file)
    assert status == 1
    outcomes = {
        one["target"]: (one["outcome"], one["cause"]) for one in json.loads(output)
    }
    assert outcomes == {
        "good": ("success", None),
        "gone": ("failure", "not_running"),
        "absent": ("failure", "missing"),
        "talker": ("failure", "command_failed"),
        "locked": ("failure", "refused"),
        "labelled": ("failure", "command_failed"),
    }
    assert "password=*** ***" in output
    assert run_check_command(sidecar_host, "good", SIDECAR_CONFIG=file)[0] == 0
    assert run_check_command(sidecar_host, "nobody", SIDECAR_CONFIG=file)[0] == 2
    assert not [act for act in sidecar_host.engine.acts() if "exec" not in act]
    sidecar_host.engine.stop()
    assert run_check_command(sidecar_host, SIDECAR_CONFIG=file)[0] == 2


# --- what it says of itself


def test_readyz_lists_each_component_with_its_own_state(
    sidecar_host: SidecarHost,
) -> None:
    url = f"json://{own_host()}:1/"
    file = sidecar_host.config(
        notify={"channels": {"ops": {"url": url}}},
        hooks=[{"on": "opened", "post": "http://127.0.0.1:1/"}],
    )
    sidecar_host.start_serving(SIDECAR_CONFIG=file)
    sidecar_host.wait_until_ready()
    readiness = sidecar_host.get("/readyz").json
    assert [component["name"] for component in readiness["components"]] == [
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
    assert all(
        component["ok"] and not component["reason"]
        for component in readiness["components"]
    )
    assert [
        component["name"] for component in sidecar_host.get("/livez").json["components"]
    ] == ["loop"]
    sidecar_host.engine.stop()
    sidecar_host.until(
        "the engine is missed", lambda: sidecar_host.get("/readyz").status == 503
    )
    readiness = sidecar_host.get("/readyz").json
    sick = {
        component["name"]
        for component in readiness["components"]
        if not component["ok"]
    }
    assert sick <= {"engine", "event_stream"}
    assert sidecar_host.get("/livez").status == 200


def test_bad_labels_of_other_containers_are_shown_and_sidecar_stays_ready(
    sidecar_host: SidecarHost,
) -> None:
    for n in range(20):
        bad = {"enable": "true", "probe.password_file": "/run/secrets/api_token"}
        sidecar_host.engine.add(old_container(f"{n:064d}", f"s{n}", **bad))
    sidecar_host.start_serving(
        SIDECAR_CONFIG=sidecar_host.config(targets={"web": DOCKER})
    )
    sidecar_host.wait_until_ready()
    components = sidecar_host.get("/readyz").json["components"]
    (labels,) = (component for component in components if component["name"] == "labels")
    assert labels["ok"]
    assert "sidecar.probe.password_file" in labels["reason"]
    assert labels["reason"].endswith("and 10 more")


def test_metrics_report_notifications_engine_and_configuration(
    sidecar_host: SidecarHost,
) -> None:
    url = f"json://{own_host()}:1/"
    began = time.time()
    sidecar_host.start_serving(
        SIDECAR_CONFIG=sidecar_host.config(notify={"channels": {"ops": {"url": url}}})
    )
    sidecar_host.wait_until_ready()
    sidecar_host.until(
        "the loop has heard that the engine answers",
        lambda: "\nsidecar_engine_up 1.0\n" in sidecar_host.get("/metrics").text,
    )
    text = sidecar_host.get("/metrics").text
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    assert (
        samples['sidecar_notifications_total{channel="ops",outcome="delivered"}']
        == "0.0"
    )
    assert (
        samples['sidecar_notifications_total{channel="ops",outcome="failed"}'] == "0.0"
    )
    assert samples['sidecar_outbox_pending{channel="ops"}'] == "0.0"
    assert samples["sidecar_engine_up"] == "1.0"
    assert samples["sidecar_event_stream_connected"] == "1.0"
    loaded_at = samples["sidecar_config_last_load_success_timestamp_seconds"]
    assert began - 1.0 < float(loaded_at) < time.time() + 1.0
    listings = 'sidecar_engine_requests_total{operation="list",outcome="ok"}'
    assert float(samples[listings]) >= 1.0
    restarts = 'sidecar_engine_requests_total{operation="restart",outcome="timeout"}'
    assert samples[restarts] == "0.0"
    durations = 'sidecar_engine_request_duration_seconds_count{operation="restart"}'
    assert samples[durations] == "0.0"


# --- what it remembers


async def test_sidecar_records_its_watch_periods_and_deletes_old_incidents(
    sidecar_host: SidecarHost,
) -> None:
    state_dir = sidecar_host.folder / "state"
    world = StoredWorld()
    world.outage()
    async with open_test_store(state_dir) as store:
        await append_all(store, *world.take())
        assert len(await store.journal.incidents()) == 1
    began = time.time()
    file = sidecar_host.config(maintenance={"retention": "30d"})
    process = await asyncio.to_thread(sidecar_host.start_serving, SIDECAR_CONFIG=file)
    await asyncio.to_thread(
        sidecar_host.until,
        "the old incident is forgotten",
        lambda: sidecar_host.get("/api/v1/incidents").json == {"incidents": []},
    )
    assert await asyncio.to_thread(sidecar_host.stop, process) == 0
    async with open_test_store(state_dir) as store:
        (period,) = await store.journal.monitored_intervals(began - 1.0, time.time())
    assert began - 1.0 < period.from_wall <= period.until_wall < time.time()


# --- what the environment says


def test_the_log_is_json_in_a_pipe_and_text_where_asked_for(
    sidecar_host: SidecarHost,
) -> None:
    lines_by_format = {}
    for form in ("", "text"):
        sidecar_host.log_lines.clear()
        sidecar_host.stop(sidecar_host.start_serving(SIDECAR_LOG_FORMAT=form))
        lines_by_format[form] = list(sidecar_host.log_lines)
    assert all(json.loads(line)["level"] for line in lines_by_format[""])
    assert any("watches the stack shop" in line for line in lines_by_format["text"])
    assert not any(line.startswith("{") for line in lines_by_format["text"])


def test_log_level_suppresses_lower_levels(sidecar_host: SidecarHost) -> None:
    sidecar_host.stop(sidecar_host.start_serving(SIDECAR_LOG_LEVEL="error"))
    assert sidecar_host.log_lines == []


def test_pages_speak_the_language_that_was_chosen(sidecar_host: SidecarHost) -> None:
    sidecar_host.start_serving(SIDECAR_LANGUAGE="ko")
    page = sidecar_host.get("/ack/01JARZ3NDEKTSV4RRFFQ69G5FA?t=forged")
    assert page.status == 404
    assert '<html lang="ko">' in page.text
    assert any("가" <= letter <= "힣" for letter in page.text)


def test_orders_need_the_token_of_the_file(sidecar_host: SidecarHost) -> None:
    secret = sidecar_host.folder / "token"
    secret.write_text(f"{TOKEN}\n")
    sidecar_host.start_serving(SIDECAR_API_TOKEN_FILE=str(secret))
    assert sidecar_host.post("/api/v1/pause").status == 401
    assert (
        sidecar_host.post("/api/v1/pause", Authorization="Bearer nonsense").status
        == 401
    )
    assert (
        sidecar_host.post("/api/v1/pause", Authorization=f"Bearer {TOKEN}").status
        == 200
    )


def test_without_a_token_orders_are_disabled(sidecar_host: SidecarHost) -> None:
    sidecar_host.start_serving()
    assert sidecar_host.post("/api/v1/pause", Authorization="Bearer x").status == 403


def unhealthy_container(**labels: str) -> dict[str, Any]:
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


def watch_unhealthy_container(
    sidecar_host: SidecarHost, mode: str
) -> subprocess.Popen[str]:
    """Start a sidecar that watches an unhealthy container."""
    sidecar_host.engine.add(unhealthy_container(autoheal="true"))
    return sidecar_host.start_serving(
        SIDECAR_CONFIG=sidecar_host.config(defaults=QUICK),
        SIDECAR_WATCH_LABEL="autoheal",
        SIDECAR_MODE=mode,
    )


def test_unhealthy_container_with_the_watch_label_is_restarted(
    sidecar_host: SidecarHost,
) -> None:
    watch_unhealthy_container(sidecar_host, "act")
    restart = f"POST /containers/{WALLET_ID}/restart"
    sidecar_host.until(
        "it is restarted",
        lambda: any(act.startswith(restart) for act in sidecar_host.engine.acts()),
    )


def test_observe_mode_reports_the_decision_and_sends_nothing(
    sidecar_host: SidecarHost,
) -> None:
    watch_unhealthy_container(sidecar_host, "observe")
    sidecar_host.until(
        "it is down", lambda: sidecar_host.target("web").get("state") == "down"
    )
    sidecar_host.until(
        "it decided", lambda: bool(sidecar_host.target("web")["last_decision"])
    )
    assert sidecar_host.target("web")["last_decision"]["guard"] == "observe"
    assert sidecar_host.engine.acts() == []


def test_restart_count_survives_a_new_process_in_another_mode(
    sidecar_host: SidecarHost,
) -> None:
    process = watch_unhealthy_container(sidecar_host, "act")
    sidecar_host.until("it is counted", lambda: count_restarts(sidecar_host) == 1)
    assert sidecar_host.stop(process) == 0
    watch_unhealthy_container(sidecar_host, "observe")
    assert sidecar_host.get("/api/v1/status").json["mode"] == "observe"
    sidecar_host.until("it is seen again", lambda: count_restarts(sidecar_host) == 1)


def test_feed_and_badges_of_a_running_sidecar_show_its_incident(
    sidecar_host: SidecarHost,
) -> None:
    watch_unhealthy_container(sidecar_host, "observe")
    sidecar_host.until(
        "an incident is on record",
        lambda: bool(sidecar_host.get("/api/v1/incidents").json["incidents"]),
    )
    target = sidecar_host.target("web")
    feed = sidecar_host.get("/feed.atom")
    assert feed.status == 200
    assert f"<id>urn:sidecar:incident:{target['incident']}</id>" in feed.text
    assert "web: its own health check says unhealthy" in feed.text
    assert target["container"]["name"] not in feed.text
    state = sidecar_host.get("/badge/web/state.svg").text
    assert f"<title>web: {target['state']}</title>" in state
    share = sidecar_host.get("/badge/web/availability/24h.svg").text
    assert "<title>web, 24 hours: " in share
    summary = sidecar_host.get("/api/v2/summary.json").json
    assert [incident["id"] for incident in summary["incidents"]] == [target["incident"]]


def count_restarts(sidecar_host: SidecarHost) -> int:
    return int(sidecar_host.target("web").get("restarts", {"total": 0})["total"])


# --- secrets


def old_container(number: str, service: str, **labels: str) -> dict[str, Any]:
    raw = raw_container(
        number, stack="shop", service=service, StartedAt="2020-01-01T00:00:00Z"
    )
    raw["Config"]["Labels"] |= {f"sidecar.{k}": v for k, v in labels.items()}
    return raw


class StackWithSecrets:
    """Eight secrets, each given in another way to a stack whose output has them."""

    def __init__(self, sidecar_host: SidecarHost) -> None:
        self.all = [f"hush-{n}-{'x' * 8}" for n in range(8)]
        self._sidecar_host = sidecar_host
        self._closed = f"{own_host()}:1"
        engine = sidecar_host.engine
        engine.log = self._secret_output()
        engine.exec_code = 1
        engine.exec_output = frame_output(self._secret_output())
        engine.add(old_container(WALLET_ID, "web", depends_on="talker"))
        engine.add(
            old_container(
                "b" * 64,
                "talker",
                **{"enable": "true", "probe.type": "exec", "probe.command": "look"},
            )
        )
        engine.add(
            old_container(
                "c" * 64,
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
        file = self._sidecar_host.folder / f"secret-{number}"
        file.write_text(self.all[number])
        return str(file)

    def _secret_output(self) -> bytes:
        secrets = " ".join(self.all[n] for n in (0, 1, 2, 6, 7))
        return f"no: postgres://u:hush-url@db/ password=hush-word {secrets}\n".encode()

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
        return self._sidecar_host.config(
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
    "/feed.atom",
    "/badge/talker/state.svg",
    "/badge/talker/availability/24h.svg",
    "/api/v2/summary.json",
    EVIDENCE,
)


def test_no_secret_is_in_any_page_log_or_stored_file(sidecar_host: SidecarHost) -> None:
    secret_stack = StackWithSecrets(sidecar_host)
    right = {"Authorization": f"Bearer {secret_stack.all[6]}"}
    process = sidecar_host.start_serving(
        SIDECAR_CONFIG=secret_stack.config(),
        SIDECAR_API_TOKEN=secret_stack.all[6],
        SIDECAR_LOG_LEVEL="debug",
    )
    sidecar_host.until(
        "evidence", lambda: sidecar_host.get(EVIDENCE, **right).status == 200
    )
    sidecar_host.until(
        "the hook failed", lambda: "hook:0" in "".join(sidecar_host.log_lines)
    )
    incident = sidecar_host.target("talker")["incident"]
    of_incident = f"/api/v1/incidents/{incident}"
    paths = (*PAGES, of_incident, f"{of_incident}/postmortem")
    texts = {path: sidecar_host.get(path, **right).text for path in paths}
    assert sidecar_host.stop(process) == 0
    texts["the log"] = "".join(sidecar_host.log_lines)
    for file in (sidecar_host.folder / "state").glob("sidecar.db*"):
        texts[file.name] = file.read_bytes().decode("utf-8", "replace")
    masked = "postgres://u:***@db/ password=*** *** *** *** *** ***"
    assert masked in texts[EVIDENCE]
    assert masked in texts["/api/v1/status"]
    assert masked in texts["the log"]
    for where, text in texts.items():
        assert "hush-" not in text, where


# --- receivers outside


async def test_the_heartbeat_goes_outside_and_fails_with_the_engine(
    sidecar_host: SidecarHost,
) -> None:
    async with receiver() as http_receiver:
        url = "http://dead-man.invalid/ping"
        file = sidecar_host.config(notify={"heartbeat": {"url": url, "interval": "1s"}})
        process = await asyncio.to_thread(
            sidecar_host.start_serving,
            SIDECAR_CONFIG=file,
            http_proxy=f"http://127.0.0.1:{http_receiver.port}",
        )
        await wait_for_request(http_receiver, "/ping/start")
        await wait_for_request(http_receiver, "/ping")
        sidecar_host.engine.stop()
        await wait_for_request(http_receiver, "/ping/fail")
        assert await asyncio.to_thread(sidecar_host.stop, process) == 0
    assert {request.host for request in http_receiver.requests} == {"dead-man.invalid"}


async def wait_for_request(http_receiver: Receiver, path: str) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while path not in [request.path for request in http_receiver.requests]:
            http_receiver.arrived.clear()
            await http_receiver.arrived.wait()


async def test_a_hooks_command_runs_in_the_container_of_that_name(
    sidecar_host: SidecarHost,
) -> None:
    sidecar_host.engine.add(old_container(WALLET_ID, "web"))
    file = sidecar_host.config(
        defaults=QUICK,
        targets={"web": {"probe": {"type": "tcp", "host": own_host(), "port": 1}}},
        hooks=[{"on": "opened", "exec": {"container": "web", "command": ["stop-it"]}}],
    )
    await asyncio.to_thread(sidecar_host.start_serving, SIDECAR_CONFIG=file)
    run = f"POST /containers/{WALLET_ID}/exec"
    await asyncio.to_thread(
        sidecar_host.until,
        "the command is run",
        lambda: run in sidecar_host.engine.acts(),
    )
