"""Translation of the engine's JSON to our own types, case by case."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from sidecar.core.model.container import (
    Container,
    Endpoint,
    NativeHealth,
    Process,
    Status,
)
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.ports.engine import EngineEvent
from sidecar.engine import answers, containers
from sidecar.engine.own_container import own_id_from
from sidecar.engine.stream import StreamPosition, backoff_s
from tests.support.engine_server import frame_output, raw_container, raw_event

ID = "c" * 64
STARTED = datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC).timestamp()


def make_container(**changes: Any) -> Container:  # noqa: ANN401 - any field
    labels = raw_container(ID)["Config"]["Labels"]
    fields: dict[str, Any] = {
        "id": ID,
        "name": "demo-wallet-1",
        "stack": "demo",
        "service": "wallet",
        "number": 1,
        "status": Status.RUNNING,
        "started_at": STARTED,
        "pid": 100,
        "networks": frozenset({"demo_default"}),
        "endpoints": (Endpoint("demo_default"),),
        "labels": labels,
    }
    return Container(**(fields | changes))


def with_labels(labels: dict[str, str] | None) -> dict[str, Any]:
    raw = raw_container(ID)
    raw["Config"]["Labels"] = labels
    return raw


def with_host_config(**changes: object) -> dict[str, Any]:
    raw = raw_container(ID)
    raw["HostConfig"] = changes
    return raw


def with_config(**changes: object) -> dict[str, Any]:
    raw = raw_container(ID)
    raw["Config"] = raw["Config"] | changes
    return raw


NUMBER = "com.docker.compose.container-number"


@pytest.mark.parametrize(
    ("raw", "container"),
    [
        pytest.param(raw_container(ID), make_container(), id="running"),
        pytest.param(
            raw_container(
                ID,
                Status="exited",
                Pid=0,
                ExitCode=137,
                OOMKilled=True,
                FinishedAt="2026-01-02T03:04:06Z",
            ),
            make_container(
                status=Status.EXITED,
                pid=0,
                exit_code=137,
                oom_killed=True,
                finished_at=datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC).timestamp(),
            ),
            id="exited",
        ),
        pytest.param(
            raw_container(ID, Status="created", StartedAt="0001-01-01T00:00:00Z"),
            make_container(status=Status.CREATED, started_at=0.0),
            id="never started",
        ),
        pytest.param(
            raw_container(
                ID,
                Health={
                    "Status": "unhealthy",
                    "Log": [{"Output": "old"}, {"Output": " refused\n"}],
                },
            ),
            make_container(health=NativeHealth.UNHEALTHY, health_log="refused"),
            id="unhealthy",
        ),
        pytest.param(
            raw_container(
                ID,
                StartedAt="2026-01-02T03:04:05.5Z",
                Health={
                    "Status": "starting",
                    "Log": [{"Start": "2026-01-02T04:04:05.4+01:00", "Output": "no"}],
                },
            ),
            make_container(health=NativeHealth.STARTING, started_at=1767323045.5),
            id="a health check of an earlier run",
        ),
        pytest.param(
            raw_container(
                ID,
                StartedAt="2026-01-02T03:04:05.5Z",
                Health={
                    "Status": "unhealthy",
                    "Log": [{"Start": "2026-01-02T04:04:05.6+01:00", "Output": "no"}],
                },
            ),
            make_container(
                health=NativeHealth.UNHEALTHY,
                started_at=1767323045.5,
                health_log="no",
            ),
            id="a health check of this run",
        ),
        pytest.param(
            raw_container(ID, Health={"Status": "starting", "Log": None}),
            make_container(health=NativeHealth.STARTING),
            id="no health result yet",
        ),
        *(
            pytest.param(
                with_config(Healthcheck=healthcheck),
                make_container(check_start_s=start_s),
                id=f"health check {healthcheck}",
            )
            for healthcheck, start_s in (
                (None, 0.0),
                ({"Test": ["NONE"]}, 0.0),
                ({"Test": ["CMD", "true"], "StartPeriod": 90_000_000_000}, 90.0),
                ({"StartPeriod": -1}, 0.0),
            )
        ),
        pytest.param(
            with_host_config(
                RestartPolicy={"Name": "on-failure", "MaximumRetryCount": 3}
            ),
            make_container(restart_policy="on-failure", restart_limit=3),
            id="restart policy",
        ),
        pytest.param(
            with_host_config(RestartPolicy={"Name": ""}),
            make_container(),
            id="no policy",
        ),
        pytest.param(
            with_labels(None),
            make_container(stack="", service="", labels={}),
            id="no labels at all",
        ),
        pytest.param(
            with_labels({NUMBER: "12"}),
            make_container(stack="", service="", number=12, labels={NUMBER: "12"}),
            id="replica",
        ),
        pytest.param(
            with_labels({NUMBER: "many"}),
            make_container(stack="", service="", labels={NUMBER: "many"}),
            id="odd number",
        ),
    ],
)
def test_an_inspect_becomes_a_container(
    raw: dict[str, Any], container: Container
) -> None:
    assert containers.read_container(raw) == container


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(None, id="null"),
        pytest.param([], id="list"),
        pytest.param({}, id="empty"),
        pytest.param({"Id": ID, "Name": "x", "State": {}, "Config": {}}, id="no state"),
        pytest.param(raw_container(""), id="no id"),
        pytest.param(raw_container(ID, Status="odd"), id="status"),
        pytest.param(raw_container(ID, StartedAt="yesterday"), id="time"),
        pytest.param(raw_container(ID, ExitCode="1"), id="exit code"),
        pytest.param(raw_container(ID, Health={"Status": "odd"}), id="health"),
    ],
)
def test_a_malformed_inspect_is_refused(raw: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        containers.read_container(raw)


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("1970-01-01T00:00:01Z", 1.0),
        ("1970-01-01T00:00:01.5Z", 1.5),
        ("1970-01-01T00:00:00.123456789Z", 0.123456),
        ("1970-01-01T01:00:01+01:00", 1.0),
        ("0001-01-01T00:00:00Z", 0.0),
    ],
)
def test_times_are_seconds_since_the_epoch(stamp: str, seconds: float) -> None:
    assert containers.epoch_seconds(stamp) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    ("raw", "processes"),
    [
        (
            {
                "Titles": ["PID", "PPID", "STAT", "COMMAND"],
                "Processes": [["7", "1", "Tsl", "python3 -m daemon"]],
            },
            (Process(7, 1, "Tsl", "python3 -m daemon"),),
        ),
        (
            {
                "Titles": ["STAT", "PPID", "PID", "CMD"],
                "Processes": [["S", "1", "7", "x"]],
            },
            (Process(7, 1, "S", "x"),),
        ),
        ({"Titles": ["PID", "PPID", "STAT", "ARGS"], "Processes": None}, ()),
    ],
)
def test_a_top_becomes_processes(raw: object, processes: tuple[Process, ...]) -> None:
    assert answers.read_processes(raw) == processes


@pytest.mark.parametrize(
    "raw",
    [
        {"Titles": ["UID", "CMD"], "Processes": []},
        {"Titles": ["PID", "PPID", "STAT", "COMMAND"], "Processes": [["7"]]},
        {
            "Titles": ["PID", "PPID", "STAT", "COMMAND"],
            "Processes": [["x", "1", "S", "sh"]],
        },
    ],
)
def test_a_malformed_top_is_refused(raw: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        answers.read_processes(raw)


@pytest.mark.parametrize(
    ("raw", "stats"),
    [
        pytest.param(
            {
                "memory_stats": {
                    "usage": 1000,
                    "limit": 4000,
                    "stats": {"inactive_file": 300},
                },
                "pids_stats": {"current": 3},
                "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}},
            },
            {
                "memory_bytes": 700.0,
                "memory_held_bytes": 700.0,
                "memory_limit_bytes": 4000.0,
                "pids": 3.0,
                "cpu_seconds": 2.5,
            },
            id="cgroup v2",
        ),
        pytest.param(
            {
                "memory_stats": {
                    "usage": 1000,
                    "limit": 4000,
                    "stats": {"inactive_file": 1, "total_inactive_file": 400},
                }
            },
            {
                "memory_bytes": 600.0,
                "memory_held_bytes": 999.0,
                "memory_limit_bytes": 4000.0,
                "cpu_seconds": 0.0,
            },
            id="cgroup v1",
        ),
        pytest.param(
            {
                "memory_stats": {
                    "usage": 46317568,
                    "max_usage": 46686208,
                    "limit": 201326592,
                    "stats": {
                        "active_file": 12288,
                        "cache": 180224,
                        "hierarchical_memory_limit": 201326592,
                        "inactive_anon": 43483136,
                        "inactive_file": 167936,
                        "rss": 43491328,
                        "total_active_file": 12288,
                        "total_inactive_file": 167936,
                        "total_rss": 43491328,
                    },
                }
            },
            {
                "memory_bytes": 46149632.0,
                "memory_held_bytes": 46137344.0,
                "memory_anon_bytes": 43491328.0,
                "memory_limit_bytes": 201326592.0,
                "cpu_seconds": 0.0,
            },
            id="a real answer, cgroup v1",
        ),
        pytest.param(
            {
                "memory_stats": {
                    "usage": 175489024,
                    "limit": 4113825792,
                    "stats": {
                        "active_anon": 47828992,
                        "active_file": 23195648,
                        "anon": 47476736,
                        "file": 98709504,
                        "inactive_anon": 0,
                        "inactive_file": 75161600,
                        "kernel_stack": 3866624,
                        "shmem": 352256,
                        "slab": 24164768,
                        "slab_reclaimable": 21701616,
                        "slab_unreclaimable": 2463152,
                    },
                }
            },
            {
                "memory_bytes": 100327424.0,
                "memory_held_bytes": 55430160.0,
                "memory_anon_bytes": 47476736.0,
                "memory_limit_bytes": 4113825792.0,
                "cpu_seconds": 0.0,
            },
            id="a real answer, cgroup v2",
        ),
        pytest.param(
            {
                "memory_stats": {
                    "usage": 500,
                    "limit": 2**64 - 1,
                    "stats": {"inactive_file": 500, "anon": 20},
                }
            },
            {
                "memory_bytes": 500.0,
                "memory_held_bytes": 0.0,
                "memory_anon_bytes": 20.0,
                "cpu_seconds": 0.0,
            },
            id="a cache as large as the usage, and no limit",
        ),
        pytest.param({}, {"cpu_seconds": 0.0}, id="nothing measured"),
        pytest.param(
            {"memory_stats": {}, "pids_stats": {}}, {"cpu_seconds": 0.0}, id="stopped"
        ),
    ],
)
def test_stats_have_the_known_values_only(raw: object, stats: dict[str, float]) -> None:
    assert answers.read_stats(raw) == stats


@pytest.mark.parametrize(
    ("action", "attributes", "kind"),
    [
        ("die", {"exitCode": "1"}, EngineEventKind.DIE),
        ("stop", {}, EngineEventKind.STOP),
        ("start", {}, EngineEventKind.START),
        ("pause", {}, EngineEventKind.PAUSE),
        ("unpause", {}, EngineEventKind.UNPAUSE),
        ("destroy", {}, EngineEventKind.DESTROY),
        ("oom", {}, EngineEventKind.OOM),
        ("health_status: unhealthy", {}, EngineEventKind.HEALTH),
        ("create", {}, EngineEventKind.OTHER),
        ("rename", {}, EngineEventKind.OTHER),
        ("update", {}, EngineEventKind.OTHER),
        ("kill", {"signal": "9"}, EngineEventKind.KILL),
        ("kill", {"signal": "15"}, EngineEventKind.KILL),
        ("kill", {}, EngineEventKind.KILL),
        ("kill", {"signal": "19"}, EngineEventKind.KILL),
        ("kill", {"signal": "18"}, EngineEventKind.KILL),
        ("kill", {"signal": "1"}, EngineEventKind.KILL),
        ("exec_create: sh", {}, None),
        ("exec_die", {}, None),
        ("top", {}, None),
        ("restart", {}, EngineEventKind.RESTART),
        ("other", {}, None),
    ],
)
def test_an_event_becomes_a_notice(
    action: str, attributes: dict[str, str], kind: EngineEventKind | None
) -> None:
    event = answers.read_event(
        json.dumps(raw_event(action, ID, 1_500_000_000, **attributes)).encode()
    )
    signal = int(attributes.get("signal", "0"))
    code = int(attributes["exitCode"]) if "exitCode" in attributes else None
    notice = None if kind is None else EngineEvent(kind, ID, 1.5, signal, code)
    assert answers.read_engine_event(event) == notice


def test_endpoints_have_the_addresses_and_names_on_each_network() -> None:
    raw = raw_container(ID)
    raw["HostConfig"]["NetworkMode"] = "demo_default"
    raw["NetworkSettings"]["Networks"] = {
        "demo_default": {
            "IPAddress": "172.20.0.3",
            "GlobalIPv6Address": "fd00::3",
            "Gateway": "172.20.0.1",
            "Aliases": ["Wallet", "c0ffee"],
            "DNSNames": None,
        },
        "old": {"IPAddress": "", "GlobalIPv6Address": "", "Aliases": None},
        "null": None,
    }
    container = containers.read_container(raw)
    assert container.endpoints == (
        Endpoint(
            "demo_default",
            ("172.20.0.3", "fd00::3"),
            frozenset({"wallet", "c0ffee"}),
            "172.20.0.1",
        ),
        Endpoint("old"),
        Endpoint("null"),
    )
    assert container.networks == {"demo_default", "old", "null"}
    assert container.network_mode == "demo_default"


@pytest.mark.parametrize(
    ("signal_name", "number"),
    [
        (None, 15),
        ("", 15),
        ("SIGQUIT", 3),
        ("winch", 28),
        ("2", 2),
        ("SIGRTMIN+3", 37),
        ("SIGRTMIN+99999999999", 34),
        ("SIGODD", 15),
        ("9" * 5000, 15),
    ],
)
def test_stop_signal_is_a_number(signal_name: str | None, number: int) -> None:
    raw = raw_container(ID)
    raw["Config"]["StopSignal"] = signal_name
    assert containers.read_container(raw).stop_signal == number


@pytest.mark.parametrize(
    ("setting", "seconds"), [(None, 10.0), (90, 90.0), (0, 0.0), (-1, float("inf"))]
)
def test_stop_timeout_is_in_seconds(setting: int | None, seconds: float) -> None:
    raw = raw_container(ID)
    raw["Config"]["StopTimeout"] = setting
    assert containers.read_container(raw).stop_timeout_s == seconds


def test_start_error_is_one_printable_line() -> None:
    raw = raw_container(ID, Status="created", ExitCode=128, Error="port\n taken\x1b")
    container = containers.read_container(raw)
    assert (container.error, container.could_not_start) == ("port taken?", True)
    assert not containers.read_container(
        raw_container(ID, Status="created")
    ).could_not_start


@pytest.mark.parametrize("size", [1, 3, 8, 1000])
def test_frames_may_be_cut_anywhere(size: int) -> None:
    whole = (
        frame_output(b"out\n") + frame_output(b"") + frame_output(b"err\n", stream=2)
    )
    chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert b"".join(answers.remove_frames(chunks)) == b"out\nerr\n"


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([b"short\n"], "short\n"),
        ([b"password=hunter2\n", b"next\n"], "next\n"),
        ([b"x" * 30], ""),
        ([b"the password=hunter2 is a b c"], "a b c"),
        ([b"password=hunter2 or so"], "or so"),
        ([b"\xff\n"], "\ufffd\n"),
    ],
)
def test_the_end_of_a_long_text_begins_with_a_whole_line(
    pieces: list[bytes], text: str
) -> None:
    assert answers.last_text(pieces, 10) == text


def test_an_event_is_delivered_once_and_the_cursor_follows() -> None:
    cursor = StreamPosition(5_000_000_007)
    assert cursor.since == "5.000000007"
    assert cursor.is_new(6_000_000_000, ID, "die")
    assert cursor.since == "6.000000000"
    assert not cursor.is_new(6_000_000_000, ID, "die")
    assert cursor.is_new(6_000_000_000, ID, "stop")


def test_the_cursor_follows_an_engine_whose_clock_was_set_back() -> None:
    cursor = StreamPosition(0)
    assert cursor.is_new(9_000_000_000, ID, "die")
    assert cursor.is_new(1_000_000_000, ID, "die")
    assert cursor.since == "1.000000000"


@pytest.mark.parametrize(
    ("tries", "chance", "seconds"),
    [
        (0, 0.0, 0.5),
        (1, 0.0, 0.5),
        (2, 0.0, 1.0),
        (3, 1.0, 1.0),
        (6, 0.0, 10.0),
        (10_000, 0.0, 10.0),
        (10_000, 1.0, 5.0),
    ],
)
def test_the_backoff_doubles_to_ten_seconds(
    tries: int, chance: float, seconds: float
) -> None:
    assert backoff_s(tries, chance) == seconds


IN_CONTAINER = (
    "700 690 254:1 /var/lib/docker/containers/{id}/hostname /etc/hostname rw,relatime"
    " - ext4 /dev/vda1 rw\n"
)
ON_HOST = (
    "90 25 0:50 / /var/lib/docker/containers/{id}/mounts/shm rw - tmpfs shm rw\n"
    "91 25 0:51 /docker/containers/{id}/hostname /mnt/hostname rw - ext4 /dev/x rw\n"
)


@pytest.mark.parametrize(
    ("mountinfo", "hostname", "own_id"),
    [
        (IN_CONTAINER.format(id=ID), "wallet", ID),
        (ON_HOST.format(id=ID), "wallet", None),
        ("", "cccccccccccc", "cccccccccccc"),
        ("", "electron-cash", None),
        ("", "", None),
    ],
)
def test_own_container_id_comes_from_its_mounts(
    mountinfo: str, hostname: str, own_id: str | None
) -> None:
    assert own_id_from(mountinfo, hostname) == own_id
