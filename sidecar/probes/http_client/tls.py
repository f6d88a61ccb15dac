"""TLS contexts with the system's authorities, or with that of a probe's file."""

import asyncio
import ssl
from pathlib import Path
from typing import NamedTuple

from sidecar.core.model.cause import Cause
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.probes.failure import ProbeFailed, probe_failed

_NOT_KNOWN = frozenset({2, 18, 19, 20, 21})
"""OpenSSL's verify codes for a certificate of an unknown issuer."""


class _Version(NamedTuple):
    """The version of the file that a context was made from."""

    modified_ns: int
    size: int


class TlsContexts:
    """One context for each file, created again when the file has changed."""

    def __init__(self) -> None:
        self._default: ssl.SSLContext | None = None
        self._contexts: dict[str, tuple[_Version, ssl.SSLContext]] = {}

    async def context(self, ca_file: str | None) -> ssl.SSLContext:
        """The context of the file, or the system's. OSError if it cannot be read."""
        if ca_file is None:
            # In a thread: it reads the system's certificates from disk.
            if self._default is None:
                self._default = await asyncio.to_thread(ssl.create_default_context)
            return self._default
        return await asyncio.to_thread(self._file_context, ca_file)

    def _file_context(self, ca_file: str) -> ssl.SSLContext:
        file_stat = Path(ca_file).stat()
        version = _Version(file_stat.st_mtime_ns, file_stat.st_size)
        entry = self._contexts.get(ca_file)
        if entry is not None and entry[0] == version:
            return entry[1]
        context = ssl.create_default_context(cafile=ca_file)
        self._contexts[ca_file] = (version, context)
        return context


def tls_failure(error: ssl.SSLError, place: str) -> ProbeFailed:
    """The failure for a TLS error; for an unknown authority with what to configure."""
    code = getattr(error, "verify_code", None)
    if code not in _NOT_KNOWN:
        return probe_failed(
            Cause.MISCONFIGURED, Reason.of(R.TLS_FAILED, place=place, said=str(error))
        )
    return probe_failed(
        Cause.MISCONFIGURED,
        Reason.of(R.UNKNOWN_AUTHORITY, place=place),
    )
