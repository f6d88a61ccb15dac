"""The files of an image, as a container of it has them."""

import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, cast

import docker

ELF = b"\x7fELF"
MOUNTED = ("dev/", "proc/", "sys/")


class ImageFile(NamedTuple):
    """A file, folder or link of an image; ``path`` is relative to the root."""

    path: str
    entry: tarfile.TarInfo
    begin: bytes

    @property
    def is_program(self) -> bool:
        """Whether a machine or a shell can run it: ELF, or a script with a head."""
        is_library = ".so" in self.path
        is_head = self.begin.startswith((ELF, b"#!")) and bool(self.entry.mode & 0o111)
        return self.entry.isfile() and is_head and not is_library


@contextmanager
def image_archive(image: str, labels: dict[str, str]) -> Iterator[tarfile.TarFile]:
    """The root of a new container of ``image`` as an archive."""
    client = docker.DockerClient()
    container = client.containers.create(image, labels=labels)
    try:
        with tempfile.TemporaryFile() as file:
            for chunk in container.export():
                file.write(cast(bytes, chunk))
            file.seek(0)
            with tarfile.open(fileobj=file) as archive:
                yield archive
    finally:
        container.remove(v=True)
        client.close()


def read_files(archive: tarfile.TarFile) -> list[ImageFile]:
    """All entries but the mount points that the engine makes."""
    files = []
    for entry in archive:
        if not entry.name.startswith(MOUNTED):
            content = archive.extractfile(entry) if entry.isfile() else None
            begin = content.read(4) if content is not None else b""
            files.append(ImageFile(entry.name.rstrip("/"), entry, begin))
    return files
