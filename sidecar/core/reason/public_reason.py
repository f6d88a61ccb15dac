"""Reasons as a visitor of the page may read them."""

from sidecar.core.reason.audience import AUDIENCES, Audience
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Parameter, Reason

PUBLIC_TEXTS = frozenset(
    {
        "action",
        "cause",
        "expected",
        "fault",
        "incident_id",
        "method",
        "policy",
        "root",
        "severity",
        "state",
        "status",
    }
)
"""Parameters whose texts are public names; other parameters are numbers or reasons."""

_NOT_SHOWN = Reason(R.NOT_SHOWN)
_THE_TARGET = Reason(R.THE_TARGET)


def public_reason(reason: Reason) -> Reason:
    """The reason for a visitor: what only operators may read is replaced.

    NOT_SHOWN replaces a reason, and a reason within one, that is for operators; the
    words "the target" replace an address.
    """
    audience = AUDIENCES[reason.code]
    if audience is Audience.OPERATORS:
        return _NOT_SHOWN
    parameters = []
    for name, value in reason.parameters:
        public_value = _public_value(name, value, audience)
        if public_value is None:
            return _NOT_SHOWN
        parameters.append((name, public_value))
    return Reason(reason.code, tuple(parameters))


def _public_value(name: str, value: Parameter, audience: Audience) -> Parameter | None:
    """The parameter for a visitor; None: it is for operators."""
    if isinstance(value, Reason):
        return public_reason(value)
    if name == "place" and audience is Audience.WITHOUT_PLACE:
        return _THE_TARGET
    is_public = name in PUBLIC_TEXTS or not isinstance(value, str)
    return value if is_public else None
