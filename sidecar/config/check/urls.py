"""Checks of http URLs and listen addresses."""

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from sidecar.config.problem import ConfigProblem, quote_value
from sidecar.config.secrets import masked_url

_URL = "an address such as http://host:7777/"
_BAD_CHARACTERS = re.compile(r"[\s\\\x00-\x1f\x7f]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,19}://")
_LISTEN = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9_.-]+)):([0-9]{1,5})")
_MAX_PORT = 65535
_MOST_SHOWN = 100


def url_fault(path: str, url: str) -> ConfigProblem | None:
    """The reason why an http or https address cannot be used; None if it can."""
    parts = certain_parts(url)
    if parts is None or "@" in parts.netloc:
        return _ambiguous_url_fault(path, url)
    if parts.scheme not in {"http", "https"}:
        actual = quote_value(masked_url(url), _MOST_SHOWN)
        return ConfigProblem(
            path, actual, _URL, "it must begin with http:// or https://"
        )
    return None if parts.hostname else _ambiguous_url_fault(path, url)


def certain_parts(url: str) -> SplitResult | None:
    """The parts of an address; None if it is ambiguous.

    A ``/``, ``?`` or ``#`` in a password ends the host part too early; an ``@`` then
    appears in a later part.
    """
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - ValueError where it is none
    except ValueError:
        return None
    rest = url.partition(parts.netloc)[2] if parts.netloc else url
    if "@" in rest or _BAD_CHARACTERS.search(url):
        return None
    return parts


def _ambiguous_url_fault(path: str, url: str) -> ConfigProblem:
    """The fault of an address that may hold a secret: it shows only the scheme."""
    if "@" in url:
        hint = "use username and password_file; an @ of the path is written %40"
        return ConfigProblem(path, "an @, so credentials inside an address", _URL, hint)
    scheme = _SCHEME.match(url)
    actual = f"{scheme[0]}***" if scheme else "something that is no address"
    return ConfigProblem(path, actual, _URL)


def host_of(url: str) -> str:
    """The host of an address; '' if it has none or is ambiguous."""
    parts = certain_parts(url)
    return (parts.hostname or "") if parts is not None else ""


def is_service_name(host: str) -> bool:
    """Can this host be a service's name, and not an IP address or this machine?"""
    if host in {"", "localhost", "host.docker.internal"}:
        return False
    try:
        ip_address(host)
    except ValueError:
        return True
    return False


def listen_address(text: str) -> tuple[str, int] | None:
    """Host and port of ``0.0.0.0:9787`` or ``[::]:9787``; port 0: any free one."""
    parts = _LISTEN.fullmatch(text)
    if parts is None or int(parts[3]) > _MAX_PORT:
        return None
    return parts[1] or parts[2], int(parts[3])
