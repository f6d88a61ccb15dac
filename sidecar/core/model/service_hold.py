"""Why a swarm service is left alone: an operator's order that lasts."""

from enum import StrEnum


class ServiceHold(StrEnum):
    """An operator's order for a swarm service; the updates have the engine's words."""

    NONE = ""
    SCALED_TO_ZERO = "scaled to 0"
    UPDATING = "updating"
    UPDATE_PAUSED = "paused"
    ROLLING_BACK = "rollback_started"
    ROLLBACK_PAUSED = "rollback_paused"

    @property
    def is_update(self) -> bool:
        """Is it an update that has not ended?"""
        return self not in {ServiceHold.NONE, ServiceHold.SCALED_TO_ZERO}

    @property
    def is_under_way(self) -> bool:
        """Does swarm replace tasks now?"""
        return self in {ServiceHold.UPDATING, ServiceHold.ROLLING_BACK}
