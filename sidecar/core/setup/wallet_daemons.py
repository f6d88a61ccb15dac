"""Wallet daemons among the services: which they are, their port and RPC user."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from sidecar.core.setup.stack_facts import ServiceFacts, StackFacts, is_port
from sidecar.core.setup.variables import Reference, references_to

DEFAULT_PORT = 7777
DEFAULT_USER = "user"
"""Electron Cash's own name of the user if none is set."""

_PROGRAM = re.compile(
    r"electron[-_]?cash[^/]*|electrum(?:-[\d.]+)?(?:-x86_64)?(?:\.appimage)?",
    re.IGNORECASE,
)
_IMAGE = re.compile(r"electron[-_]?cash|^electrum(?:-daemon|-wallet)?$", re.IGNORECASE)
_OTHER_PART = re.compile(
    r"exporter|proxy|backup|service|client|metrics|frontend|(?:^|[-_])(?:web|ui)(?:[-_]|$)",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"electron[-_]?cash(?:[-_](?:daemon|wallet|rpc|node))?", re.IGNORECASE
)
_CALLER = re.compile(r"ELECTRON_?CASH|(?:^|_)EC_(?:RPC|URL|HOST)", re.IGNORECASE)
_PORT_IN_COMMAND = re.compile(r"rpcport[\s=\"']+([0-9]{1,5})\b")
_PORT_VARIABLE = re.compile(r"(?:^|_)RPC_?PORT$|ELECTRON_?CASH_PORT$", re.IGNORECASE)
_USER_VARIABLE = re.compile(
    r"(?:^|_)RPC_?USER(?:NAME)?$|(?:ELECTRON_?CASH|WALLET)_USER(?:NAME)?$",
    re.IGNORECASE,
)
_PLAIN_USER = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class FoundSetting(NamedTuple):
    """A value, and how it was found; ``is_certain`` False: a person has to check it."""

    value: str
    why: str
    is_certain: bool = True


def wallet_evidence(service: ServiceFacts, stack: StackFacts) -> str:
    """Why the service is a wallet daemon, for after "because"; "": it is none."""
    if declared_port(service, stack) is not None:
        return "Sidecar's settings say so"
    return (
        _evidence_of_programs(service)
        or _evidence_of_names(service)
        or _evidence_of_callers(service, stack)
    )


def _evidence_of_programs(service: ServiceFacts) -> str:
    if any(map(is_daemon_command, service.processes or ())):
        return "one of its processes is the daemon of an Electron wallet"
    if is_daemon_command(" ".join(service.command)):
        return "its command starts the daemon of an Electron wallet"
    return ""


def _evidence_of_names(service: ServiceFacts) -> str:
    image = service.image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    if _IMAGE.search(image) and not _OTHER_PART.search(image):
        return f"its image is {image}"
    return f"its name is {service.name}" if _NAME.fullmatch(service.name) else ""


def _evidence_of_callers(service: ServiceFacts, stack: StackFacts) -> str:
    for other, reference in _callers(service, stack):
        if _CALLER.search(reference.variable):
            return f"{reference.variable} of {other.name} names it"
    return ""


def declared_port(service: ServiceFacts, stack: StackFacts) -> int | None:
    """Its RPC port in Sidecar's settings; None: they name it as no wallet daemon."""
    names = {service.name, service.container}
    return next((port for name, port in stack.declared_wallets if name in names), None)


def is_daemon_command(line: str) -> bool:
    """Does the command line run a wallet daemon in the foreground?"""
    words = [word.strip("\"';") for word in line.split()]
    for position, word in enumerate(words):
        if _PROGRAM.fullmatch(word.rpartition("/")[2]):
            following = words[position + 1 :]
            return "daemon" in following
    return False


def find_wallets(stack: StackFacts) -> Iterator[tuple[ServiceFacts, str]]:
    """The wallet daemons, each with the evidence."""
    for service in stack.others():
        why = wallet_evidence(service, stack)
        if why:
            yield service, why


def find_rpc_port(service: ServiceFacts, stack: StackFacts) -> FoundSetting:
    """The daemon's RPC port."""
    port = declared_port(service, stack)
    if port is not None:
        return FoundSetting(str(port), "Sidecar's settings name it")
    return (
        _configured_port(service)
        or _called_port(service, stack)
        or _exposed_port(service)
        or FoundSetting(str(DEFAULT_PORT), "nothing names the port", is_certain=False)
    )


def _configured_port(service: ServiceFacts) -> FoundSetting | None:
    for line in service.command_lines():
        match = _PORT_IN_COMMAND.search(line)
        if match and _is_port(match[1]):
            return FoundSetting(match[1], "its command sets rpcport")
    for variable in service.variables:
        if _PORT_VARIABLE.search(variable.name) and _is_port(variable.value):
            return FoundSetting(variable.value, f"{variable.name} of its container")
    return None


def _called_port(service: ServiceFacts, stack: StackFacts) -> FoundSetting | None:
    for other, reference in _callers(service, stack):
        if reference.port is not None:
            why = f"{reference.variable} of {other.name} names it"
            return FoundSetting(str(reference.port), why)
    return None


def _exposed_port(service: ServiceFacts) -> FoundSetting | None:
    ports = service.exposed_ports
    if DEFAULT_PORT in ports:
        return FoundSetting(str(DEFAULT_PORT), "its image or compose exposes it")
    if len(ports) == 1:
        return FoundSetting(str(ports[0]), "it is the only port that is exposed")
    return None


def find_rpc_user(service: ServiceFacts, stack: StackFacts) -> FoundSetting:
    """The daemon's RPC user."""
    for variable in service.variables:
        if _USER_VARIABLE.search(variable.name) and is_plain_user(variable.value):
            return FoundSetting(variable.value, f"{variable.name} of its container")
    for other, _ in _callers(service, stack):
        for variable in other.variables:
            if _USER_VARIABLE.search(variable.name) and is_plain_user(variable.value):
                return FoundSetting(variable.value, f"{variable.name} of {other.name}")
    why = "nothing names the user; this is the program's own default"
    return FoundSetting(DEFAULT_USER, why, is_certain=False)


def is_plain_user(name: str) -> bool:
    """Can the name be written into the file as it is?"""
    return _PLAIN_USER.fullmatch(name) is not None


def _callers(
    service: ServiceFacts, stack: StackFacts
) -> Iterator[tuple[ServiceFacts, Reference]]:
    for other in stack.others():
        if other is not service:
            for reference in references_to(service, other):
                yield other, reference


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and is_port(int(text[:6]))
