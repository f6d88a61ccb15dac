"""Proposal of targets for a stack: what is watched, how, and why."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sidecar.core.setup.http_services import ANY_ANSWER, HttpService, find_http
from sidecar.core.setup.service_dependencies import (
    DependencyEvidence,
    find_dependencies,
)
from sidecar.core.setup.stack_facts import ServiceFacts, StackFacts
from sidecar.core.setup.variables import references_to
from sidecar.core.setup.wallet_daemons import (
    FoundSetting,
    find_rpc_port,
    find_rpc_user,
    find_wallets,
)

SECRET = "sidecar_rpcpassword"  # noqa: S105 - a name
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
"""The rule of the file for names of targets."""


class WalletTarget(NamedTuple):
    """A wallet daemon; ``secret``: the name of the file with its RPC password."""

    port: FoundSetting
    user: FoundSetting
    secret: str


class HttpTarget(NamedTuple):
    """A service that speaks HTTP; ``statuses`` empty: the default, 200."""

    address: HttpService
    statuses: tuple[int, ...]


class NativeTarget(NamedTuple):
    """A service whose own HEALTHCHECK is used."""


@dataclass(frozen=True, slots=True)
class ProposedTarget:
    """One target of the proposed configuration; ``why`` fits after "because"."""

    service: ServiceFacts
    why: str
    probe: WalletTarget | HttpTarget | NativeTarget
    depends_on: tuple[DependencyEvidence, ...] = ()


@dataclass(frozen=True, slots=True)
class SetupProposal:
    """The targets, wallet daemons first, and what a person has to know.

    ``unwatched``: services that are not watched, each with the reason. ``hazards``:
    names of variables with passwords in plain environments, by service.
    """

    stack: StackFacts
    targets: tuple[ProposedTarget, ...]
    unwatched: tuple[tuple[str, str], ...]
    hazards: tuple[tuple[str, str], ...]

    @property
    def services(self) -> tuple[ServiceFacts, ...]:
        """The services that are watched."""
        return tuple(target.service for target in self.targets)

    @property
    def wallets(self) -> tuple[tuple[ServiceFacts, WalletTarget], ...]:
        """The wallet daemons."""
        return tuple(
            (target.service, target.probe)
            for target in self.targets
            if isinstance(target.probe, WalletTarget)
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the files with RPC passwords that a person has to make."""
        return tuple(probe.secret for _, probe in self.wallets)

    @property
    def networks(self) -> tuple[str, ...]:
        """Networks that Sidecar needs so that it shares one with each target."""
        chosen: list[str] = []
        for target in self.targets:
            there = target.service.networks or frozenset()
            if there and not there & {*chosen}:
                chosen.append(min(there))
        return tuple(chosen)


def propose_setup(stack: StackFacts) -> SetupProposal:
    """The proposal for a stack."""
    wallets = [pair for pair in find_wallets(stack) if _NAME.fullmatch(pair[0].name)]
    wallet_names = {service.name for service, _ in wallets}
    others = [s for s in stack.others() if s.name not in wallet_names]
    targets = [
        *(_wallet_target(s, why, stack, len(wallets) > 1) for s, why in wallets),
        *filter(None, (_other_target(s, stack, wallet_names) for s in others)),
    ]
    names = [target.service.name for target in targets]
    dependencies = find_dependencies(stack, names)
    return SetupProposal(
        stack,
        tuple(
            ProposedTarget(t.service, t.why, t.probe, dependencies[t.service.name])
            for t in targets
        ),
        tuple(_list_unwatched(others, names)),
        tuple(_plain_passwords(stack, [service for service, _ in wallets])),
    )


def _wallet_target(
    service: ServiceFacts,
    why: str,
    stack: StackFacts,
    is_one_of_several: bool,  # noqa: FBT001
) -> ProposedTarget:
    secret = f"{SECRET}_{service.name}" if is_one_of_several else SECRET
    probe = WalletTarget(
        find_rpc_port(service, stack), find_rpc_user(service, stack), secret
    )
    return ProposedTarget(service, f"it is a wallet daemon: {why}", probe)


def _other_target(
    service: ServiceFacts, stack: StackFacts, wallet_names: set[str]
) -> ProposedTarget | None:
    """The target for a service that speaks HTTP, or that needs a wallet daemon."""
    if not _NAME.fullmatch(service.name):
        return None
    address = find_http(service, stack)
    if address is not None and service.network_mode != "host":
        statuses = () if address.is_health_path else ANY_ANSWER
        probe = HttpTarget(address, statuses)
        return ProposedTarget(service, f"it speaks HTTP: {address.why}", probe)
    needs = find_dependencies(stack, [service.name, *wallet_names])[service.name]
    if service.health_check is None or not needs:
        return None
    why = f"it needs {needs[0].name}, and its container has a HEALTHCHECK"
    return ProposedTarget(service, why, NativeTarget())


def _list_unwatched(
    others: list[ServiceFacts], names: list[str]
) -> Iterator[tuple[str, str]]:
    for service in others:
        if service.name in names:
            continue
        if not _NAME.fullmatch(service.name):
            yield service.name, "its name cannot be the name of a target"
        elif service.network_mode == "host":
            yield service.name, "it is on its host's network: write its address"
        else:
            yield service.name, "nothing shows that it speaks HTTP or needs a wallet"


def _plain_passwords(
    stack: StackFacts, wallets: list[ServiceFacts]
) -> Iterator[tuple[str, str]]:
    """Service and variable of each password of a wallet in a plain environment."""
    for service in stack.others():
        is_caller = any(any(references_to(w, service)) for w in wallets)
        if service in wallets or is_caller:
            for variable in service.variables:
                if variable.is_secret:
                    yield service.name, variable.name
