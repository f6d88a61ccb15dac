"""The content of the status page as data: targets and incidents, in words."""

from collections.abc import Awaitable, Callable

from sidecar.core.model.instance import Instance
from sidecar.core.model.state import State
from sidecar.core.reason.reason import Reason
from sidecar.core.text.formatting import rfc3339
from sidecar.web.session import Viewer
from sidecar.web.views import status
from sidecar.web.views.status import Json

WriteReason = Callable[[str, Reason], str]
"""A reason as a sentence of a language."""


def snapshot_writer(
    write_reason: WriteReason,
) -> Callable[[State, Viewer, str], Awaitable[Json]]:
    """The function that makes the content for a state, a viewer and a language."""

    async def write_snapshot(state: State, _: Viewer, language: str) -> Json:
        return {
            "targets": [
                _target(instance, write_reason(language, instance.reason))
                for instance in state.instances.values()
            ],
            "incidents": [
                status.incident(incident)
                for incident in reversed(tuple(state.incidents.values()))
            ],
            "html": {},
        }

    return write_snapshot


def _target(instance: Instance, reason: str) -> Json:
    return {
        "name": instance.name,
        "state": instance.state,
        "cause": instance.cause,
        "reason": reason,
        "since": rfc3339(instance.since.wall),
        "incident": instance.incident,
    }
