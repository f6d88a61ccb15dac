"""Values of the texts about maintenance tasks and drills."""

from collections.abc import Callable, Mapping

from sidecar.core.reason.reason import Reason
from sidecar.core.reason.reason_text import decode_reason
from sidecar.core.text.time_texts import Words

SHOWN_DETAILS = 20


def task_values(
    facts: Mapping[str, str], words: Words, write: Callable[[Reason], str]
) -> dict[str, str]:
    """The outcome or verdict in words, and the details, a line each.

    They are empty for other messages.
    """
    outcome = facts.get("outcome", "")
    lines = facts.get("details_data", "").splitlines()
    details = [f"- {write(decode_reason(line))}" for line in lines[:SHOWN_DETAILS]]
    if len(lines) > SHOWN_DETAILS:
        count = str(len(lines) - SHOWN_DETAILS)
        details.append(f"- {words('details.more', count=count)}")
    verdict = facts.get("verdict", "")
    return {
        "verdict": words(f"drill_outcome.{verdict}") if verdict else "",
        "outcome": words(f"task_outcome.{outcome}") if outcome else "",
        "details": "\n".join(details),
    }
