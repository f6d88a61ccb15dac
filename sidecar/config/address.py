"""Addresses: what makes an http URL or a listen address usable."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from sidecar.config.fault import Fault
from sidecar.config.secret import masked_url

_URL = "an address such as http://host:7777/"
_BAD_CHARACTERS = re.compile(r"[\s\x00-\x1f\x7f]")
_LISTEN = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9_.-]+)):([0-9]{1,5})")
_MAX_PORT = 65535


def url_fault(path: str, url: str) -> Fault | None:
    """Why an http or https address cannot be used; None: it can."""
    found = repr(masked_url(url)[:100])
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return Fault(path, found, _URL)
    if parts.username is not None or parts.password is not None:
        hint = "remove them; use username and password_file"
        return Fault(path, "credentials inside an address", _URL, hint)
    if parts.scheme not in {"http", "https"}:
        return Fault(path, found, _URL, "it must begin with http:// or https://")
    if not host or _BAD_CHARACTERS.search(url):
        return Fault(path, found, _URL)
    return None


def host_of(url: str) -> str:
    """The host of an address, '' where it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def is_service_name(host: str) -> bool:
    """Can this host be the name of a service, rather than an IP or ourselves?"""
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
