"""Reading the files that settings name: whatever such a name leads to."""

import contextlib
import errno
import os
import queue
import stat
import threading
from pathlib import Path

DEADLINE_S = 5.0
"""A share of a network may keep its reader waiting for ever."""


def read_regular_file(
    path: Path, most_bytes: int, *, deadline_s: float = DEADLINE_S
) -> bytes:
    """All of a regular file. OSError, with the reason, for anything else; ValueError
    where the path has a zero byte.

    Opened without waiting: a pipe, or a device, could be read for ever. A file system
    that does not answer keeps a thread, and not the caller, waiting.
    """
    answers: queue.SimpleQueue[bytes | OSError | ValueError] = queue.SimpleQueue()

    def answer() -> None:
        try:
            answers.put(_read(path, most_bytes))
        except (OSError, ValueError) as error:
            answers.put(error)

    threading.Thread(target=answer, name="read a file", daemon=True).start()
    with contextlib.suppress(queue.Empty):
        found = answers.get(timeout=deadline_s)
        if isinstance(found, bytes):
            return found
        raise found
    raise OSError(errno.ETIMEDOUT, f"not read within {deadline_s:g} s")


def _read(path: Path, most_bytes: int) -> bytes:
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        with os.fdopen(number, "rb", closefd=False) as opened:
            content = opened.read(most_bytes + 1)
    finally:
        os.close(number)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"more than {most_bytes} bytes")
    return content
