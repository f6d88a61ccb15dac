"""API of past incidents: its fakes, a caller, and incidents on record."""

import asyncio
from collections.abc import AsyncGenerator
from decimal import Decimal
from typing import Any

import aiohttp

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import RemedyCallResult
from sidecar.core.model.probe_result import (
    Balance,
    ProbeResult,
    WalletFacts,
    probe_success,
)
from sidecar.web.duration_param import DAY_S
from sidecar.web.server import WebServer
from tests.support.api_services import TOKEN, ApiServiceFakes
from tests.support.memory_journal import MemoryJournal
from tests.support.message_world import MessageWorld
from tests.support.public_server import notification_services

WALLET, SERVICE = "electron-cash", "bitcoincash-service"
DEADLINE = aiohttp.ClientTimeout(total=60)
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}


class Archive(ApiServiceFakes):
    """Fakes of the API, with durations in days and hours."""

    def __init__(
        self,
        journal: MemoryJournal | None = None,
        world: type[MessageWorld] = MessageWorld,
    ) -> None:
        super().__init__(world=world)
        if journal is not None:
            self.journal = journal
        self.desk = self.without(seconds=parse_days, journal=self.journal)


def parse_days(text: str) -> float:
    """Seconds of a duration in days, hours or seconds: ``30d`` and the like."""
    sizes = {"d": DAY_S, "h": 3600.0, "s": 1.0}
    if text[-1:] not in sizes or not text[:-1].isdecimal():
        raise ValueError(text)
    return int(text[:-1]) * sizes[text[-1]]


class Caller:
    """Client of the API of one archive."""

    def __init__(self, archive: Archive, port: int) -> None:
        self.archive = archive
        self.http = aiohttp.ClientSession(f"http://127.0.0.1:{port}", timeout=DEADLINE)

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        async with self.http.get(f"/api/v1{path}", headers=headers) as response:
            return response.status, await response.json()


async def serve_archive(archive: Archive) -> AsyncGenerator[Caller, None]:
    """Serve the API of the archive; yield a client of it."""
    notify = notification_services()
    server = WebServer(archive.desk, "127.0.0.1", 0, notify=notify)
    await server.start()
    caller = Caller(archive, server.port)
    try:
        yield caller
    finally:
        await caller.http.close()
        async with asyncio.timeout(60):
            await server.stop()


def balance_probe(confirmed: str) -> ProbeResult:
    """Success of a wallet daemon with this balance."""
    return probe_success(wallet=WalletFacts(balance=Balance(Decimal(confirmed))))


def record_open_incident(fakes: ApiServiceFakes) -> str:
    """Fail the root target; return the incident's id."""
    fakes.world.relist()
    fakes.world.fails(WALLET, Cause.REFUSED)
    incident_id = fakes.world.instance(WALLET).incident
    assert incident_id is not None
    return incident_id


def record_healed_incident(fakes: ApiServiceFakes) -> str:
    """Record one incident from its beginning to its end; return its id."""
    world = fakes.world
    incident_id = record_open_incident(fakes)
    world.fails(SERVICE, Cause.HTTP_5XX)
    world.complete_remedy(WALLET, RemedyCallResult.DONE)
    world.works(WALLET)
    world.works(SERVICE)
    return incident_id
