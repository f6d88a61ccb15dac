"""A probe's ``ca_file``: is it one that TLS can be checked by?"""

import stat
from pathlib import Path

from sidecar.config.problem import ConfigProblem

_MAX_BYTES = 1_000_000
_ALLOWED = "a file in PEM with the authority's certificate, readable for Sidecar"


def ca_fault(path: str, file: str | None, url: str) -> ConfigProblem | None:
    """Why it cannot be used; None: it can, or none is named. Reads it."""
    if file is None:
        return None
    if not url.lower().startswith("https:"):
        return ConfigProblem(
            path, "an address without TLS", "ca_file beside an https address"
        )
    try:
        found = Path(file).stat()
        if not stat.S_ISREG(found.st_mode):
            return ConfigProblem(path, f"{file!r} (no regular file)", _ALLOWED)
        if found.st_size > _MAX_BYTES:
            return ConfigProblem(path, f"{file!r} ({found.st_size} bytes)", _ALLOWED)
        _load(file)
    except OSError as error:  # of ssl's errors, too
        why = "no certificate in PEM" if _is_tls(error) else error.strerror
        return ConfigProblem(path, f"{file!r} ({why})", _ALLOWED)
    return None


def _load(file: str) -> None:
    import ssl  # noqa: PLC0415 - 2 MB, and only needed here

    ssl.create_default_context(cafile=file)


def _is_tls(error: OSError) -> bool:
    return type(error).__module__ == "ssl"
