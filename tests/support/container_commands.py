"""Commands in containers, for tests and benchmarks.

The SDK's ``exec_run`` loses the output of a quick command: it reads the socket beneath
the buffer into which the output has come together with the head of the answer. On a
loaded machine that was one command in fifty.
"""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from docker.api.client import APIClient
from docker.models.containers import Container

from sidecar.engine.answers import remove_frames

_CHUNK_BYTES = 64 * 1024
_END_S = 60.0
_POLL_S = 0.02


class CommandResult(NamedTuple):
    """Exit status of a command, and what it wrote to stdout and stderr, in order."""

    exit_code: int
    output: bytes


def run_in(
    container: Container, command: Sequence[str], *, user: str = ""
) -> CommandResult:
    """Run a command in a container and wait for its end."""
    api = _api_of(container)
    exec_id = api.exec_create(container.id, list(command), user=user)["Id"]
    # First read, then unpacked: a test that fails for blocking calls of Sidecar's own
    # code would take the reading for such a call.
    chunks = list(_start(api, exec_id))
    output = b"".join(remove_frames(iter(chunks)))
    return CommandResult(_wait_exit_code(api, exec_id), output)


def start_in(container: Container, command: Sequence[str]) -> None:
    """Start a command in a container, and do not wait for it."""
    api = _api_of(container)
    exec_id = api.exec_create(container.id, list(command))["Id"]
    api.exec_start(exec_id, detach=True)


def _api_of(container: Container) -> APIClient:
    assert container.client is not None
    return container.client.api


def _start(api: APIClient, exec_id: str) -> Iterator[bytes]:
    url = f"{api.base_url}/v{api.api_version}/exec/{exec_id}/start"
    settings = {"Detach": False, "Tty": False}
    with api.post(url, json=settings, stream=True, timeout=None) as answer:
        assert answer.ok, answer.text
        while chunk := answer.raw.read1(_CHUNK_BYTES):
            yield chunk


def _wait_exit_code(api: APIClient, exec_id: str) -> int:
    """The exit code; the engine may know it a moment after the end of the output."""
    deadline = time.monotonic() + _END_S
    while (state := api.exec_inspect(exec_id))["Running"]:
        assert time.monotonic() < deadline, "its output ended, the command did not"
        time.sleep(_POLL_S)
    return int(state["ExitCode"])
