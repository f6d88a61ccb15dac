"""Archives of tar for the engine, with the owner and the permissions of each file."""

import io
from collections.abc import Sequence
from typing import NamedTuple

from sidecar.core.backup.record import FileOwner


class TarFile(NamedTuple):
    """A file of an archive; ``path`` is relative to the folder of the extraction.

    ``link_to``: it is a hard link to an earlier file of the archive, without data.
    """

    path: str
    owner: FileOwner
    data: bytes = b""
    modified_wall: float = 0.0
    link_to: str = ""


class TarFolder(NamedTuple):
    """A folder of an archive."""

    path: str
    owner: FileOwner


def build_archive(entries: Sequence[TarFile | TarFolder]) -> bytes:
    """An archive of tar with these entries, in this order."""
    import tarfile  # noqa: PLC0415 - rarely used, and not small

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry.path.strip("/"))
            info.uid, info.gid, info.mode = entry.owner
            if isinstance(entry, TarFolder):
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
                continue
            info.mtime = int(entry.modified_wall)
            if entry.link_to:
                info.type, info.linkname = tarfile.LNKTYPE, entry.link_to.strip("/")
            info.size = len(entry.data)
            archive.addfile(info, io.BytesIO(entry.data))
    return buffer.getvalue()
