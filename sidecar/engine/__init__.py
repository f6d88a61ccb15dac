"""The container engine. The only importer of the docker SDK, whose types stop here.

``EngineConnection.from_environ`` makes the connection, which by itself can neither
name a container nor act; ``find_own_container`` finds our stack through it;
``DockerEngine(link, stack)`` is the engine limited to that stack.
"""

import sys
import warnings


def _import_requests() -> None:
    """Import ``requests`` without its detection of unknown encodings, which takes 3 MB.

    ``requests`` then reads a text without a declared encoding as UTF-8, as the engine
    writes it, and warns, because it does not know that this is meant.
    """
    detection = "charset_normalizer"
    if detection in sys.modules or "requests" in sys.modules:
        return
    sys.modules[detection] = None  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import requests  # noqa: F401, PLC0415
    finally:
        del sys.modules[detection]


_import_requests()
