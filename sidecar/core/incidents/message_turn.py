"""Several watchdogs: which of them sends a message about the stack.

The holder of the lease sends. The others keep their messages for a while: if the
holder dies before it has sent its own, the next holder has them.
"""

from enum import Enum, auto

from sidecar.core.model.lease import LeaseStatus
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.status.lease import is_held

HOLDER_SENDS_S = 60.0
"""A holder that is alive has sent its own message about the same by then."""

_SENT_BY_EACH = frozenset(
    {
        MessageKind.ENGINE_LOST,
        MessageKind.ENGINE_BACK,
        MessageKind.OWN_NETWORK_LOST,
        MessageKind.OWN_NETWORK_BACK,
        MessageKind.SETTINGS_REFUSED,
        MessageKind.SETTINGS_TAKEN,
        MessageKind.STORE_LOST,
        MessageKind.TEST,
        MessageKind.ROLLING_STOPPED,
    }
)
"""Each watchdog reports what is wrong with itself, and a rolling restart of its own."""


class MessageTurn(Enum):
    """SEND it now, WAIT whether the holder dies, or LEAVE it to the holder."""

    SEND = auto()
    WAIT = auto()
    LEAVE = auto()


def find_turn(lease: LeaseStatus | None, message: Message, at: Moment) -> MessageTurn:
    """Whether this watchdog sends a message, waits, or leaves it to another."""
    if lease is None or message.kind in _SENT_BY_EACH or is_held(lease, at.mono):
        return MessageTurn.SEND
    is_old = at.wall - message.created_wall >= HOLDER_SENDS_S
    if lease.holder and not lease.lost:
        return MessageTurn.LEAVE if is_old else MessageTurn.WAIT
    # Nobody is known to send it: twice is better than never.
    return MessageTurn.SEND if is_old or lease.rank == 0 else MessageTurn.WAIT
