"""`sidecar init` and `sidecar doctor`: a plan of files, and the hazards of a stack."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from sidecar.app.host_facts import find_disks, find_socket, is_known_zone
from sidecar.app.identity import StackUnknown, find_own_container_once
from sidecar.app.setup_files import plan_files
from sidecar.cli.local_commands_port import CommandFailed, SetupPlan
from sidecar.config.compose_file import read_compose_file
from sidecar.config.load import load
from sidecar.config.problem import ConfigError
from sidecar.config.settings import Settings
from sidecar.core.ports.engine import EngineError
from sidecar.core.setup.compose_text import (
    COMPOSE_NAME,
    FILE_NAME,
    ComposePlace,
    secret_file,
    write_compose,
)
from sidecar.core.setup.file_text import comment_text, write_file
from sidecar.core.setup.hazards.diagnosis import Diagnosis, diagnose
from sidecar.core.setup.hazards.hazard import LANGUAGES
from sidecar.core.setup.proposal import SetupProposal, propose_setup
from sidecar.core.setup.stack_facts import ServiceFacts, StackFacts
from sidecar.engine.connection import EngineConnection
from sidecar.engine.docker_host import BadEngineAddress
from sidecar.engine.features import Feature
from sidecar.engine.projects import projects_seen
from sidecar.engine.survey import Survey, SurveyedService, survey_stack
from sidecar.host.signals import catches_sigterm
from sidecar.telemetry.secret_mask import Mask


class _Surveyed(NamedTuple):
    stack: str
    survey: Survey


class _Source(NamedTuple):
    """Facts for ``init``; ``name`` says what was read."""

    facts: StackFacts
    name: str
    unreadable: tuple[str, ...] = ()
    foreign_networks: frozenset[str] = frozenset()


def plan_setup(stack: str | None, compose: Path | None, folder: Path) -> SetupPlan:
    """The files that ``init`` proposes. Raises CommandFailed."""
    source = _read_stack(stack) if compose is None else _read_compose(compose)
    proposal = propose_setup(source.facts)
    if not proposal.targets:
        raise CommandFailed(
            f"nothing to watch was found in {source.name}: no wallet daemon, and no "
            "service that speaks HTTP; write a sidecar.yaml: docs/configuration.md"
        )
    socket = find_socket(os.environ)
    group = socket.group_id if socket is not None else None
    place = ComposePlace(os.fspath(folder), group, source.foreign_networks)
    texts = {
        FILE_NAME: write_file(proposal, source.name),
        COMPOSE_NAME: write_compose(proposal, place),
    }
    remarks = _remarks(proposal, source.unreadable)
    return SetupPlan(plan_files(folder, texts), tuple(remarks))


def _read_stack(stack: str | None) -> _Source:
    name, survey = _survey(stack)
    foreign = (service.foreign_networks for service in survey.services)
    return _Source(
        StackFacts(name, tuple(service.facts for service in survey.services)),
        f'the running stack "{name}"',
        survey.unreadable,
        frozenset().union(*foreign),
    )


def _read_compose(path: Path) -> _Source:
    try:
        return _Source(read_compose_file(path), f"the compose file {path.name}")
    except ConfigError as error:
        raise CommandFailed(str(error)) from error


def _remarks(proposal: SetupProposal, unreadable: tuple[str, ...]) -> list[str]:
    remarks = [
        f"make the file {secret_file(secret)} with the daemon's rpcpassword: "
        f"{COMPOSE_NAME} has the command; no password is written by this command"
        for secret in proposal.secrets
    ]
    for service, variable in proposal.hazards:
        remarks.append(
            f"hazard: {comment_text(variable)} of {comment_text(service)} is in its "
            "plain environment; sidecar doctor says what mends it"
        )
    remarks += [f"not read: the container {comment_text(name)}" for name in unreadable]
    return remarks


# --- doctor


def diagnose_stack(stack: str | None, language: str | None) -> Diagnosis:
    """The hazards of a stack. Raises CommandFailed.

    If the engine's socket may not be used, that is the one hazard that is known.
    """
    settings = _settings()
    words = language or _language(settings)
    socket = find_socket(os.environ)
    try:
        surveyed = _survey(stack)
    except CommandFailed:
        if socket is None or socket.may_use:
            raise
        return diagnose(StackFacts(stack or "", (), socket), words)
    survey = surveyed.survey
    services = tuple(_complete(service) for service in survey.services)
    facts = StackFacts(
        surveyed.stack,
        services,
        socket,
        find_disks(os.environ, survey.root_folder, services),
        survey.clock_ahead_s,
        tuple(_declared_wallets(settings)),
    )
    return diagnose(facts, words)


def _complete(service: SurveyedService) -> ServiceFacts:
    """The facts with what the engine does not tell."""
    facts = service.facts
    zone = facts.time_zone
    return replace(
        facts,
        catches_sigterm=catches_sigterm(service.pid, service.container_id),
        is_known_zone=is_known_zone(zone) if zone else None,
    )


def _settings() -> Settings | None:
    """Sidecar's settings; None: there are none yet, or they have faults."""
    try:
        return load(os.environ, None)
    except ConfigError:
        return None


def _language(settings: Settings | None) -> str:
    named = os.environ.get("SIDECAR_LANGUAGE", "")
    if named in LANGUAGES:
        return named
    return settings.language if settings is not None else LANGUAGES[0]


def _declared_wallets(settings: Settings | None) -> Iterator[tuple[str, int]]:
    """Services that the settings call wallet daemons, with their RPC ports."""
    for target in settings.targets if settings is not None else ():
        if target.wallet is not None:
            parts = urlsplit(target.wallet.url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            yield target.container or target.service or target.name, port


# --- the survey


def _survey(stack: str | None) -> _Surveyed:
    try:
        return asyncio.run(_survey_stack(stack))
    except (StackUnknown, BadEngineAddress, EngineError) as error:
        raise CommandFailed(str(error)) from error


async def _survey_stack(stack: str | None) -> _Surveyed:
    mask = Mask()
    own = await find_own_container_once(mask)
    link = EngineConnection.from_environ(
        os.environ,
        on_request=lambda *_: None,
        mask=mask,
        features_in_use=lambda: {Feature.DOCTOR},
    )
    try:
        name = stack or os.environ.get("SIDECAR_STACK") or (own.stack if own else "")
        name = name or await _only_project(link)
        survey = await survey_stack(link, name, own.id if own is not None else "")
    finally:
        await link.close()
    if not survey.services:
        unread = ", ".join(survey.unreadable) or "none"
        raise StackUnknown(
            f"no container of the stack {name!r} could be read (not read: {unread}); "
            "give the compose project with --stack"
        )
    return _Surveyed(name, survey)


async def _only_project(link: EngineConnection) -> str:
    projects = await projects_seen(link)
    if len(projects) == 1:
        return projects[0]
    names = ", ".join(projects) or "none"
    raise StackUnknown(
        f"no stack was named; give the compose project with --stack; there are: {names}"
    )
