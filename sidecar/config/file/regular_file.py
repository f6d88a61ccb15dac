"""Safe reading of the files that settings name, which may be no regular files."""

import contextlib
import errno
import os
import queue
import stat
import threading
from pathlib import Path

DEADLINE_S = 5.0
"""A network file system may block its reader for ever."""


def read_regular_file(
    path: Path, most_bytes: int, *, deadline_s: float = DEADLINE_S
) -> bytes:
    """The content of a regular file.

    Raises OSError, with the reason, for anything else; ValueError if the path has a
    zero byte. The file is opened without blocking: reading a pipe or a device may
    never end. A file system that does not answer blocks a thread, not the caller.
    """
    answers: queue.SimpleQueue[bytes | OSError | ValueError] = queue.SimpleQueue()

    def answer() -> None:
        try:
            answers.put(_read(path, most_bytes))
        except (OSError, ValueError) as error:
            answers.put(error)

    threading.Thread(target=answer, name="read a file", daemon=True).start()
    with contextlib.suppress(queue.Empty):
        result = answers.get(timeout=deadline_s)
        if isinstance(result, bytes):
            return result
        raise result
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
