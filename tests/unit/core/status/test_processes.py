"""What the processes of a container tell."""

import math

import pytest

from sidecar.core.model.container import Process
from sidecar.core.status.process_inspection import ProcessFindings, judge_processes
from tests.support.rule_world import container

BOX = container("electron-cash", pid=10)
SH = Process(10, 1, "Ss", "/bin/sh /entrypoint.sh")
DAEMON = Process(11, 10, "Sl", "python3 /app/electron-cash daemon")
NAP = Process(12, 10, "S", "sleep 3600")
CHECK = Process(90, 1, "S", "python3 healthcheck.py")
SUPERVISOR = Process(10, 1, "Ss", "/usr/bin/python3 /usr/bin/supervisord -n")


def seen(*processes: Process) -> ProcessFindings:
    return judge_processes(processes, BOX)


def test_a_daemon_under_a_wrapper_is_the_one_that_serves() -> None:
    found = seen(SH, DAEMON, NAP)
    assert (found.serves, found.working, found.waits_s) == (True, (11,), None)
    assert not found.is_idle


def test_a_daemon_that_is_the_main_process_serves() -> None:
    assert seen(DAEMON._replace(pid=10, ppid=1)).serves


@pytest.mark.parametrize(
    "left",
    [
        (SH, NAP),
        (SH, NAP, DAEMON._replace(stat="Z")),
        (SH, NAP, DAEMON._replace(stat="Z", command="[python3] <defunct>")),
    ],
)
def test_what_is_left_of_a_dead_daemon_only_waits(left: tuple[Process, ...]) -> None:
    found = seen(*left)
    assert (found.serves, found.is_idle, found.waits_s) == (False, True, 3600.0)


@pytest.mark.parametrize(
    ("command", "waits_s"),
    [
        ("sleep infinity", math.inf),
        ("sleep 1h 30", 3630.0),
        ("/bin/sleep 0.5", 0.5),
        ("sleep five", 0.0),
        ("sleep -1", 0.0),
        ("tail -F /var/log/wallet", math.inf),
        ("tail /dev/null", 0.0),
        ("cat", 0.0),
    ],
)
def test_how_long_a_wrapper_waits(command: str, waits_s: float) -> None:
    assert seen(SH, NAP._replace(command=command)).waits_s == waits_s


@pytest.mark.parametrize(
    "left",
    [(SH,), (SUPERVISOR,), (SH, NAP, Process(13, 10, "S", "bash -c 'monitor'"))],
)
def test_what_may_start_it_again_waits_for_nothing(left: tuple[Process, ...]) -> None:
    assert seen(*left).waits_s == 0.0


@pytest.mark.parametrize(
    "beside",
    [
        DAEMON,
        DAEMON._replace(pid=55, command="wallet-2"),
        DAEMON._replace(stat="Tl"),
        DAEMON._replace(stat="Zl", command="[python3] <defunct>"),
        CHECK,
        Process(10, 1, "Ss", "python3 /run.py"),
    ],
    ids=[
        "itself",
        "another",
        "stopped",
        "its first thread ended",
        "run with exec",
        "an unknown main process",
    ],
)
def test_nothing_is_gone_while_something_works_there(beside: Process) -> None:
    main = () if beside.pid == BOX.pid else (SH,)
    assert seen(*main, NAP, beside).waits_s is None


def test_a_list_without_the_main_process_tells_nothing() -> None:
    assert seen() == seen(NAP) == seen(SH._replace(stat="Z"), NAP) == ProcessFindings()


def test_what_is_run_with_exec_does_not_serve() -> None:
    """A health check is not the daemon, nor is what an operator runs."""
    assert not seen(SH, NAP, CHECK).serves


def test_where_a_shell_may_serve_by_itself_it_is_not_known_who_does() -> None:
    server = Process(14, 10, "S", "bash server.sh")
    assert not seen(SH, DAEMON, server).serves
