"""The process as a whole, where no engine is needed."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from aiohttp import web

from sidecar.core.model.event import Tick
from sidecar.core.model.step_result import StepResult
from tests.support.notify_receivers import message, receiver
from tests.support.stored_world import StoredWorld, open_test_store

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as started:

        def start(**environ: str) -> subprocess.Popen[str]:
            process = started.enter_context(_start_process(tmp_path, environ))
            started.callback(process.kill)
            return process

        yield start


def _start_process(tmp_path: Path, environ: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sidecar", "run"],
        env={
            "PATH": os.environ["PATH"],
            "DOCKER_HOST": f"unix://{tmp_path}/nobody.sock",
            "ELECTRON_CASH_URL": "http://electron-cash:7777/",
            "HOSTNAME": "0123456789ab",  # as in a container
            "SIDECAR_LISTEN": "127.0.0.1:0",
            "SIDECAR_STATE_DIR": str(tmp_path),
            **environ,
        },
        stderr=subprocess.PIPE,
        text=True,
    )


def line_with(process: subprocess.Popen[str], words: str) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return line
    raise AssertionError(f"it ended without saying {words!r}")


def stop_with_signal(
    process: subprocess.Popen[str], signal_number: signal.Signals
) -> int:
    process.send_signal(signal_number)
    process.communicate(timeout=10.0)
    return process.returncode


def test_sidecar_stops_on_sigterm_while_it_waits_for_the_engine(sidecar: Start) -> None:
    process = sidecar()
    line_with(process, "the engine does not say who we are yet")
    assert stop_with_signal(process, signal.SIGTERM) == 0


def test_sidecar_with_a_configured_stack_watches_without_the_engine(
    sidecar: Start,
) -> None:
    process = sidecar(SIDECAR_STACK="shop")
    line_with(process, "watches the stack shop")
    line_with(process, "the engine is lost")
    assert stop_with_signal(process, signal.SIGINT) == 0


async def test_message_in_delivery_at_sigterm_completes_and_is_recorded(
    sidecar: Start, tmp_path: Path
) -> None:
    async with open_test_store(tmp_path) as store:
        world = StoredWorld()
        fresh = message(1, created_wall=time.time())
        step = StepResult(Tick(world.now), (), (), (), world.state, (fresh,))
        await store.append(step)
    stopped = asyncio.Event()

    async def slowly(_: int) -> web.Response:
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(1.0)
        stopped.set()
        return web.Response()

    async with receiver(slowly) as http_receiver:
        url = f"json://127.0.0.1:{http_receiver.port}/"
        file = tmp_path / "sidecar.yaml"
        file.write_text(f"notify: {{channels: {{ops: {{url: '{url}'}}}}}}")
        process = sidecar(SIDECAR_STACK="shop", SIDECAR_CONFIG=str(file))
        await asyncio.wait_for(stopped.wait(), 30.0)
        status = await asyncio.to_thread(process.wait, 15.0)
    assert status == 0
    async with open_test_store(tmp_path) as store:
        assert await store.outbox.count_pending() == {}


def test_a_bad_configuration_ends_with_every_fault_and_status_2(
    sidecar: Start,
) -> None:
    process = sidecar(SIDECAR_MODE="atc", SIDECAR_LOG_LEVEL="loud")
    _, output = process.communicate(timeout=20.0)
    assert process.returncode == 2
    assert "SIDECAR_MODE" in output
    assert "SIDECAR_LOG_LEVEL" in output


def test_an_address_that_is_taken_ends_with_status_1(sidecar: Start) -> None:
    process = sidecar(SIDECAR_STACK="shop", SIDECAR_LISTEN="192.0.2.1:9787")
    _, output = process.communicate(timeout=20.0)
    assert process.returncode == 1
    assert "cannot listen on 192.0.2.1:9787" in output
