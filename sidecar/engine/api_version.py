"""The engine's name and the version of the API to speak, from `GET /version`."""

from typing import NamedTuple

import msgspec
from docker.utils.utils import version_lt

from sidecar.core.ports.engine import EngineRefused
from sidecar.core.text.printable import mark_unprintable
from sidecar.engine import podman
from sidecar.engine.podman import Podman

OLDEST_API = "1.41"
"""Docker 20.10."""
NEWEST_API = "1.45"
"""The newest that is tested on a real engine: Docker 26.1."""

_DOCKERS = "Engine"
_LONGEST = 60


class _Component(msgspec.Struct, rename="pascal"):
    name: str = ""
    version: str = ""


class _Version(msgspec.Struct, rename="pascal"):
    api_version: str
    least: str = msgspec.field(name="MinAPIVersion", default="")
    components: list[_Component] | None = None


class ApiAgreement(NamedTuple):
    """``other`` is the name of an engine that is not supported, else empty.

    ``podman``: it is a supported Podman.
    """

    api_version: str
    other: str
    podman: Podman | None = None


def agree_on_version(answer: object) -> ApiAgreement:
    """The API version to use, from ``GET /version``.

    It is the engine's own version, at most NEWEST_API: a later one may change the
    meaning of fields. If the engine's oldest version is newer, that one is used.
    EngineRefused, msgspec.ValidationError.
    """
    version = msgspec.convert(answer, _Version)
    if version_lt(version.api_version, OLDEST_API):
        raise EngineRefused(
            f"the engine speaks API {version.api_version}; {OLDEST_API} (Docker 20.10) "
            "or newer is needed - upgrade the engine"
        )
    main = _main_component(version)
    supported = podman.recognize(main.name, main.version) if main is not None else None
    return ApiAgreement(_engine_version(version), _other(main, supported), supported)


def _engine_version(version: _Version) -> str:
    least = version.least
    if version_lt(version.api_version, NEWEST_API):
        return version.api_version
    return least if least and version_lt(NEWEST_API, least) else NEWEST_API


def _main_component(version: _Version) -> _Component | None:
    """The main component of another engine than Docker; None: it is Docker.

    Docker has a component ``Engine``, or no names.
    """
    named = [part for part in version.components or () if part.name]
    if not named or any(part.name == _DOCKERS for part in named):
        return None
    return named[0]


def _other(main: _Component | None, supported: Podman | None) -> str:
    """The name of an engine that is not supported, with its version."""
    if main is None or supported is not None:
        return ""
    return mark_unprintable(f"{main.name} {main.version}".strip()[:_LONGEST])
