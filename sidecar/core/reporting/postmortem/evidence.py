"""The appendix of a post-mortem: logs, processes, checks, amounts."""

from collections.abc import Iterator, Mapping

from sidecar.core.model.probe_result import Balance
from sidecar.core.reporting.incident_review import (
    BalanceEntry,
    IncidentReview,
)
from sidecar.core.text.formatting import format_clock
from sidecar.core.text.markdown import escape, fence, format_table

LOG_LINES = 40
LOG_CHARACTERS = 6000
PROBES = 10
PROCESSES = 20
BUNDLES = 3


def write_evidence(review: IncidentReview) -> Iterator[str]:
    """The paragraphs of the appendix."""
    yield "For those who look into it; to be left out of what is sent to others."
    yield from _write_amounts(review)
    if not review.evidence:
        yield "There is none, or it needs the control socket or the API token."
        return
    bundles = review.evidence[-BUNDLES:]
    if len(bundles) < len(review.evidence):
        yield f"The last {len(bundles)} of {len(review.evidence)} bundles."
    for bundle in bundles:
        yield from _write_bundle(bundle)


def _write_amounts(review: IncidentReview) -> Iterator[str]:
    balances = [
        balance for balance in review.balances if balance.before or balance.after
    ]
    if not balances:
        return
    rows = [
        (
            format_clock(balance.at_wall),
            escape(balance.target),
            part,
            *_amounts_of(balance, part),
        )
        for balance in balances
        for part in Balance._fields
    ]
    yield "The wallet's balance around each remedy, in whole coins:"
    yield format_table(("seen", "what", "part", "before", "after"), rows)


def _amounts_of(balance: BalanceEntry, part: str) -> tuple[str, str]:
    before, after = (
        escape(amounts[part]) if amounts else "not known"
        for amounts in (balance.before, balance.after)
    )
    return before, after


def _write_bundle(bundle: Mapping[str, object]) -> Iterator[str]:
    name, decision = bundle.get("name"), bundle.get("decision")
    yield f"### {escape(str(name or 'unnamed'))}: {escape(str(decision or ''))}"
    log = bundle.get("log")
    if log:
        yield "The end of what it logged since it was started:"
        tail = "\n".join(str(log)[-LOG_CHARACTERS:].split("\n")[-LOG_LINES:])
        yield fence(tail)
    elif log is not None:
        yield "It logged nothing since it was started."
    processes = bundle.get("processes")
    if isinstance(processes, list | tuple) and processes:
        yield "Its processes (pid, parent, state, command):"
        yield fence("\n".join(map(_process_line, processes[:PROCESSES])))
    probes = bundle.get("probes")
    if isinstance(probes, list | tuple) and probes:
        yield "The last checks:"
        yield fence("\n".join(str(line) for line in probes[-PROBES:]))
    missing = bundle.get("missing")
    if isinstance(missing, list | tuple) and missing:
        yield f"Could not be had: {escape('; '.join(str(item) for item in missing))}."


def _process_line(process: object) -> str:
    parts = process if isinstance(process, list | tuple) else (process,)
    return " ".join(map(str, parts))
