"""Files of containers through the engine's archive calls, in the thread of the call."""

from collections.abc import Iterator
from typing import IO, cast

import requests

from sidecar.core.ports.engine import EngineRefused, FileAbsent, FileCopy
from sidecar.engine.client import Client
from sidecar.engine.errors import NotFound, error_of_answer, raise_for_status
from sidecar.engine.requests import chunks

_STAT_HEADER = "X-Docker-Container-Path-Stat"
_ERROR_BYTES = 4096


def read_file(
    client: Client, container_id: str, path: str, most_bytes: int
) -> FileCopy:
    """A copy of one regular file. FileAbsent; EngineRefused: another kind of file."""
    import tarfile  # noqa: PLC0415 - rarely used, and not small

    with _open_archive(client, container_id, path) as answer:
        source = cast("IO[bytes]", _Source(chunks(client, answer)))
        try:
            with tarfile.open(fileobj=source, mode="r|") as archive:
                entry = archive.next()
                if entry is None or not entry.isreg():
                    raise EngineRefused(f"{path} is not a regular file")
                if entry.size > most_bytes:
                    raise EngineRefused(
                        f"{path} has {entry.size} bytes, more than {most_bytes}"
                    )
                reader = archive.extractfile(entry)
                data = reader.read() if reader is not None else b""
        except tarfile.TarError as error:
            raise EngineRefused(f"the archive of {path} is damaged: {error}") from error
    if len(data) != entry.size:
        raise EngineRefused(f"the archive of {path} ended early")
    version = answer.headers.get(_STAT_HEADER, "")
    return FileCopy(data, version, entry.uid, entry.gid, entry.mode & 0o7777)


def file_version(client: Client, container_id: str, path: str) -> str:
    """The version of a file, as of a copy; its content is not read."""
    with _open_archive(client, container_id, path) as answer:
        return str(answer.headers.get(_STAT_HEADER, ""))


def put_files(client: Client, container_id: str, folder: str, files: bytes) -> None:
    """Extract an archive of tar in a folder of the container, owners as they are."""
    answer = client.put(
        client.url_of(f"/containers/{container_id}/archive"),
        params={"path": folder, "noOverwriteDirNonDir": "1"},
        data=files,
        headers={"Content-Type": "application/x-tar"},
    )
    raise_for_status(answer, client.mask)


def _open_archive(client: Client, container_id: str, path: str) -> requests.Response:
    url = client.url_of(f"/containers/{container_id}/archive")
    # The engine would compress the archive, which is read as it comes.
    identity = {"Accept-Encoding": "identity"}
    answer = client.get(url, params={"path": path}, stream=True, headers=identity)
    if answer.ok:
        return answer
    with answer:
        text = _first_bytes(chunks(client, answer)).decode(errors="replace")
    error = error_of_answer(answer, text, client.mask)
    # A filter before the engine answers 404, too.
    if isinstance(error, NotFound) and "could not find the file" in text.lower():
        raise FileAbsent(f"there is no file {path}") from error
    raise error


def _first_bytes(pieces: Iterator[bytes]) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) >= _ERROR_BYTES:
            break
    return bytes(body[:_ERROR_BYTES])


class _Source:
    """The answer's body as a file that is read once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int) -> bytes:
        """The next bytes; fewer only at the end."""
        body = bytearray(self._rest)
        while len(body) < size and (piece := next(self._pieces, b"")):
            body += piece
        self._rest = bytes(body[size:])
        return bytes(body[:size])
