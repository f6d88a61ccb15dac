"""One try to deliver a message, and how long to wait before the next."""

import zlib
from enum import StrEnum
from typing import NamedTuple, Protocol

from sidecar.core.record import Message

FIRST_WAIT_S = 5.0
LONGEST_WAIT_S = 900.0
LONGEST_ASKED_S = 3600.0
JITTER = 0.2
_MAY_PASS = frozenset({408, 421, 425, 429})
_MAX_ERROR = 200


class Delivery(StrEnum):
    """How a try ended. Public names: the metric of notifications has them."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """It may work later."""
    GIVEN_UP = "given_up"
    """It never will."""


class Attempt(NamedTuple):
    """``error`` fits a log line; ``retry_after_s``: the receiver asked for that."""

    delivery: Delivery
    error: str = ""
    retry_after_s: float | None = None


class Channel(Protocol):
    """Something that messages are sent to."""

    @property
    def name(self) -> str:
        """As in ``Message.channel``."""

    async def send(self, message: Message) -> Attempt:
        """Try once; the caller sets the deadline. Raises nothing of its own."""


DELIVERED = Attempt(Delivery.DELIVERED)


def failed(error: str, retry_after_s: float | None = None) -> Attempt:
    """It may work later."""
    return Attempt(Delivery.FAILED, error[:_MAX_ERROR], retry_after_s)


def hopeless(error: str) -> Attempt:
    """It can never be delivered."""
    return Attempt(Delivery.GIVEN_UP, error[:_MAX_ERROR])


def from_status(status: int, retry_after: str) -> Attempt:
    """What an HTTP answer means; ``retry_after`` is that header or empty."""
    if 200 <= status < 300:  # noqa: PLR2004
        return DELIVERED
    error = f"the receiver answered HTTP {status}"
    if 400 <= status < 500 and status not in _MAY_PASS:  # noqa: PLR2004
        return hopeless(error)
    return failed(error, asked_wait_s(retry_after))


def asked_wait_s(retry_after: str) -> float | None:
    """Seconds of a Retry-After header; a date or nonsense counts as none."""
    try:
        asked = float(retry_after)
    except ValueError:
        return None
    return asked if 0.0 <= asked < float("inf") else None


def wait_s(message_id: str, attempts: int, asked_s: float | None = None) -> float:
    """Until the next try, after ``attempts`` failures: doubling, spread by the id."""
    doublings = max(0, min(attempts - 1, 30))
    own_s = min(FIRST_WAIT_S * 2.0**doublings, LONGEST_WAIT_S)
    fraction = zlib.crc32(f"{message_id}/{attempts}".encode()) / 2**32
    own_s *= 1.0 + JITTER * fraction
    return max(own_s, min(asked_s or 0.0, LONGEST_ASKED_S))
