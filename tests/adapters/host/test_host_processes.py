"""The host's processes: what is seen, whose they are, and when they end."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sidecar.core.model.container import Process
from sidecar.core.model.target import InstanceId
from sidecar.core.status.process_inspection import judge_processes
from sidecar.host import PROC, open_view
from sidecar.host.view import FILE_BYTES, MOST_PROCESSES, HostView
from tests.support.fakes import a_container

WHO = InstanceId("electron-cash", 1)
OWN_GROUP = Path("/proc/self/cgroup").read_text().strip()
WRAPPER = "sleep 1000 & sleep 2000"


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def a_view(died: list[InstanceId]) -> HostView:
    return HostView(died.append, PROC)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def until_followed(view: HostView) -> None:
    async with asyncio.timeout(10.0):
        while not view.follows(WHO):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def until(reached: "asyncio.Event") -> None:
    async with asyncio.timeout(10.0):
        await reached.wait()


async def test_the_processes_of_a_container_are_seen_with_what_came_of_them() -> None:
    view = a_view([])
    with running("sh", "-c", f"{WRAPPER}; true") as main:
        container = a_container(OWN_GROUP, pid=main.pid)
        ours: dict[str, Process] = {}
        for _ in range(500):
            seen = await view.processes(container)
            assert seen is not None
            ours = {p.command: p for p in seen if main.pid in {p.pid, p.ppid}}
            if len(ours) == 3 and ours["sleep 1000"].stat == "S":
                break
            await asyncio.sleep(0.02)
        assert {"sleep 1000", "sleep 2000"} < set(ours)
        assert ours["sleep 1000"].ppid == main.pid
        assert ours["sleep 1000"].stat == "S"
        os.kill(ours["sleep 1000"].pid, 19)
        for _ in range(500):
            seen = await view.processes(container)
            assert seen is not None
            if "sleep" in judge_processes(seen, container).stopped:
                break
            await asyncio.sleep(0.02)
        else:
            raise AssertionError("state T was not seen")
        for process in ours.values():
            os.kill(process.pid, 9)
    view.close()


async def test_one_with_several_threads_is_told_from_one_with_one() -> None:
    view = a_view([])
    command = "import threading as t, time; t.Thread(target=time.sleep, args=(99,))"
    with running(sys.executable, "-c", f"{command}.start(); print(flush=True)") as main:
        container = a_container(OWN_GROUP, pid=main.pid)
        async with asyncio.timeout(10.0):
            while True:
                seen = await view.processes(container)
                assert seen is not None
                (state,) = (p.stat for p in seen if p.pid == main.pid)
                if state == "Sl":
                    break
                await asyncio.sleep(0.02)
    view.close()


def a_process(proc: Path, pid: int, ppid: int, words: str, *children: int) -> None:
    """Its files, and those of a thread that ends while they are read."""
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
    await asyncio.to_thread(a_process, tmp_path, 2, 1, "containerd-shim", 100)
    await asyncio.to_thread(a_process, tmp_path, 100, 2, "sh /run.sh", 101)
    await asyncio.to_thread(a_process, tmp_path, 101, 100, "wallet daemon")
    view = HostView(lambda _: None, tmp_path)
    assert await view.processes(a_container("c1", pid=100)) == (
        Process(100, 2, "Sl", "sh /run.sh"),
        Process(101, 100, "Sl", "wallet daemon"),
    )
    view.close()


async def test_of_a_long_command_line_only_its_beginning_is_read(
    tmp_path: Path,
) -> None:
    await asyncio.to_thread(a_process, tmp_path, 2, 1, "containerd-shim", 100)
    await asyncio.to_thread(a_process, tmp_path, 100, 2, f"daemon {'x' * 2_000_000}")
    view = HostView(lambda _: None, tmp_path)
    seen = await view.processes(a_container("c1", pid=100))
    assert seen is not None
    assert seen[0].command.startswith("daemon x")
    assert len(seen[0].command) == FILE_BYTES
    view.close()


async def test_a_container_of_very_many_processes_is_not_seen_from_here(
    tmp_path: Path,
) -> None:
    await asyncio.to_thread(a_process, tmp_path, 2, 1, "containerd-shim", 100)
    await asyncio.to_thread(a_process, tmp_path, 100, 2, "daemon")
    children = tmp_path / "100" / "task" / "100" / "children"
    for number in range(MOST_PROCESSES):
        await asyncio.to_thread(a_process, tmp_path, 1000 + number, 100, "work")
    view = HostView(lambda _: None, tmp_path)
    most = range(1000, 1000 + MOST_PROCESSES - 1)
    one_more = range(1000, 1000 + MOST_PROCESSES)
    await asyncio.to_thread(children.write_text, " ".join(map(str, most)))
    async with asyncio.timeout(30.0):
        # A machine that is busy with other things may need longer than READ_S.
        while (seen := await view.processes(a_container("c1", pid=100))) is None:
            pass
    assert len(seen) == MOST_PROCESSES
    await asyncio.to_thread(children.write_text, " ".join(map(str, one_more)))
    assert await view.processes(a_container("c1", pid=100)) is None
    await asyncio.to_thread(children.write_text, "7 " * 100_000)
    assert await view.processes(a_container("c1", pid=100)) is None
    view.close()


async def test_who_is_no_longer_waited_for_looks_no_further(tmp_path: Path) -> None:
    """A file that nobody writes holds the reader for longer than is waited."""
    await asyncio.to_thread(a_process, tmp_path, 2, 1, "containerd-shim", 100)
    await asyncio.to_thread(a_process, tmp_path, 100, 2, "daemon", 101)
    await asyncio.to_thread(a_process, tmp_path, 101, 100, "wallet daemon")
    await asyncio.to_thread(a_process, tmp_path, 3, 1, "containerd-shim", 200)
    await asyncio.to_thread(a_process, tmp_path, 200, 3, "another")
    first, second = (tmp_path / pid / "cmdline" for pid in ("100", "101"))
    for held in (first, second):
        await asyncio.to_thread(held.unlink)
        os.mkfifo(held)
    view = HostView(lambda _: None, tmp_path)
    try:
        assert await view.processes(a_container("c1", pid=100)) is None
        await asyncio.to_thread(first.write_bytes, b"daemon")
        seen = await view.processes(a_container("c1", pid=200))
        assert seen == (Process(200, 3, "Sl", "another"),)
    finally:
        with suppress(OSError):
            os.close(os.open(second, os.O_WRONLY | os.O_NONBLOCK))
        view.close()


async def test_a_process_of_another_control_group_is_not_the_container_s() -> None:
    died: list[InstanceId] = []
    view = a_view(died)
    with running("sleep", "1000") as main:
        stranger = a_container("0123456789abcdef", pid=main.pid)
        assert await view.processes(stranger) is None
        view.follow(WHO, stranger, (main.pid,))
        await asyncio.sleep(0.1)
        assert not view.follows(WHO)
    gone = a_container(OWN_GROUP, pid=main.pid)
    assert await view.processes(gone) is None
    assert await view.processes(a_container(OWN_GROUP, pid=0)) is None
    view.close()
    assert died == []


async def test_the_end_of_the_last_followed_process_is_told_at_once() -> None:
    died = asyncio.Event()
    view = HostView(lambda who: died.set() if who == WHO else None, PROC)
    with running("sleep", "1000") as daemon, running("sleep", "1000") as helper:
        container = a_container(OWN_GROUP, pid=daemon.pid)
        view.follow(WHO, container, (daemon.pid, helper.pid))
        await until_followed(view)
        helper.kill()
        helper.wait()
        await asyncio.sleep(0.05)
        assert not died.is_set()
        assert view.follows(WHO)
        daemon.kill()
        await until(died)
        assert not view.follows(WHO)
    view.close()


async def test_what_is_followed_anew_or_no_more_is_not_told_of() -> None:
    died: list[InstanceId] = []
    view = a_view(died)
    files = await asyncio.to_thread(open_files)
    with running("sleep", "1000") as old, running("sleep", "1000") as new:
        container = a_container(OWN_GROUP, pid=old.pid)
        view.follow(WHO, container, (old.pid,))
        await until_followed(view)
        view.follow(WHO, container, (new.pid,))
        await until_followed(view)
        old.kill()
        old.wait()
        await asyncio.sleep(0.05)
        assert view.follows(WHO)
        view.follow(WHO, container, ())
        assert not view.follows(WHO)
        view.follow(WHO, container, (new.pid, old.pid))
        await asyncio.sleep(0.1)
        assert not view.follows(WHO), "one of them had ended already"
        view.follow(WHO, container, (new.pid,))
        await until_followed(view)
    view.close()
    assert await asyncio.to_thread(open_files) == files
    assert died == []


def a_proc(folder: Path, first: str, own: str) -> Path:
    for name, text in (("1", first), ("self", own)):
        (folder / name).mkdir()
        (folder / name / "cgroup").write_text(text)
    return folder


def test_in_a_namespace_of_our_own_there_is_no_view(tmp_path: Path) -> None:
    alone = a_proc(tmp_path, "0::/\n", "0::/\n")
    assert open_view(lambda _: None, alone) is None
    assert open_view(lambda _: None, tmp_path / "none") is None


def test_with_the_host_s_there_is(tmp_path: Path) -> None:
    host = a_proc(tmp_path, "0::/../../init.scope\n", "0::/\n")
    view = open_view(lambda _: None, host)
    assert view is not None
    view.close()
