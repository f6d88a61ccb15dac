"""Times as Sidecar and the engine write them."""

from datetime import datetime


def unix_time(stamp: str) -> float:
    """The Unix time of an RFC 3339 timestamp."""
    return datetime.fromisoformat(stamp).timestamp()
