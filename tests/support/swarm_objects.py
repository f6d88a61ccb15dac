"""Services and tasks of a swarm, as the engine writes them."""

import json
from typing import Any

from tests.support.engine_server import EngineServer

SERVICE_ID = "s" * 25
STACK = "shop"


def raw_service(
    name: str = "payments",
    *,
    stack: str = STACK,
    replicas: int | None = 1,
    update: dict[str, str] | None = None,
    previous: dict[str, Any] | None = None,
    **template: object,
) -> dict[str, Any]:
    """A service; ``replicas`` None: one task on each node."""
    mode = (
        {"Global": {}} if replicas is None else {"Replicated": {"Replicas": replicas}}
    )
    service = {
        "ID": SERVICE_ID,
        "Version": {"Index": 7},
        "Spec": {
            "Name": f"{stack}_{name}",
            "Labels": {"com.docker.stack.namespace": stack, "of": "service"},
            "TaskTemplate": {
                "ContainerSpec": {"Labels": {"of": "container", "own": "yes"}},
                "Networks": [{"Target": "n1", "Aliases": [name]}],
                "ForceUpdate": 0,
            }
            | template,
            "Mode": mode,
        },
    }
    if update is not None:
        service["UpdateStatus"] = update
        service["PreviousSpec"] = previous or service["Spec"]
    return service


def raw_task(
    task_id: str,
    state: str = "running",
    *,
    desired: str = "running",
    slot: int = 1,
    node: str = "node-a",
    minute: int = 0,
    err: str = "",
    exit_code: int = 0,
    network: str = "shop_net",
) -> dict[str, Any]:
    """A task that was created so many minutes after the first ones."""
    return {
        "ID": task_id,
        "CreatedAt": f"2026-01-02T03:{minute:02}:00.123456789Z",
        "ServiceID": SERVICE_ID,
        "Slot": slot,
        "NodeID": node,
        "DesiredState": desired,
        "Spec": {"ForceUpdate": 0},
        "Status": {
            "Timestamp": f"2026-01-02T03:{minute:02}:30.5Z",
            "State": state,
            "Err": err,
            "ContainerStatus": {"ContainerID": f"c-{task_id}", "ExitCode": exit_code},
        },
        "NetworksAttachments": [
            {
                "Network": {"ID": "n1", "Spec": {"Name": network}},
                "Addresses": ["10.0.1.7/24"],
            }
        ],
    }


def serve_swarm(
    server: EngineServer, service: dict[str, Any], *tasks: dict[str, Any]
) -> None:
    """Let the small engine answer as a manager with this service."""
    answers: dict[str, object] = {
        f"/services/{service['ID']}": service,
        "/services": [service],
        "/tasks": list(tasks),
    }
    for path, answer in answers.items():
        server.say[path] = (200, json.dumps(answer).encode())
