"""Checks of wallet daemons: files, ports, passwords, health checks."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from sidecar.core.setup.hazards.hazard import Finding, Unjudged, Unknown
from sidecar.core.setup.proposal import SetupProposal
from sidecar.core.setup.stack_facts import Mount, MountKind, ServiceFacts

_FOLDER_OPTION = re.compile(r"(?:^|\s)(?:-D|--dir)[\s=]+[\"']?(/[^\s\"']+)")
_FOLDER_VARIABLE = re.compile(
    r"^(?:DATA_?DIR|ELECTRON_?CASH_(?:DIR|DATA|DATA_?DIR|HOME)|WALLET_?(?:DATA_?)?DIR)$",
    re.IGNORECASE,
)
_LASTING = frozenset({MountKind.VOLUME, MountKind.BIND})
_HOLDS_CONNECTION = re.compile(r"(?:^|[\s/\"'])(nc|ncat|netcat|telnet)\s|(/dev/tcp/)")
_CLIENT = re.compile(r"(?:^|[\s/\"'])(curl|wget)\s")
_CLIENT_DEADLINE = re.compile(
    r"\s(?:-m\s*\d|--max-time|--connect-timeout|-T\s*\d|--timeout)"
)
_HARMFUL_CALL = re.compile(
    r"(createnewaddress|addrequest|getaddressbalance|getaddresshistory|"
    r"getaddressunspent|broadcast|gettransaction)"
)
_PROGRAM = re.compile(r"(?:^|[\s/\"'])(electron[-_]?cash|electrum)\s")


# --- the wallet's folder


def check_wallet_on_volume(proposal: SetupProposal) -> Iterator[Finding | Unjudged]:
    """Find wallets whose folder is lost with the container."""
    if not proposal.wallets:
        yield Unjudged("", Unknown.NO_WALLET)
    for wallet, _ in proposal.wallets:
        folder = data_folder(wallet)
        if wallet.mounts is None:
            yield Unjudged(wallet.name, Unknown.NO_DATA_FOLDER)
        elif not any(mount.kind in _LASTING for mount in wallet.mounts):
            yield Finding(wallet.name, {"folder": folder or "/wallet-folder"})
        elif folder is None:
            yield Unjudged(wallet.name, Unknown.NO_DATA_FOLDER)
        elif not is_lasting(mount_of(folder, wallet.mounts)):
            yield Finding(wallet.name, {"folder": folder})


def check_anonymous_volume(proposal: SetupProposal) -> Iterator[Finding | Unjudged]:
    """Find wallets on a volume without a name."""
    for wallet, _ in proposal.wallets:
        folder = data_folder(wallet)
        if wallet.mounts is None or folder is None:
            continue
        mount = mount_of(folder, wallet.mounts)
        if mount is not None and mount.is_anonymous:
            yield Finding(wallet.name, {"folder": folder})


def data_folder(wallet: ServiceFacts) -> str | None:
    """The folder of the wallet's files in its container; None: not known."""
    for line in wallet.command_lines():
        match = _FOLDER_OPTION.search(line)
        if match:
            return match[1]
    for variable in wallet.variables:
        if _FOLDER_VARIABLE.search(variable.name) and variable.value.startswith("/"):
            return variable.value
    home = wallet.variable("HOME")
    return f"{home.rstrip('/')}/.electron-cash" if home.startswith("/") else None


def mount_of(folder: str, mounts: tuple[Mount, ...]) -> Mount | None:
    """The mount that the folder is on; None: the container's own layer."""
    path = PurePosixPath(folder)
    over = [
        mount
        for mount in mounts
        if path.is_relative_to(PurePosixPath(mount.destination))
    ]
    return max(
        over, key=lambda m: len(PurePosixPath(m.destination).parts), default=None
    )


def is_lasting(mount: Mount | None) -> bool:
    """Does the mount outlive the container?"""
    return mount is not None and mount.kind in _LASTING


# --- the RPC port and password


def check_rpc_published(proposal: SetupProposal) -> Iterator[Finding | Unjudged]:
    """Find RPC ports that are published on all addresses of the host."""
    for wallet, probe in proposal.wallets:
        rpc_port = probe.port.value
        for port in wallet.published_ports:
            if port.is_public and str(port.port) == rpc_port:
                values = {"port": rpc_port, "host_port": str(port.host_port)}
                yield Finding(wallet.name, values)
                break


def check_plain_password(proposal: SetupProposal) -> Iterator[Finding | Unjudged]:
    """Find passwords of wallets in plain environments; only names are given."""
    by_service: dict[str, list[str]] = {}
    for service, variable in proposal.hazards:
        by_service.setdefault(service, []).append(variable)
    for service, variables in by_service.items():
        values = {"variables": ", ".join(variables), "variable": variables[0]}
        yield Finding(service, values)


# --- the health check


def check_harmful_health_check(proposal: SetupProposal) -> Iterator[Finding | Unjudged]:
    """Find health checks that can hold the daemon's only thread, or change it."""
    for wallet, _ in proposal.wallets:
        check = wallet.health_check
        harm = find_harm(check.command) if check is not None else ""
        if harm:
            yield Finding(wallet.name, {"part": harm})


def find_harm(command: str) -> str:
    """The part of a health check's command that does harm; "": none is known."""
    match = _HOLDS_CONNECTION.search(command)
    if match:
        return match[1] or match[2]
    match = _HARMFUL_CALL.search(command) or _PROGRAM.search(command)
    if match:
        return match[1]
    client = _CLIENT.search(command)
    if client and not _CLIENT_DEADLINE.search(command):
        return f"{client[1]} without a time limit"
    return ""
