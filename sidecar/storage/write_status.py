"""The store's write status; each change is logged once."""

from loguru import logger

from sidecar.core.ports.loop import Clock, Component


class WriteStatus:
    """``note``: a remark for people although the store is writable."""

    def __init__(self, clock: Clock, note: str = "") -> None:
        self._clock = clock
        self._note = note
        self._trouble = ""
        self._since_wall = clock.now().wall

    @property
    def ok(self) -> bool:
        """Was the last attempt a success?"""
        return not self._trouble

    def note_failure(self, reason: str) -> None:
        """Note a failed attempt."""
        if self.ok:
            self._since_wall = self._clock.now().wall
            logger.error(
                "the store cannot be written, watching goes on from memory: {}", reason
            )
        self._trouble = reason

    def note_success(self, dropped: int) -> None:
        """Note a success; ``dropped``: number of journal entries that were lost."""
        if self.ok:
            return
        self._trouble = ""
        self._since_wall = self._clock.now().wall
        loss = f"; {dropped} lines of the journal are lost" if dropped else ""
        logger.warning("the store can be written again{}", loss)

    def component(self) -> Component:
        """The store's health, for readiness."""
        reason = self._trouble or self._note
        return Component("store", self.ok, reason, self._since_wall)
