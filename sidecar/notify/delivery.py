"""One try to deliver a message, and how long to wait before the next."""

import zlib
from enum import StrEnum
from typing import NamedTuple, Protocol

from sidecar.core.model.message import Message

FIRST_WAIT_S = 5.0
DOUBT_WAIT_S = 120.0
"""Wait after a try that may have arrived: a slow receiver may still work on it."""
LONGEST_WAIT_S = 900.0
LONGEST_ASKED_S = 3600.0
JITTER = 0.2
_MAY_PASS = frozenset({408, 421, 425, 429})
_GATEWAY_TIMEOUTS = frozenset({504, 524})
"""A proxy's answers: the server behind it may have accepted the message."""
_MAX_ERROR = 200


class DeliveryStatus(StrEnum):
    """Outcome of a try. Public names: the metric of notifications has them."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """It may work later."""
    GIVEN_UP = "given_up"
    """It never will."""


class DeliveryResult(NamedTuple):
    """``error`` fits a log line; ``retry_after_s``: the receiver asked for that.

    ``is_doubtful``: it may have arrived all the same, for the try ended between the
    request and its answer. ``is_expected``: the channel works, its receiver is down
    for a reason that Sidecar knows.
    """

    delivery: DeliveryStatus
    error: str = ""
    retry_after_s: float | None = None
    is_doubtful: bool = False
    is_expected: bool = False


class Channel(Protocol):
    """A destination of messages."""

    @property
    def name(self) -> str:
        """The name, as in ``Message.channel``."""

    @property
    def knows_repeats(self) -> bool:
        """Does its receiver treat two messages with one id as one?"""

    async def send(self, message: Message) -> DeliveryResult:
        """Try once; the caller sets the deadline. Raises nothing of its own."""


DELIVERED = DeliveryResult(DeliveryStatus.DELIVERED)


def temporary_failure(error: str, retry_after_s: float | None = None) -> DeliveryResult:
    """The message did not arrive; a later try may succeed."""
    return DeliveryResult(DeliveryStatus.FAILED, error[:_MAX_ERROR], retry_after_s)


def expected_failure(error: str) -> DeliveryResult:
    """The receiver is a container that does not run; a later try may succeed."""
    return DeliveryResult(DeliveryStatus.FAILED, error[:_MAX_ERROR], is_expected=True)


def doubtful_failure(error: str) -> DeliveryResult:
    """The message was sent; whether it arrived is unknown."""
    return DeliveryResult(DeliveryStatus.FAILED, error[:_MAX_ERROR], is_doubtful=True)


def permanent_failure(error: str) -> DeliveryResult:
    """The message can never be delivered."""
    return DeliveryResult(DeliveryStatus.GIVEN_UP, error[:_MAX_ERROR])


def from_status(status: int, retry_after: str) -> DeliveryResult:
    """The result of an HTTP answer; ``retry_after`` is that header or empty."""
    if 200 <= status < 300:  # noqa: PLR2004
        return DELIVERED
    error = f"the receiver answered HTTP {status}"
    if 400 <= status < 500 and status not in _MAY_PASS:  # noqa: PLR2004
        return permanent_failure(error)
    if status in _GATEWAY_TIMEOUTS:
        return doubtful_failure(error)
    return temporary_failure(error, asked_wait_s(retry_after))


def asked_wait_s(retry_after: str) -> float | None:
    """Seconds of a Retry-After header; a date or nonsense counts as none."""
    try:
        wait_s = float(retry_after)
    except ValueError:
        return None
    return wait_s if 0.0 <= wait_s < float("inf") else None


def wait_s(
    message_id: str, attempts: int, last: DeliveryResult, *, repeats: bool
) -> float:
    """Seconds until the next try, after ``attempts`` failures: doubling, with jitter.

    ``last`` is the last result; ``repeats``: the receiver detects a repeat.
    """
    first_s = DOUBT_WAIT_S if last.is_doubtful and not repeats else FIRST_WAIT_S
    doublings = max(0, min(attempts - 1, 30))
    own_s = min(first_s * 2.0**doublings, LONGEST_WAIT_S)
    fraction = zlib.crc32(f"{message_id}/{attempts}".encode()) / 2**32
    own_s *= 1.0 + JITTER * fraction
    return max(own_s, min(last.retry_after_s or 0.0, LONGEST_ASKED_S))
