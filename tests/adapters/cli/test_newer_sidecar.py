"""The command line reads the answers of a newer sidecar: it ignores what is new."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.support.api_services import ApiServiceFakes
from tests.support.command_runner import CommandRunner, serve, sidecar
from tests.support.incident_archive import Archive, record_healed_incident

NEW = {"what": ["nobody", "knows"]}


def make_newer(document: Any) -> Any:  # noqa: ANN401 - any JSON document
    """The document with an unknown field in each object."""
    if isinstance(document, dict):
        return {"new": NEW, **{k: make_newer(v) for k, v in document.items()}}
    if isinstance(document, list):
        return [make_newer(item) for item in document]
    return document


@asynccontextmanager
async def serve_newer(url: str) -> AsyncIterator[str]:
    """A server that passes the answers of the one at ``url`` on, made newer."""

    async def answer(request: web.Request) -> web.Response:
        async with aiohttp.request("GET", url + request.path_qs) as response:
            document = make_newer(await response.json())
        if "entries" in document:
            unknown = {"type": "dream", "at": "later"}
            document["entries"] = [unknown, *document["entries"]]
        return web.json_response(document)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def archive() -> ApiServiceFakes:
    return Archive()


@pytest.fixture
async def run_command(archive: ApiServiceFakes) -> AsyncIterator[CommandRunner]:
    async for runner in serve(archive):
        yield runner


@pytest.mark.parametrize(
    "command",
    ["status", "targets", "schedule", "history", "remedies", "incidents", "report"],
)
async def test_command_prints_the_same_with_the_answer_of_a_newer_sidecar(
    archive: ApiServiceFakes, run_command: CommandRunner, command: str
) -> None:
    record_healed_incident(archive)
    expected = await run_command(command)
    async with serve_newer(run_command.url) as url:
        result = await sidecar(command, "--url", url)
    assert result == expected
    assert result.status == 0


async def test_incident_prints_the_same_with_the_answer_of_a_newer_sidecar(
    archive: ApiServiceFakes, run_command: CommandRunner
) -> None:
    incident_id = record_healed_incident(archive)
    expected = await run_command("incident", incident_id, token="")
    async with serve_newer(run_command.url) as url:
        result = await sidecar("incident", incident_id, "--url", url)
    assert result == expected
    assert result.status == 0
