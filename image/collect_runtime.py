"""Collect the files that Sidecar needs at run time into an empty root.

    python3 collect_runtime.py VENV ROOT

Run by the base image's own interpreter. ROOT gets that interpreter, the standard
library and the venv without the parts that nothing here loads, the shared libraries
that these need, the list of certificate authorities, time zones, and the users. Nothing
else is copied: no shell, no package manager, no pip, no setuid file. Links are kept as
links, so that each path stays the same.
"""

import ast
import marshal
import os
import re
import shutil
import ssl
import struct
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path

USER_ID = 10001
ELF_64_LITTLE_ENDIAN = b"\x7fELF\x02\x01"
STATE_FOLDER = "/var/lib/sidecar"
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
ZONES = Path("/usr/share/zoneinfo")
LINKER_CACHE = Path("/etc/ld.so.cache")
OPENED_BY_NAME = ("libgcc_s.so.1", "libnss_dns.so.2", "libnss_files.so.2")
"""The C library opens these itself; ``ldd`` does not name them."""

UNUSED_MODULES = frozenset(
    {
        "__phello__",
        "curses",
        "dbm",
        "dist-packages",
        "distutils",
        "ensurepip",
        "idlelib",
        "lib2to3",
        "pydoc_data",
        "site-packages",
        "test",
        "tests",
        "tkinter",
        "turtle.py",
        "turtledemo",
        "venv",
    }
)
UNUSED_EXTENSIONS = re.compile(
    r"(_ctypes_test|_curses|_dbm|_gdbm|_test|_tkinter|_xx|nis|ossaudiodev|readline|xx)"
    r".*\.so"
)
UNUSED_IN_VENV = frozenset({"benchmarks", "bin", "include", "tests"})
UNUSED_PACKAGES = re.compile(r"(markdown_it(_py)?|mdurl|pygments)(-.*\.dist-info)?")
"""rich loads these to colour source text and to show Markdown; nothing here does."""
UNUSED_SUFFIXES = frozenset({".a", ".po", ".pot", ".pxd", ".pyc", ".pyi", ".pyx"})

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

PASSWD = f"root:x:0:0::/:/\nsidecar:x:{USER_ID}:{USER_ID}::{STATE_FOLDER}:/\n"
GROUP = f"root:x:0:\nsidecar:x:{USER_ID}:\n"
NAME_SERVICES = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n"


def main(venv: Path, root: Path) -> None:
    """Collect everything into ``root``."""
    copy(root, [Path(sys.executable), *standard_library(), *packages(venv)])
    compile_sources(root)
    copy(root, shared_libraries(root))
    for file in (in_root(root, Path(sys.executable).resolve()), *find_libraries(root)):
        cut_debug_sections(file)
    copy(root, filter(Path.exists, [CA_BUNDLE, LINKER_CACHE]))
    write_system_files(root, venv)


def copy(root: Path, files: Iterable[Path]) -> None:
    """Copy files to the same paths in ``root``, with the links on their ways."""
    for file in files:
        real = copy_links(root, file)
        place = in_root(root, real)
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(real, place)


def copy_links(root: Path, path: Path) -> Path:
    """Make the links on the way to ``path``; the path behind the last of them."""
    walked = Path("/")
    parts = list(path.parts[1:])
    while parts:
        walked /= parts.pop(0)
        if not walked.is_symlink():
            continue
        link = in_root(root, walked)
        target = walked.readlink()
        if not link.is_symlink():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)
        behind = Path(os.path.normpath(walked.parent / target))
        walked, parts = Path("/"), [*behind.parts[1:], *parts]
    return walked


def in_root(root: Path, path: Path) -> Path:
    """The place of an absolute path in ``root``."""
    return root / path.relative_to("/")


def standard_library() -> Iterator[Path]:
    """The files of the standard library that are used here."""
    for folder in {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}:
        for file in files_below(Path(folder), UNUSED_MODULES):
            if not UNUSED_EXTENSIONS.fullmatch(file.name):
                yield file


def packages(venv: Path) -> Iterator[Path]:
    """The files of the venv that are used here; of its programs only Python."""
    for file in files_below(venv, UNUSED_IN_VENV):
        if not any(map(UNUSED_PACKAGES.fullmatch, file.parts)):
            yield file
    yield from venv.glob("bin/python*")


def files_below(folder: Path, unused: frozenset[str]) -> Iterator[Path]:
    """Files below a folder, without folders and files of these names."""
    for entry in sorted(folder.iterdir()):
        is_build_file = entry.suffix in UNUSED_SUFFIXES or entry.match("config-*-*")
        if entry.name in unused or is_build_file:
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from files_below(entry, unused)
        elif entry.exists():
            yield entry


def compile_sources(root: Path) -> None:
    """Write byte code that trusts its source: nothing is compared at run time.

    It has no docstrings: they would be more than 2 MB of the memory of each process.
    """
    for file in root.rglob("*.py"):
        cache = Path(cache_from_source(str(file)))
        cache.parent.mkdir(exist_ok=True)
        cache.write_bytes(
            make_byte_code(file.read_bytes(), f"/{file.relative_to(root)}")
        )


def make_byte_code(source: bytes, name: str) -> bytes:
    """The content of the file of byte code, with a hash that is never checked."""
    tree = ast.parse(source, name)
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:] or [ast.copy_location(ast.Pass(), node.body[0])]
    code = compile(tree, name, "exec", dont_inherit=True)
    unchecked = (1).to_bytes(4, "little")
    return MAGIC_NUMBER + unchecked + source_hash(source) + marshal.dumps(code)


def shared_libraries(root: Path) -> Iterator[Path]:
    """Shared libraries that the collected files need, and the dynamic linker."""
    extensions = (f"/{file.relative_to(root)}" for file in find_libraries(root))
    ldd_output = subprocess.run(
        ["ldd", sys.executable, *extensions],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    missing = re.findall(r"(\S+) => not found", ldd_output)
    if missing:
        raise SystemExit(f"shared libraries are missing: {' '.join(missing)}")
    libraries = set(map(Path, re.findall(r"(/\S+) \(0x", ldd_output)))
    yield from sorted(libraries)
    folders = {library.parent for library in libraries}
    for name in OPENED_BY_NAME:
        yield from filter(Path.exists, (folder / name for folder in folders))


def find_libraries(root: Path) -> list[Path]:
    """Extension modules and shared libraries in ``root``."""
    return sorted(file for file in root.rglob("*.so*") if not file.is_symlink())


def cut_debug_sections(file: Path) -> None:
    """Cut off what lies behind the last segment: no loader reads it.

    It is mostly symbols for debuggers, a tenth of the image. The sections are found
    by a table that lies there too, so the header must no longer name it.
    """
    data = bytearray(file.read_bytes())
    if data[:6] != ELF_64_LITTLE_ENDIAN:
        return
    (table,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    ends = [table + size * count]
    for at in range(table, table + size * count, size):
        offset, _, _, length = struct.unpack_from("<4Q", data, at + 8)
        ends.append(offset + length)
    struct.pack_into("<Q", data, 40, 0)
    struct.pack_into("<3H", data, 58, 0, 0, 0)
    file.write_bytes(data[: max(ends)])


def write_system_files(root: Path, venv: Path) -> None:
    """Write the users, and make the folders and links that Sidecar expects."""
    texts = {"passwd": PASSWD, "group": GROUP, "nsswitch.conf": NAME_SERVICES}
    for name, text in texts.items():
        (root / "etc" / name).write_text(text)
    bundle = in_root(root, Path(ssl.get_default_verify_paths().openssl_cafile))
    link(bundle, CA_BUNDLE)
    (zones,) = venv.glob("lib/python*/site-packages/tzdata/zoneinfo")
    link(in_root(root, ZONES), zones)
    link(root / "var/run", Path("/run"))
    (root / "run").mkdir(exist_ok=True)
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    state = in_root(root, Path(STATE_FOLDER))
    state.mkdir(mode=0o700, parents=True)
    os.chown(state, USER_ID, USER_ID)


def link(place: Path, target: Path) -> None:
    """Make a link, unless the place exists."""
    if not (place.exists() or place.is_symlink()):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
