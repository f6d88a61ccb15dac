"""The engine's address: DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from docker.errors import DockerException, TLSParameterError
from docker.tls import TLSConfig
from docker.utils import kwargs_from_env, parse_host

_LOCAL = "unix:///var/run/docker.sock"
_LOCAL_SCHEME = "unix://"
_SCHEMES = (_LOCAL_SCHEME, "tcp://", "http://", "https://")


class BadEngineAddress(ValueError):
    """The environment names no usable engine; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Address:
    """The engine's URL and, where it asks for it, TLS."""

    url: str
    tls: TLSConfig | None = None

    @property
    def host(self) -> str:
        """The name of what is asked, in lower case; empty: a socket of this machine."""
        if self.url.startswith(_LOCAL_SCHEME):
            return ""
        return urlsplit(self.url).hostname or ""


def address_from(environ: Mapping[str, str]) -> Address:
    """The address that the environment names. BadEngineAddress."""
    host = environ.get("DOCKER_HOST") or _LOCAL
    if "@" in host and not host.startswith(_LOCAL_SCHEME):
        raise _bad_host(_scheme_of(host), "credentials in it")
    if not host.startswith(_SCHEMES):
        raise _bad_host(host, "the scheme is not known")
    tls = _tls_from(environ)
    try:
        parse_host(host, tls=tls is not None)
    except (DockerException, ValueError) as error:
        raise _bad_host(host, str(error)) from error
    return Address(host, tls)


def _scheme_of(host: str) -> str:
    """The scheme with the rest hidden: the end of credentials is uncertain."""
    scheme, slashes, _ = host.partition("://")
    is_known = slashes and scheme in {"tcp", "http", "https", "ssh"}
    return f"{scheme}://***" if is_known else "***"


def _bad_host(host: str, why: str) -> BadEngineAddress:
    return BadEngineAddress(
        f"DOCKER_HOST: found {host!r} ({why}); allowed: unix:///path, "
        "tcp://host:port, http://host:port, https://host:port - name the engine's "
        "socket or a socket proxy"
    )


def _tls_from(environ: Mapping[str, str]) -> TLSConfig | None:
    named = ("DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")
    # Given nothing, the SDK would use the process's environment.
    variables = {"DOCKER_HOST": _LOCAL} | {k: environ[k] for k in named if k in environ}
    try:
        return kwargs_from_env(variables).get("tls")
    except TLSParameterError as error:
        raise BadEngineAddress(
            f"DOCKER_CERT_PATH: found {variables.get('DOCKER_CERT_PATH', '')!r} "
            f"({error}); allowed: a directory with ca.pem, cert.pem and key.pem - "
            "mount it, or leave DOCKER_TLS_VERIFY and DOCKER_CERT_PATH unset"
        ) from error
