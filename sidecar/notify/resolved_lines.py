"""Keys of the lines of a message about the end of an incident."""

from collections.abc import Iterator

from sidecar.core.incidents.payment_impact import Payments
from sidecar.core.model.cause import Cause
from sidecar.notify.payment_lines import Values, payments_key


def resolved_keys(end_form: str, values: Values) -> Iterator[str]:
    """Keys of the texts of an end in one of its forms, in their order."""
    if values["affected"]:
        yield "line.affected"
    if values["followers"]:
        yield "line.followers"
    if end_form == "closed":
        yield "payments.until_made"
        yield "line.measured"
        yield f"done.nothing.{Cause.ADDRESSES_LOST}"
        yield "advice.closed_stop" if values["dependents"] else "advice.closed"
        return
    if end_form == "mended":
        yield payments_key(values)
        yield "done.wallet_sound"
        yield "advice.none"
        return
    if end_form == "resolved":
        fine = values.get("payments") == Payments.FINE
        yield "payments.over" if fine else payments_key(values)
    yield "line.deeds" if values["deeds"] else "done.alone"
    if values["deeds"] and not values["helped"]:
        changed = values["known_cause"] != values["first_cause"]
        yield "done.otherwise.other" if changed else "done.otherwise"
    yield "advice.resolved" if end_form == "resolved" else "advice.none"
