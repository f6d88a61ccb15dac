"""Check of a probe's ``ca_file``: is it a usable certificate authority?"""

import stat
from pathlib import Path

from sidecar.config.problem import ConfigProblem

_MAX_BYTES = 1_000_000
_ALLOWED = "a file in PEM with the authority's certificate, readable for Sidecar"


def ca_fault(path: str, file: str | None, url: str) -> ConfigProblem | None:
    """The fault of a file that cannot be used; None if it can. Reads the file."""
    if file is None:
        return None
    if not url.lower().startswith("https:"):
        return ConfigProblem(
            path, "an address without TLS", "ca_file beside an https address"
        )
    try:
        file_stat = Path(file).stat()
        if not stat.S_ISREG(file_stat.st_mode):
            return ConfigProblem(path, f"{file!r} (no regular file)", _ALLOWED)
        if file_stat.st_size > _MAX_BYTES:
            return ConfigProblem(
                path, f"{file!r} ({file_stat.st_size} bytes)", _ALLOWED
            )
        _load(file)
    except OSError as error:  # ssl.SSLError is an OSError, too
        why = "no certificate in PEM" if _is_tls(error) else error.strerror
        return ConfigProblem(path, f"{file!r} ({why})", _ALLOWED)
    return None


def _load(file: str) -> None:
    import ssl  # noqa: PLC0415 - 2 MB, and only needed here

    ssl.create_default_context(cafile=file)


def _is_tls(error: OSError) -> bool:
    return type(error).__module__ == "ssl"
