"""Keys of operators, and their programs that open sealed backups."""

import subprocess
from pathlib import Path
from typing import NamedTuple


class KeyPair(NamedTuple):
    """A key of an operator: the recipient's text, and the file of the private key."""

    recipient: str
    identity: Path


def make_age_key(folder: Path) -> KeyPair:
    """A key made by Debian's age-keygen."""
    identity = folder / "age.key"
    run_program("age-keygen", "-o", str(identity))
    recipient = run_program("age-keygen", "-y", str(identity)).decode().strip()
    return KeyPair(recipient, identity)


def make_ssh_key(folder: Path, kind: str) -> KeyPair:
    """A key made by ssh-keygen."""
    identity = folder / f"ssh_{kind}"
    comment = "an operator@office"
    run_program(
        "ssh-keygen", "-q", "-t", kind, "-N", "", "-C", comment, "-f", str(identity)
    )
    recipient = identity.with_suffix(".pub").read_text().strip()
    return KeyPair(recipient, identity)


def open_sealed(sealed: Path, identity: Path) -> bytes:
    """The plain bytes, opened by Debian's age; CalledProcessError."""
    return run_program("age", "-d", "-i", str(identity), str(sealed))


def run_program(*command: str) -> bytes:
    process = subprocess.run(command, capture_output=True, timeout=30, check=True)
    return process.stdout
