"""The images of containers."""

from datetime import datetime

from sidecar.core.ports.engine import EngineRefused
from sidecar.engine import api_types
from sidecar.engine.client import Client
from sidecar.engine.connection import EngineConnection
from sidecar.engine.containers import parse

_ANSWER_S = 10.0


async def image_built_wall(link: EngineConnection, container_id: str) -> float:
    """When the image of a container was built (Unix time). EngineError."""
    return await link.ask(
        "inspect", lambda client: _built_wall(client, container_id), _ANSWER_S
    )


def _built_wall(client: Client, container_id: str) -> float:
    inspected: object = client.inspect_container(container_id)
    image_id = parse(inspected, api_types.Inspected).image
    raw: object = client.inspect_image(image_id)  # type: ignore[no-untyped-call]
    created = parse(raw, api_types.InspectedImage).created
    try:
        return datetime.fromisoformat(created).timestamp()
    except ValueError as error:
        raise EngineRefused(
            "the engine does not say when its image was built"
        ) from error
