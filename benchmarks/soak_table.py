"""The tables of a soak: faults by kind, wrong actions, growth, addresses. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.soak_verdict import (
    Growth,
    KindSummary,
    Outcome,
    StackRecord,
    find_growth,
    find_wrong_acts,
    summarize_kinds,
)
from benchmarks.table import HEADER, Row, line

KIND_HEADER = (
    "| fault | faults | healed | on order | left alone | median | worst | within | |",
    "|---|---|---|---|---|---|---|---|---|",
)


class GrowthLimit(NamedTuple):
    """The growth of a measurement that is allowed, and its name for people."""

    name: str
    what: str
    unit: str
    most: float


GROWTH_LIMITS = (
    GrowthLimit("rss_mb", "memory (RSS)", " MB", 6.0),
    GrowthLimit("pss_mb", "memory (PSS)", " MB", 12.0),
    GrowthLimit("processes", "processes", "", 2.0),
    GrowthLimit("open_files", "open files", "", 8.0),
    GrowthLimit("threads", "threads", "", 3.0),
    GrowthLimit("engine_connections", "connections to the engine", "", 6.0),
    GrowthLimit("store_mb", "store, records of a minute kept", " MB", 3.0),
)
"""PSS also changes when another process maps the same libraries, or ends. The store
has a write-ahead log, which grows to 4 MB and begins again.
"""
WARM_UP_S = 120.0
STORE_MB = 8.0
OUTBOX = 20.0
"""Messages that may wait at a time; all of them arrive within seconds."""


def write_tables(
    records: Sequence[StackRecord], warm_up_s: float = WARM_UP_S
) -> tuple[str, bool]:
    """The tables as Markdown, and whether everything is right."""
    faults = [fault for record in records for fault in record.faults]
    kinds = list(summarize_kinds(faults))
    rows = list(_rows(records, warm_up_s))
    wrong = list(_name_wrongs(records, kinds))
    lines = [*KIND_HEADER, *map(_kind_line, kinds), "", *HEADER, *map(line, rows)]
    if wrong:
        lines += ["", *wrong]
    is_right = (
        bool(faults) and not wrong and all(row.is_met is not False for row in rows)
    )
    if not faults:
        lines += ["", "no fault has ended: nothing is proven"]
    return "\n".join(lines), is_right


def _kind_line(kind: KindSummary) -> str:
    cells = (
        kind.kind.what,
        sum(kind.counts.values()),
        kind.counts[Outcome.HEALED],
        kind.counts[Outcome.ORDERED],
        kind.counts[Outcome.LEFT],
        f"{median(kind.took_s):.1f} s",
        f"{max(kind.took_s):.1f} s",
        f"{kind.bound_s:.0f} s",
        "**missed**" if kind.wrong else "met",
    )
    return f"| {' | '.join(map(str, cells))} |"


def _rows(records: Sequence[StackRecord], warm_up_s: float) -> Iterator[Row]:
    faults = sum(len(record.faults) for record in records)
    acts = sum(len(record.acts) for record in records)
    wrong = sum(len(find_wrong_acts(each.faults, each.acts)) for each in records)
    what = f"wrong actions, {faults} faults, {acts} requests to the engine"
    yield _zero_row(what, wrong)
    handed_out = sum(record.handed_out for record in records)
    lost = sum(len(record.lost_addresses) for record in records)
    yield _zero_row("addresses lost", lost, f"{lost} of {handed_out}")
    given_up = sum(record.given_up for record in records)
    yield Row("addresses lost by restarts ordered with --now", str(given_up))
    for limit in GROWTH_LIMITS:
        yield _growth_row(limit, records, warm_up_s)
    samples = [sample for record in records for sample in record.samples]
    if samples:
        store_mb = max(sample.store_mb for sample in samples)
        yield _at_most("store (most)", f"{store_mb:.1f} MB", store_mb, STORE_MB, " MB")
        outbox = max(sample.outbox for sample in samples)
        yield _at_most("messages that wait (most)", f"{outbox:.0f}", outbox, OUTBOX)
        left = sum(record.samples[-1].outbox for record in records if record.samples)
        yield _zero_row("messages that wait at the end", left, f"{left:.0f}")


def _growth_row(
    limit: GrowthLimit, records: Iterable[StackRecord], warm_up_s: float
) -> Row:
    what = f"growth of {limit.what}"
    found = (find_growth(each.samples, limit.name, warm_up_s) for each in records)
    growths = [each for each in found if each is not None]
    if not growths:
        return Row(what, "not judged: too short")
    worst = max(growths, key=lambda growth: growth.by)
    return _at_most(what, _figure(worst, limit), worst.by, limit.most, limit.unit)


def _figure(growth: Growth, limit: GrowthLimit) -> str:
    values = f"{growth.early:.1f} to {growth.late:.1f}"
    return f"{growth.by:+.1f}{limit.unit} ({values})"


def _zero_row(what: str, failures: float, figure: str = "") -> Row:
    return Row(what, figure or str(failures), owed="0", is_met=not failures)


def _at_most(what: str, figure: str, value: float, most: float, unit: str = "") -> Row:
    return Row(what, figure, owed=f"≤ {most:g}{unit}", is_met=value <= most)


def _name_wrongs(
    records: Iterable[StackRecord], kinds: Iterable[KindSummary]
) -> Iterator[str]:
    for record in records:
        for wrong in find_wrong_acts(record.faults, record.acts):
            part = wrong.act.part or "a foreign container"
            yield f"- wrong: {wrong.act.verb} of {part}: {wrong.why}"
        for address in record.lost_addresses:
            yield f"- wrong: address {address} is lost"
    for kind in kinds:
        for fault in kind.wrong:
            yield (
                f"- wrong: {fault.kind.what} (beside it: {fault.beside}): "
                f"{fault.outcome} after {fault.took_s:.1f} s, owed within "
                f"{fault.bound_s:.0f} s. {fault.note}"
            )
