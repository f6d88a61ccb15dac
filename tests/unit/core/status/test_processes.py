"""Findings from the processes of a container."""

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


def judge(*processes: Process) -> ProcessFindings:
    return judge_processes(processes, BOX)


def test_a_daemon_under_a_wrapper_is_the_one_that_serves() -> None:
    findings = judge(SH, DAEMON, NAP)
    assert (findings.serves, findings.working, findings.waits_s) == (True, (11,), None)
    assert not findings.is_idle


def test_a_daemon_that_is_the_main_process_serves() -> None:
    assert judge(DAEMON._replace(pid=10, ppid=1)).serves


@pytest.mark.parametrize(
    "processes",
    [
        (SH, NAP),
        (SH, NAP, DAEMON._replace(stat="Z")),
        (SH, NAP, DAEMON._replace(stat="Z", command="[python3] <defunct>")),
    ],
)
def test_rest_of_a_dead_daemon_only_waits(processes: tuple[Process, ...]) -> None:
    findings = judge(*processes)
    assert (findings.serves, findings.is_idle, findings.waits_s) == (
        False,
        True,
        3600.0,
    )


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
def test_wait_of_a_wrapper_is_read_from_its_command(
    command: str, waits_s: float
) -> None:
    assert judge(SH, NAP._replace(command=command)).waits_s == waits_s


@pytest.mark.parametrize(
    "processes",
    [(SH,), (SUPERVISOR,), (SH, NAP, Process(13, 10, "S", "bash -c 'monitor'"))],
)
def test_possible_supervisor_waits_zero_seconds(processes: tuple[Process, ...]) -> None:
    assert judge(*processes).waits_s == 0.0


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
def test_working_process_means_that_nothing_is_gone(beside: Process) -> None:
    main = () if beside.pid == BOX.pid else (SH,)
    assert judge(*main, NAP, beside).waits_s is None


def test_list_without_the_main_process_gives_no_findings() -> None:
    assert (
        judge() == judge(NAP) == judge(SH._replace(stat="Z"), NAP) == ProcessFindings()
    )


def test_process_run_with_exec_does_not_serve() -> None:
    """Neither a health check nor a command of an operator is the daemon."""
    assert not judge(SH, NAP, CHECK).serves


def test_shell_that_may_serve_itself_leaves_the_server_unknown() -> None:
    server = Process(14, 10, "S", "bash server.sh")
    assert not judge(SH, DAEMON, server).serves
