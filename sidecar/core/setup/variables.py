"""Environment variables: secrets are recognised, and services that values name."""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from sidecar.core.setup.stack_facts import ServiceFacts, Variable, is_port

_SECRET_NAME = re.compile(
    r"PASSW|PASSPHRASE|(?:^|_)(?:PASS|PWD|PIN)(?:$|_)|SECRET|TOKEN|API_?KEY|"
    r"PRIVATE|CREDENTIAL|SEED|MNEMONIC|XPRV|(?:^|_)AUTH(?:$|_)|(?:^|_)KEY$",
    re.IGNORECASE,
)
_FILE_NAME = re.compile(r"(?:_FILE|_PATH|_DIR)$", re.IGNORECASE)
_USERINFO = re.compile(r"//[^/\s]*@|//[^\s]*@", re.DOTALL)
_QUERY = re.compile(r"[?#].*", re.DOTALL)
_HOST_AND_PORT = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]*):([0-9]{1,5})(?:$|[/,;\s])")
_LONGEST = 2000


def read_variable(name: str, value: str) -> Variable:
    """A variable without its secrets: by its name, or as credentials in an address."""
    if _SECRET_NAME.search(name) and not _FILE_NAME.search(name):
        return Variable(name, "", is_secret=bool(value))
    if "://" in value and "@" in value:
        without = _QUERY.sub("", _USERINFO.sub("//", value[:_LONGEST]))
        return Variable(name, "" if "@" in without else without, is_secret=True)
    return Variable(name, _QUERY.sub("", value[:_LONGEST]))


class Reference(NamedTuple):
    """A variable whose value names a service; ``port`` and ``scheme`` may lack."""

    variable: str
    port: int | None = None
    scheme: str = ""


def references_to(service: ServiceFacts, other: ServiceFacts) -> Iterator[Reference]:
    """The variables of ``other`` that name ``service``."""
    names = {service.name.casefold(), *service.names}
    for variable in other.variables:
        reference = _reference(variable, names)
        if reference is not None:
            yield reference


def _reference(variable: Variable, names: set[str]) -> Reference | None:
    value = variable.value.strip()
    if not any(name in value.casefold() for name in names):
        return None
    if value.casefold() in names and not _is_own_name(variable.name):
        return Reference(variable.name)
    if "://" in value:
        return _address_reference(variable.name, value, names)
    for host, port in _HOST_AND_PORT.findall(value):
        if host.casefold() in names and is_port(int(port)):
            return Reference(variable.name, int(port))
    return None


def _is_own_name(variable: str) -> bool:
    """Is this a variable that names a program, and no host to connect to?"""
    return not re.search(
        r"HOST|URL|URI|ADDR|SERVER|ENDPOINT|UPSTREAM|BACKEND|PEER|NODE|RPC|SERVICE",
        variable,
        re.IGNORECASE,
    )


def _address_reference(variable: str, value: str, names: set[str]) -> Reference | None:
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if host.casefold() not in names:
        return None
    return Reference(variable, port or None, parts.scheme.casefold())
