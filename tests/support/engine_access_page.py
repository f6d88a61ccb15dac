"""``python -m tests.support.engine_access_page`` writes what the list of calls implies.

The tables of ``docs/engine-access.md``, the expressions there for another filter, and
the rules of ``compose/examples/haproxy.cfg``. Each stands between two markers; all
other text stays as it is.
"""

from collections.abc import Callable, Iterator
from itertools import groupby
from textwrap import wrap

from sidecar.engine.calls import CALLS, EngineCall
from sidecar.engine.features import Feature
from tests.support.engine_calls import path_expression
from tests.support.repository import REPOSITORY

PAGE = REPOSITORY / "docs" / "engine-access.md"
FILTER = REPOSITORY / "compose" / "examples" / "haproxy.cfg"
COMMENT = "    # "

Lines = Callable[[], Iterator[str]]


def texts() -> dict[str, str]:
    """The files by name, as they should be."""
    return {
        str(PAGE.relative_to(REPOSITORY)): _fill(
            PAGE.read_text("utf-8"),
            {
                "<!-- engine calls -->": table,
                "<!-- expressions of the filter -->": expressions,
            },
            "<!-- end of {} -->",
        ),
        str(FILTER.relative_to(REPOSITORY)): _fill(
            FILTER.read_text("utf-8"),
            {"    # Engine calls: written by scripts/engine-access": rules},
            "    # End of engine calls",
        ),
    }


def _fill(text: str, parts: dict[str, Lines], end: str) -> str:
    for begin, lines in parts.items():
        last = end.format(begin.strip("<!-> "))
        before, _, rest = text.partition(f"{begin}\n")
        _, _, after = rest.partition(last)
        text = "\n".join([f"{before}{begin}", *lines(), f"{last}{after}"])
    return text


def calls_by_feature() -> Iterator[tuple[Feature, list[EngineCall]]]:
    """The calls of each feature, in the order of the list."""
    for feature, calls in groupby(CALLS, lambda call: call.feature):
        yield feature, list(calls)


def table() -> Iterator[str]:
    """The table of the page."""
    yield "| request | for | without it |"
    yield "|---|---|---|"
    for feature, calls in calls_by_feature():
        names = ", ".join(f"`{call.name}`" for call in calls)
        yield f"| {names} | {feature.rule.use} | {feature.rule.without} |"


def rules() -> Iterator[str]:
    """The rules of HAProxy; those of a feature that gives much power are comments."""
    heading = ""
    for feature, calls in calls_by_feature():
        rule = feature.rule
        kind = rule.caution or ("Needed" if rule.is_required else "Optional")
        if kind != heading:
            heading = kind
            yield ""
            yield from wrap(
                kind, 100, initial_indent=COMMENT, subsequent_indent=COMMENT
            )
        for call in calls:
            off = "# " if rule.caution else ""
            yield f"    {off}{_rule(call)}"
    yield ""


def _rule(call: EngineCall) -> str:
    query = f" {{ query {call.fixed_query} }}" if call.fixed_query else ""
    method = f"METH_{call.method}"
    path = f"{{ path_reg ^{path_expression(call)}$ }}"
    return f"http-request allow if {method:<11} {path}{query}"


def expressions() -> Iterator[str]:
    """The options of wollomatic/socket-proxy."""
    yield "```yaml"
    yield "    command:"
    for call in CALLS:
        if not call.feature.rule.caution:
            yield f"      - '-allow{call.method}={path_expression(call)}'"
    yield "```"


if __name__ == "__main__":
    for name, text in texts().items():
        (REPOSITORY / name).write_text(text, "utf-8")
