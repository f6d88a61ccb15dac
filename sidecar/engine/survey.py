"""A survey of a stack through the engine, for ``init`` and ``doctor``; reads only."""

import time
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from sidecar.core.model.container import Process
from sidecar.core.ports.engine import EngineError, EngineUnreachable
from sidecar.core.setup.stack_facts import ServiceFacts
from sidecar.engine import containers, requests
from sidecar.engine.client import Client
from sidecar.engine.connection import EngineConnection
from sidecar.engine.containers import STACK_LABEL
from sidecar.engine.errors import TRANSLATED_ERRORS, engine_error
from sidecar.engine.membership import Membership
from sidecar.engine.survey_facts import read_service
from sidecar.engine.survey_types import EngineInfo, SurveyedContainer

_DEADLINE_S = 60.0
_ONE_S = 5.0
MOST_CONTAINERS = 300


class SurveyedService(NamedTuple):
    """One container: its facts, its id, and its main process on the engine's host.

    ``foreign_networks``: its networks that are not of the compose project.
    """

    facts: ServiceFacts
    container_id: str
    pid: int
    foreign_networks: frozenset[str]


class Survey(NamedTuple):
    """The stack's containers and the engine's own facts.

    ``unreadable``: containers about which the engine gave no usable answer.
    ``clock_ahead_s`` None, ``root_folder`` "": the engine does not tell.
    """

    services: tuple[SurveyedService, ...]
    unreadable: tuple[str, ...]
    clock_ahead_s: float | None
    root_folder: str


async def survey_stack(link: EngineConnection, stack: str, own_id: str = "") -> Survey:
    """Survey the containers of a compose project. Raises EngineError.

    Of several replicas of a service the one that was restarted most often is kept.
    """
    return await link.ask(
        "list", lambda client: _Surveyor(client, stack, own_id).survey(), _DEADLINE_S
    )


async def survey_container(
    link: EngineConnection, stack: str, container_id: str
) -> ServiceFacts | None:
    """The facts of one container; None: it is not of the project. EngineError."""

    def survey(client: Client) -> ServiceFacts | None:
        services = _Surveyor(client, stack, "").services(container_id)
        return next((service.facts for service in services), None)

    return await link.ask("inspect", survey, _ONE_S * 2)


class _Surveyor:
    def __init__(self, client: Client, stack: str, own_id: str) -> None:
        self._client = client
        self._stack = stack
        self._own_id = own_id
        self._members = Membership(stack)

    def survey(self) -> Survey:
        label = f"{STACK_LABEL}={self._stack}"
        raw = self._client.containers(all=True, filters={"label": [label]})
        unreadable: list[str] = []
        by_service: dict[str, SurveyedService] = {}
        for entry in containers.read_list(raw)[:MOST_CONTAINERS]:
            try:
                services = list(self.services(entry.id))
            except (*TRANSLATED_ERRORS, EngineError) as error:
                if isinstance(engine_error(error), EngineUnreachable):
                    raise
                unreadable.append((entry.names or [entry.id[:12]])[0].lstrip("/"))
                continue
            for service in services:
                _keep_worst(by_service, service)
        clock_ahead_s, root_folder = self._info()
        return Survey(
            tuple(by_service.values()), tuple(unreadable), clock_ahead_s, root_folder
        )

    def services(self, container_id: str) -> Iterator[SurveyedService]:
        """The container's facts; nothing for a container that is not of the stack."""
        with self._client.within(_ONE_S):
            raw = requests.inspect_with_owner(self._client, container_id)
            if self._members.objection(self._client, containers.read_claim(raw)):
                return
        box = containers.parse(raw, SurveyedContainer)
        processes = None
        if box.state.status == "running":
            processes = self._processes(container_id)
        facts = read_service(raw, self._stack, processes, time.time(), self._own_id)
        own = f"{self._stack}_"
        networks = box.network_settings.networks or {}
        foreign = frozenset(name for name in networks if not name.startswith(own))
        yield SurveyedService(facts, box.id, box.state.pid, foreign)

    def _processes(self, container_id: str) -> tuple[Process, ...] | None:
        try:
            with self._client.within(_ONE_S):
                return requests.processes(self._client, container_id)
        except (*TRANSLATED_ERRORS, EngineError):
            return None

    def _info(self) -> tuple[float | None, str]:
        """The engine's clock minus ours, and its folder; its answer is optional."""
        before = time.time()
        try:
            with self._client.within(_ONE_S):
                raw: object = self._client.info()
            info = containers.parse(raw, EngineInfo)
            engine_wall = containers.epoch_seconds(info.system_time)
        except (*TRANSLATED_ERRORS, EngineError, msgspec.ValidationError):
            return None, ""
        return engine_wall - (before + time.time()) / 2, info.docker_root_dir


def _keep_worst(
    by_service: dict[str, SurveyedService], service: SurveyedService
) -> None:
    kept_service = by_service.get(service.facts.name)
    if (
        kept_service is None
        or kept_service.facts.restart_count < service.facts.restart_count
    ):
        by_service[service.facts.name] = service
