"""A remedy whose verification an operator ends is no remedy that failed."""

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import Event, RecoverRequested, ReleaseRequested
from sidecar.core.model.message import MessageKind
from sidecar.core.model.transition import RemedyEnded, RemedyOutcome
from tests.support.notification_recipients import WALLET, Notifier


def restarted_wallet() -> Notifier:
    """The verification of its restart is open."""
    notifier = Notifier()
    notifier.world.fails(WALLET, Cause.REFUSED)
    notifier.world.complete_remedy(WALLET)
    notifier.new_messages()
    return notifier


@pytest.mark.parametrize("request_type", [RecoverRequested, ReleaseRequested])
def test_verification_ended_by_operator_sends_no_failure_message(
    request_type: type[RecoverRequested | ReleaseRequested],
) -> None:
    notifier = restarted_wallet()
    event: Event = request_type(notifier.world.now, WALLET)
    notifier.world.send(event)
    (ended,) = (t for t in notifier.world.transitions if isinstance(t, RemedyEnded))
    assert ended.outcome is RemedyOutcome.UNKNOWN
    kinds = [message.kind for message in notifier.new_messages()]
    assert MessageKind.ACTION_FAILED not in kinds


def test_verification_that_no_probe_ends_sends_a_failure_message() -> None:
    notifier = restarted_wallet()
    notifier.world.wait(600.0)
    kinds = [message.kind for message in notifier.new_messages()]
    assert MessageKind.ACTION_FAILED in kinds
