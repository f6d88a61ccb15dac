"""The authorities that TLS is checked by: the system's, or that of a probe's file."""

import asyncio
import ssl
from pathlib import Path
from typing import NamedTuple

from sidecar.core.model.cause import Cause
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.probes.failure import ProbeFailed, probe_failed

_NOT_KNOWN = frozenset({2, 18, 19, 20, 21})
"""OpenSSL's words for a certificate whose issuer nobody here knows."""


class _Version(NamedTuple):
    """The content of the file that a context was made of."""

    modified_ns: int
    size: int


class TlsContexts:
    """One context for each file, made anew when the file has changed."""

    def __init__(self) -> None:
        self._systems: ssl.SSLContext | None = None
        self._made: dict[str, tuple[_Version, ssl.SSLContext]] = {}

    async def context(self, ca_file: str | None) -> ssl.SSLContext:
        """That of the file, or the system's. OSError where it cannot be read."""
        if ca_file is None:
            # In a thread: it reads the system's certificates from disk.
            if self._systems is None:
                self._systems = await asyncio.to_thread(ssl.create_default_context)
            return self._systems
        return await asyncio.to_thread(self._of_file, ca_file)

    def _of_file(self, ca_file: str) -> ssl.SSLContext:
        found = Path(ca_file).stat()
        version = _Version(found.st_mtime_ns, found.st_size)
        known = self._made.get(ca_file)
        if known is not None and known[0] == version:
            return known[1]
        context = ssl.create_default_context(cafile=ca_file)
        self._made[ca_file] = (version, context)
        return context


def tls_failure(error: ssl.SSLError, place: str) -> ProbeFailed:
    """The cause of a TLS error, with what to set where the authority is not known."""
    code = getattr(error, "verify_code", None)
    if code not in _NOT_KNOWN:
        return probe_failed(
            Cause.MISCONFIGURED, Reason.of(R.TLS_FAILED, place=place, said=str(error))
        )
    return probe_failed(
        Cause.MISCONFIGURED,
        Reason.of(R.UNKNOWN_AUTHORITY, place=place),
    )
