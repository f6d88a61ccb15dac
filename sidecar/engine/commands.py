"""Run commands inside containers, in the thread of the call."""

import time

import urllib3

from sidecar.core.ports.engine import CommandTimeout, EngineTimeout, ExecResult
from sidecar.engine import answers
from sidecar.engine.client import Client
from sidecar.engine.errors import NotFound, raise_for_status
from sidecar.engine.requests import chunks

OUTPUT_BYTES = 4 * 1024
_EXIT_CODE_POLL_S = 0.02


class Commands:
    """Runs commands; an equal command that has not ended blocks the next.

    The engine cannot end a command: a hanging probe would add a process to the
    container every few seconds.
    """

    def __init__(self) -> None:
        self._unfinished: dict[tuple[str, tuple[str, ...]], str] = {}

    def run(
        self, client: Client, container_id: str, command: tuple[str, ...]
    ) -> ExecResult:
        """Start a command and wait for it, unless the same one still runs."""
        key = (container_id, command)
        self._refuse_second(client, key)
        exec_id = answers.read_exec_id(client.exec_create(container_id, list(command)))
        self._unfinished[key] = exec_id
        result = run_command(client, exec_id)
        self._unfinished.pop(key, None)
        return result

    def _refuse_second(self, client: Client, key: tuple[str, tuple[str, ...]]) -> None:
        earlier = self._unfinished.get(key)
        if earlier is not None and _still_runs(client, earlier):
            raise CommandTimeout(
                "the command from an earlier time still runs in the container"
            )
        self._unfinished.pop(key, None)


def _still_runs(client: Client, exec_id: str) -> bool:
    try:
        return answers.read_exit_code(client.exec_inspect(exec_id)) is None
    except NotFound:
        return False


def run_command(client: Client, exec_id: str) -> ExecResult:
    """Start a created command and wait for it; the last 4 kB of its output are kept."""
    # The SDK's own method to read the output can block for ever.
    answer = client.post(
        client.url_of(f"/exec/{exec_id}/start"),
        json={"Detach": False, "Tty": False},
        stream=True,
    )
    with answer:
        raise_for_status(answer, client.mask)
        try:
            frames = answers.remove_frames(chunks(client, answer))
            output = answers.last_text(frames, OUTPUT_BYTES)
            return ExecResult(_exit_code(client, exec_id), output)
        except (urllib3.exceptions.ReadTimeoutError, EngineTimeout) as error:
            raise CommandTimeout(
                "the command in the container did not end in time"
            ) from error


def _exit_code(client: Client, exec_id: str) -> int:
    while client.remaining_s() > 0.0:
        code = answers.read_exit_code(client.exec_inspect(exec_id))
        if code is not None:
            return code
        time.sleep(_EXIT_CODE_POLL_S)
    raise EngineTimeout("its output ended, the command did not")
