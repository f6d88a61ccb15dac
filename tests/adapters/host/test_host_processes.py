"""Processes of the host: their state, their container, and their end."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sidecar.core.model.container import Container, Process
from sidecar.core.model.target import InstanceId
from sidecar.core.status.process_inspection import judge_processes
from sidecar.host import PROC, open_view
from sidecar.host.view import FILE_BYTES, MOST_PROCESSES, HostView
from tests.support.fakes import a_container

INSTANCE = InstanceId("electron-cash", 1)
OWN_GROUP = Path("/proc/self/cgroup").read_text().strip()
WRAPPER = "sleep 1000 & sleep 2000"
WAIT_S = 30.0


@contextmanager
def run_process(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def make_view(died: list[InstanceId]) -> HostView:
    return HostView(died.append, PROC)


def count_followed() -> int:
    """Processes that this process follows by a file: other files come and go."""
    links = []
    for file in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            links.append(str(file.readlink()))
    return sum("pidfd" in link for link in links)


async def list_processes(view: HostView, container: Container) -> tuple[Process, ...]:
    """The list; a machine that is busy may need longer than READ_S for it."""
    async with asyncio.timeout(WAIT_S):
        while (processes := await view.processes(container)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return processes


async def wait_until_followed(view: HostView) -> None:
    async with asyncio.timeout(WAIT_S):
        while not view.follows(INSTANCE):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)


async def wait_for(reached: "asyncio.Event") -> None:
    async with asyncio.timeout(WAIT_S):
        await reached.wait()


async def test_processes_of_a_container_are_listed_with_their_state() -> None:
    view = make_view([])
    with run_process("sh", "-c", f"{WRAPPER}; true") as main:
        container = a_container(OWN_GROUP, pid=main.pid)
        ours: dict[str, Process] = {}
        for _ in range(1500):
            processes = await list_processes(view, container)
            ours = {p.command: p for p in processes if main.pid in {p.pid, p.ppid}}
            # A process has no command line for a moment of its exec.
            is_complete = {"sleep 1000", "sleep 2000"} < set(ours)
            if is_complete and ours["sleep 1000"].stat == "S":
                break
            await asyncio.sleep(0.02)
        assert {"sleep 1000", "sleep 2000"} < set(ours)
        assert ours["sleep 1000"].ppid == main.pid
        assert ours["sleep 1000"].stat == "S"
        os.kill(ours["sleep 1000"].pid, 19)
        for _ in range(1500):
            processes = await list_processes(view, container)
            if "sleep" in judge_processes(processes, container).stopped:
                break
            await asyncio.sleep(0.02)
        else:
            raise AssertionError("state T was not seen")
        for process in ours.values():
            os.kill(process.pid, 9)
    view.close()


async def test_process_with_several_threads_has_the_state_sl() -> None:
    view = make_view([])
    command = "import threading as t, time; t.Thread(target=time.sleep, args=(99,))"
    with run_process(
        sys.executable, "-c", f"{command}.start(); print(flush=True)"
    ) as main:
        container = a_container(OWN_GROUP, pid=main.pid)
        async with asyncio.timeout(WAIT_S):
            while True:
                processes = await list_processes(view, container)
                (state,) = (p.stat for p in processes if p.pid == main.pid)
                if state == "Sl":
                    break
                await asyncio.sleep(0.02)
    view.close()


def write_process(proc: Path, pid: int, ppid: int, words: str, *children: int) -> None:
    """Write the files of a process, and of a thread that ends during the reading."""
    folder = proc / str(pid)
    (folder / "task" / str(pid)).mkdir(parents=True)
    (folder / "task" / "9").mkdir()
    (folder / "task" / str(pid) / "children").write_text(" ".join(map(str, children)))
    (folder / "stat").write_text(f"{pid} (a name) ) S {ppid} {'0 ' * 15}2 0")
    (folder / "cmdline").write_text(words.replace(" ", "\0"))
    (folder / "cgroup").write_text("0::/docker/c1")


async def test_a_process_whose_thread_ends_meanwhile_is_not_missed(
    tmp_path: Path,
) -> None:
    await asyncio.to_thread(write_process, tmp_path, 2, 1, "containerd-shim", 100)
    await asyncio.to_thread(write_process, tmp_path, 100, 2, "sh /run.sh", 101)
    await asyncio.to_thread(write_process, tmp_path, 101, 100, "wallet daemon")
    view = HostView(lambda _: None, tmp_path)
    assert await list_processes(view, a_container("c1", pid=100)) == (
        Process(100, 2, "Sl", "sh /run.sh"),
        Process(101, 100, "Sl", "wallet daemon"),
    )
    view.close()


async def test_long_command_line_is_cut(
    tmp_path: Path,
) -> None:
    await asyncio.to_thread(write_process, tmp_path, 2, 1, "containerd-shim", 100)
    await asyncio.to_thread(
        write_process, tmp_path, 100, 2, f"daemon {'x' * 2_000_000}"
    )
    view = HostView(lambda _: None, tmp_path)
    processes = await list_processes(view, a_container("c1", pid=100))
    assert processes[0].command.startswith("daemon x")
    assert len(processes[0].command) == FILE_BYTES
    view.close()


async def test_container_with_too_many_processes_is_not_listed(
    tmp_path: Path,
) -> None:
    await asyncio.to_thread(write_process, tmp_path, 2, 1, "containerd-shim", 100)
    await asyncio.to_thread(write_process, tmp_path, 100, 2, "daemon")
    children = tmp_path / "100" / "task" / "100" / "children"
    for number in range(MOST_PROCESSES):
        await asyncio.to_thread(write_process, tmp_path, 1000 + number, 100, "work")
    view = HostView(lambda _: None, tmp_path)
    most = range(1000, 1000 + MOST_PROCESSES - 1)
    one_more = range(1000, 1000 + MOST_PROCESSES)
    await asyncio.to_thread(children.write_text, " ".join(map(str, most)))
    processes = await list_processes(view, a_container("c1", pid=100))
    assert len(processes) == MOST_PROCESSES
    await asyncio.to_thread(children.write_text, " ".join(map(str, one_more)))
    assert await view.processes(a_container("c1", pid=100)) is None
    await asyncio.to_thread(children.write_text, "7 " * 100_000)
    assert await view.processes(a_container("c1", pid=100)) is None
    view.close()


async def test_reader_past_its_deadline_does_not_block_the_next(tmp_path: Path) -> None:
    """A FIFO without a writer blocks the reader for longer than the deadline."""
    await asyncio.to_thread(write_process, tmp_path, 2, 1, "containerd-shim", 100)
    await asyncio.to_thread(write_process, tmp_path, 100, 2, "daemon", 101)
    await asyncio.to_thread(write_process, tmp_path, 101, 100, "wallet daemon")
    await asyncio.to_thread(write_process, tmp_path, 3, 1, "containerd-shim", 200)
    await asyncio.to_thread(write_process, tmp_path, 200, 3, "another")
    first, second = (tmp_path / pid / "cmdline" for pid in ("100", "101"))
    for fifo in (first, second):
        await asyncio.to_thread(fifo.unlink)
        os.mkfifo(fifo)
    view = HostView(lambda _: None, tmp_path)
    try:
        assert await view.processes(a_container("c1", pid=100)) is None
        await asyncio.to_thread(first.write_bytes, b"daemon")
        processes = await list_processes(view, a_container("c1", pid=200))
        assert processes == (Process(200, 3, "Sl", "another"),)
    finally:
        with suppress(OSError):
            os.close(os.open(second, os.O_WRONLY | os.O_NONBLOCK))
        view.close()


async def test_process_of_another_control_group_is_not_of_the_container() -> None:
    died: list[InstanceId] = []
    view = make_view(died)
    with run_process("sleep", "1000") as main:
        stranger = a_container("0123456789abcdef", pid=main.pid)
        assert await view.processes(stranger) is None
        view.follow(INSTANCE, stranger, (main.pid,))
        await asyncio.sleep(0.1)
        assert not view.follows(INSTANCE)
    vanished = a_container(OWN_GROUP, pid=main.pid)
    assert await view.processes(vanished) is None
    assert await view.processes(a_container(OWN_GROUP, pid=0)) is None
    view.close()
    assert died == []


async def test_end_of_the_last_followed_process_is_reported_at_once() -> None:
    died = asyncio.Event()
    view = HostView(lambda instance: died.set() if instance == INSTANCE else None, PROC)
    with run_process("sleep", "1000") as daemon, run_process("sleep", "1000") as helper:
        container = a_container(OWN_GROUP, pid=daemon.pid)
        view.follow(INSTANCE, container, (daemon.pid, helper.pid))
        await wait_until_followed(view)
        helper.kill()
        helper.wait()
        await asyncio.sleep(0.05)
        assert not died.is_set()
        assert view.follows(INSTANCE)
        daemon.kill()
        await wait_for(died)
        assert not view.follows(INSTANCE)
    view.close()


async def test_end_of_a_process_no_longer_followed_is_not_reported() -> None:
    died: list[InstanceId] = []
    view = make_view(died)
    followed_before = await asyncio.to_thread(count_followed)
    with run_process("sleep", "1000") as old, run_process("sleep", "1000") as new:
        container = a_container(OWN_GROUP, pid=old.pid)
        view.follow(INSTANCE, container, (old.pid,))
        await wait_until_followed(view)
        view.follow(INSTANCE, container, (new.pid,))
        await wait_until_followed(view)
        old.kill()
        old.wait()
        await asyncio.sleep(0.05)
        assert view.follows(INSTANCE)
        view.follow(INSTANCE, container, ())
        assert not view.follows(INSTANCE)
        view.follow(INSTANCE, container, (new.pid, old.pid))
        await asyncio.sleep(0.1)
        assert not view.follows(INSTANCE), "one of them had ended already"
        view.follow(INSTANCE, container, (new.pid,))
        await wait_until_followed(view)
    view.close()
    assert await asyncio.to_thread(count_followed) == followed_before
    assert died == []


def make_proc_folder(folder: Path, first: str, own: str) -> Path:
    for name, text in (("1", first), ("self", own)):
        (folder / name).mkdir()
        (folder / name / "cgroup").write_text(text)
    return folder


def test_own_pid_namespace_gives_no_view(tmp_path: Path) -> None:
    alone = make_proc_folder(tmp_path, "0::/\n", "0::/\n")
    assert open_view(lambda _: None, alone) is None
    assert open_view(lambda _: None, tmp_path / "none") is None


def test_host_pid_namespace_gives_a_view(tmp_path: Path) -> None:
    host = make_proc_folder(tmp_path, "0::/../../init.scope\n", "0::/\n")
    view = open_view(lambda _: None, host)
    assert view is not None
    view.close()
