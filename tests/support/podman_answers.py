"""Answers of Podman as they were measured with 4.3.1 and 5.4.2."""

import json
from typing import Any

from tests.support.engine_server import API_VERSION, EngineServer

STARTED = "2026-01-02T03:04:05.123456789Z"
NAME = "Podman Engine"


def version_answer(version: str) -> dict[str, Any]:
    """The answer to ``GET /version``."""
    return {
        "ApiVersion": API_VERSION,
        "MinAPIVersion": "1.24",
        "Components": [{"Name": NAME, "Version": version}, {"Name": "Conmon"}],
    }


def be_podman(server: EngineServer, version: str = "5.4.2") -> None:
    """Let the server say that it is Podman."""
    server.say["/version"] = (200, json.dumps(version_answer(version)).encode())


def say_own_inspect(
    server: EngineServer, container_id: str, state: dict[str, object], status: int = 200
) -> None:
    """Let the server answer Podman's own inspect; it leaves out what is false."""
    body = {"Id": container_id, "State": {"StartedAt": STARTED} | state}
    path = f"/libpod/containers/{container_id}/json"
    server.say[path] = (status, json.dumps(body).encode())
