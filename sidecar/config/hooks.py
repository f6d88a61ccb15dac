"""The section ``hooks`` as settings, and its faults."""

import base64
import binascii
from collections.abc import Iterator

from sidecar.config.check.urls import url_fault
from sidecar.config.file.model import Document
from sidecar.config.file.notify_sections import Hook
from sidecar.config.file.setting_types import value_or
from sidecar.config.problem import ConfigProblem
from sidecar.config.secrets import SecretReader
from sidecar.core.model.cause import Severity
from sidecar.core.model.message import MessageKind
from sidecar.core.model.notification_settings import HookExec, HookPost, HookSettings

SECRET_PREFIX = "whsec_"  # noqa: S105 - the public prefix of every such secret
MOST_SECRETS = 5
_KEY_BYTES = (24, 64)
_ALLOWED_SECRET = "whsec_ and 24 to 64 random bytes in base64"  # noqa: S105
_HINT = 'make one: echo "whsec_$(openssl rand -base64 32)"'


def hook_settings(document: Document, reader: SecretReader) -> tuple[HookSettings, ...]:
    """The hooks. Reads files; faults of secrets are added to ``reader.faults``."""
    return tuple(
        _hook(hook, f"hooks[{index}]", reader)
        for index, hook in enumerate(value_or(document.hooks, []))
    )


def hook_faults(document: Document) -> Iterator[ConfigProblem]:
    """Faults of the hooks' keys and addresses."""
    for index, hook in enumerate(value_or(document.hooks, [])):
        yield from _faults(hook, f"hooks[{index}]")


def _hook(hook: Hook, path: str, reader: SecretReader) -> HookSettings:
    severity = value_or(hook.severity, None)
    command = value_or(hook.exec, None)
    return HookSettings(
        on=MessageKind(hook.on),
        severity=Severity(severity) if severity else None,
        does=HookExec(command.container, tuple(command.command))
        if command is not None
        else HookPost(value_or(hook.post, ""), _keys(hook, path, reader)),
    )


def _faults(hook: Hook, path: str) -> Iterator[ConfigProblem]:
    post, command = value_or(hook.post, None), value_or(hook.exec, None)
    if (post is None) is (command is None):
        actual = "neither" if post is None else "post and exec"
        yield ConfigProblem(
            path, actual, "one of post and exec", "make two hooks of two"
        )
    if post is not None:
        fault = url_fault(f"{path}.post", post)
        if fault:
            yield fault
    if post is None and value_or(hook.secret_file, None):
        hint = "a command is not signed: remove the key"
        yield ConfigProblem(
            f"{path}.secret_file", "a secret", "a secret beside post", hint
        )


def _keys(hook: Hook, path: str, reader: SecretReader) -> tuple[bytes, ...]:
    file = value_or(hook.secret_file, None)
    if file is None:
        return ()
    path = f"{path}.secret_file"
    secrets = reader.take_lines(file, path)
    if len(secrets) > MOST_SECRETS:
        actual = f"{file!r} ({len(secrets)} secrets)"
        allowed = f"at most {MOST_SECRETS}, the newest first"
        reader.faults.append(ConfigProblem(path, actual, allowed))
    keys = []
    for number, secret in enumerate(secrets, 1):
        # A log may have the secret without its prefix.
        reader.values.append(secret.removeprefix(SECRET_PREFIX))
        key, why = _decode_secret(secret)
        if why:
            actual = f"{file!r} (line {number}: {why})"
            reader.faults.append(ConfigProblem(path, actual, _ALLOWED_SECRET, _HINT))
        keys.append(key)
    return tuple(keys)


def _decode_secret(secret: str) -> tuple[bytes, str]:
    """The key of a secret, and the reason to refuse it; '' if there is none."""
    if not secret.startswith(SECRET_PREFIX):
        return b"", f"no {SECRET_PREFIX} at its start"
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return b"", "not base64"
    least, most = _KEY_BYTES
    return key, "" if least <= len(key) <= most else f"{len(key)} bytes"
