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


def write_evidence(found: IncidentReview) -> Iterator[str]:
    """The paragraphs of the appendix."""
    yield "For those who look into it; to be left out of what is sent to others."
    yield from _amounts(found)
    if not found.evidence:
        yield "There is none, or it needs the API token to be shown."
        return
    shown = found.evidence[-BUNDLES:]
    if len(shown) < len(found.evidence):
        yield f"The last {len(shown)} of {len(found.evidence)} bundles."
    for bundle in shown:
        yield from _bundle(bundle)


def _amounts(found: IncidentReview) -> Iterator[str]:
    known = [one for one in found.balances if one.before or one.after]
    if not known:
        return
    rows = [
        (format_clock(one.at_wall), escape(one.target), part, *_amounts_of(one, part))
        for one in known
        for part in Balance._fields
    ]
    yield "The wallet's balance around each remedy, in whole coins:"
    yield format_table(("seen", "what", "part", "before", "after"), rows)


def _amounts_of(one: BalanceEntry, part: str) -> tuple[str, str]:
    before, after = (
        escape(amounts[part]) if amounts else "not known"
        for amounts in (one.before, one.after)
    )
    return before, after


def _bundle(bundle: Mapping[str, object]) -> Iterator[str]:
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
        yield fence("\n".join(map(_process, processes[:PROCESSES])))
    probes = bundle.get("probes")
    if isinstance(probes, list | tuple) and probes:
        yield "The last checks:"
        yield fence("\n".join(str(line) for line in probes[-PROBES:]))
    missing = bundle.get("missing")
    if isinstance(missing, list | tuple) and missing:
        yield f"Could not be had: {escape('; '.join(str(one) for one in missing))}."


def _process(one: object) -> str:
    parts = one if isinstance(one, list | tuple) else (one,)
    return " ".join(map(str, parts))
