"""Can the store be written? Said once when that changes."""

from loguru import logger

from sidecar.core.ports.loop import Clock, Component


class WriteStatus:
    """``note``: what must be known though the store is writable."""

    def __init__(self, clock: Clock, note: str = "") -> None:
        self._clock = clock
        self._note = note
        self._trouble = ""
        self._since_wall = clock.now().wall

    @property
    def ok(self) -> bool:
        """Was the last attempt a success?"""
        return not self._trouble

    def failed(self, reason: str) -> None:
        """An attempt failed."""
        if self.ok:
            self._since_wall = self._clock.now().wall
            logger.error(
                "the store cannot be written, watching goes on from memory: {}", reason
            )
        self._trouble = reason

    def worked(self, dropped: int) -> None:
        """An attempt succeeded; ``dropped`` journal lines had been too many to wait."""
        if self.ok:
            return
        self._trouble = ""
        self._since_wall = self._clock.now().wall
        lost = f"; {dropped} lines of the journal are lost" if dropped else ""
        logger.warning("the store can be written again{}", lost)

    def component(self) -> Component:
        """For readiness."""
        reason = self._trouble or self._note
        return Component("store", self.ok, reason, self._since_wall)
