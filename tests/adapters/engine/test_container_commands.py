"""The tests' own way to run a command in a container loses no output."""

import docker

from tests.support.container_commands import run_in
from tests.support.engine_connection import OWN, run_engine_server
from tests.support.engine_server import frame_output, raw_container
from tests.support.repository import REPOSITORY

LOSES_OUTPUT = "." + "exec_run("


def test_output_that_comes_with_the_head_of_the_answer_is_read() -> None:
    with run_engine_server() as server:
        server.add(raw_container(OWN))
        server.exec_code = 3
        server.exec_output = frame_output(b"out\n") + frame_output(b"err\n", stream=2)
        client = docker.DockerClient(f"unix://{server._where}", version="1.45")
        try:
            result = run_in(client.containers.get(OWN), ["echo", "out"])
        finally:
            client.close()
    assert result == (3, b"out\nerr\n")


def test_no_file_runs_commands_by_the_sdk_which_loses_their_output() -> None:
    users = [
        str(file.relative_to(REPOSITORY))
        for folder in ("tests", "benchmarks", "sidecar", "compose")
        for file in (REPOSITORY / folder).rglob("*.py")
        if LOSES_OUTPUT in file.read_text()
    ]
    assert users == []
