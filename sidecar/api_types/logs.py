"""The log of a target's container: one record a line."""

from msgspec import UNSET, Struct, UnsetType


class LogRecord(Struct, frozen=True):
    """A line of the log, or a remark of Sidecar about the lines beside it.

    A line has ``at``, the engine's time (null: not known), and ``text``; a remark has
    ``note`` alone.
    """

    at: str | UnsetType | None = UNSET
    text: str | UnsetType = UNSET
    note: str | UnsetType = UNSET
