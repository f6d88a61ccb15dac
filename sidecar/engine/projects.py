"""The names of the engine's compose projects: for advice, never for acting."""

from sidecar.core.ports.engine import EngineError
from sidecar.engine.client import Client
from sidecar.engine.connection import EngineConnection
from sidecar.engine.containers import STACK_LABEL

_DEADLINE_S = 10.0
_SHOWN = 20


async def projects_seen(link: EngineConnection) -> tuple[str, ...]:
    """The first names in order; none where the engine does not answer."""
    try:
        names = await link.ask("list", _list_names, _DEADLINE_S)
    except EngineError:
        return ()
    return names[:_SHOWN]


def _list_names(client: Client) -> tuple[str, ...]:
    label = STACK_LABEL
    entries = client.containers(all=True, filters={"label": [label]})
    names = {str((entry.get("Labels") or {}).get(label, ""))[:100] for entry in entries}
    return tuple(sorted(name for name in names if name.isprintable() and name))
