"""Reading the files that settings name: whatever such a name leads to."""

import errno
import os
import stat
from pathlib import Path


def read_regular(path: Path, most_bytes: int) -> bytes:
    """All of a regular file. OSError, with the reason, for anything else.

    Opened without waiting: a pipe, or a device, could be read for ever.
    """
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
