"""Outages as the history has them, for a replay with other settings."""

from typing import NamedTuple

from sidecar.core.model.cause import Cause


class RecordedOutage(NamedTuple):
    """A time in which an instance did not work.

    ``name`` is the public name of the instance. ``ended_wall`` None: it lasts.
    ``restarts``: number of starts and restarts by Sidecar in it. ``is_cured``: the last
    of them brought it back.
    """

    name: str
    cause: Cause | None
    began_wall: float
    ended_wall: float | None
    restarts: int = 0
    is_cured: bool = False
