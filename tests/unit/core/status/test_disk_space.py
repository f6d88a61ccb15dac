"""Signs of a full disk in texts, in logs, and in the output of ``df``."""

import pytest

from sidecar.core.status.disk_space import (
    MountSpace,
    find_full_mount,
    last_disk_full_line,
    says_disk_full,
)

HEAD = "Filesystem     1024-blocks      Used Available Capacity Mounted on\n"


@pytest.mark.parametrize(
    "text",
    [
        "OSError: [Errno 28] No space left on device: '/data/wallet'",
        "write failed: ENOSPC",
        "sqlite3.OperationalError: database or disk is full",
        "Disk quota exceeded",
        "open /x: no space left on device",
    ],
)
def test_words_of_a_full_disk_are_recognised(text: str) -> None:
    assert says_disk_full(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "the queue is full",
        "no space between the words",
        "disk fully checked",
        "spaceENOSPCx",
    ],
)
def test_other_words_are_no_sign(text: str) -> None:
    assert not says_disk_full(text)


LOG = (
    "2026-01-01T00:00:00.1Z daemon: No space left on device (old)\n"
    "2026-01-01T01:00:00.1Z daemon: saving\n"
    "2026-01-01T01:00:01.1Z Traceback\n"
    "OSError: No space left on device\n"
    "2026-01-01T01:00:02.1Z daemon: bye"
)
ONE_OCLOCK = 1767229200.0


def test_last_line_of_a_full_disk_is_found_with_the_time_of_the_line_before() -> None:
    line = last_disk_full_line(LOG, ONE_OCLOCK)
    assert line == "OSError: No space left on device"


def test_line_without_its_own_time_keeps_no_time() -> None:
    assert last_disk_full_line(LOG, ONE_OCLOCK + 1.5) == ""
    assert last_disk_full_line(LOG, 0.0) == "OSError: No space left on device"
    assert last_disk_full_line("No space left on device", 1.0) == ""


def row(path: str, size_kib: int, free_kib: int) -> str:
    used = size_kib - free_kib
    return f"tmpfs  {size_kib} {used} {free_kib} 99% {path}\n"


@pytest.mark.parametrize(
    ("size_kib", "free_kib", "is_full"),
    [
        (1024, 0, True),
        (1024, 3, True),
        (1024, 11, False),
        (1024, 512, False),
        (100 * 1024 * 1024, 60 * 1024, True),
        (100 * 1024 * 1024, 70 * 1024, False),
        (4, 4, False),
    ],
)
def test_mount_is_full_with_little_free_in_share_and_in_size(
    size_kib: int, free_kib: int, *, is_full: bool
) -> None:
    output = HEAD + row("/data", size_kib, free_kib) + row("/", 10**6, 10**6 // 2)
    full = MountSpace("/data", size_kib, free_kib) if is_full else None
    assert find_full_mount(output) == full


def test_mount_that_cannot_be_written_is_never_full() -> None:
    mounts = "/dev/loop0 /media iso9660 ro,relatime 0 0\n"
    output = mounts + HEAD + row("/media", 1000, 0) + row("/", 10**6, 10**6 // 2)
    assert find_full_mount(output) is None


def test_fullest_of_several_mounts_is_named() -> None:
    output = HEAD + row("/a", 10**6, 3000) + row("/b", 10**6, 0) + row("/c", 10**6, 1)
    full = find_full_mount(output)
    assert full is not None
    assert full.path == "/b"


@pytest.mark.parametrize(
    "output", ["", "sh: df: not found\n", HEAD, "proc 0 0 0 0% /proc\n"]
)
def test_output_without_a_mount_is_an_error(output: str) -> None:
    with pytest.raises(ValueError, match="no mount"):
        find_full_mount(output)
