"""The command ``doctor``: hazards of the stack as it is."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from sidecar.cli.local_commands_port import LocalCommands
from sidecar.cli.options import as_json, examples
from sidecar.cli.output import on_terminal, show_json, show_table

if TYPE_CHECKING:
    from sidecar.core.setup.hazards.diagnosis import Diagnosis

_NAME_COLUMNS = ("severity", "hazard", "service")
_TEXT_COLUMNS = ("why", "what to do", "line")


@click.command(
    epilog=examples(
        "sidecar doctor",
        "sidecar doctor --stack shop --language ko",
        "sidecar doctor --json | jq '.hazards[].code'",
    )
)
@click.option(
    "--stack",
    metavar="NAME",
    help="The compose project. Default: SIDECAR_STACK, our own, or the only one.",
)
@click.option(
    "--language",
    type=click.Choice(["en", "ko"]),
    help="Language of the texts. Default: SIDECAR_LANGUAGE, else that of the file.",
)
@as_json
@click.pass_obj
def doctor(
    local: LocalCommands, stack: str | None, language: str | None, as_json: bool
) -> int:
    """List hazards of the stack, each with its reason and the line that mends it.

    Nothing is changed. What cannot be judged is listed, and is no hazard.

    Exit status 0: no hazard was found, 1: hazards were found, 2: not known.
    """
    diagnosis = local.diagnose(stack, language)
    if as_json:
        show_json(asdict(diagnosis))
    else:
        _show(diagnosis)
    return 1 if diagnosis.hazards else 0


def _show(diagnosis: "Diagnosis") -> None:
    count = len(diagnosis.hazards) or "no"
    print(
        f"stack {diagnosis.stack or '-'}: {count} hazards found, "
        f"{diagnosis.checked} kinds checked"
    )
    if diagnosis.hazards:
        _show_hazards(diagnosis)
    if diagnosis.unjudged:
        print("\nnot judged, which is no hazard:")
        show_table(("hazard", "services", "why"), list(_unjudged_rows(diagnosis)))


def _show_hazards(diagnosis: "Diagnosis") -> None:
    """A table; on a terminal the texts share a column, which leaves room for them."""
    hazards = diagnosis.hazards
    names = [(h.severity, h.code, h.service or "-") for h in hazards]
    texts = [(h.reason, h.advice, h.line) for h in hazards]
    if on_terminal():
        rows = [(*n, "\n".join(t)) for n, t in zip(names, texts, strict=True)]
        show_table((*_NAME_COLUMNS, "why, and what mends it"), rows)
    else:
        show_table(
            (*_NAME_COLUMNS, *_TEXT_COLUMNS),
            [(*n, *t) for n, t in zip(names, texts, strict=True)],
        )


def _unjudged_rows(diagnosis: "Diagnosis") -> Iterator[tuple[str, str, str]]:
    """One row for each kind and reason, with all its services."""
    services: dict[tuple[str, str], list[str]] = {}
    for item in diagnosis.unjudged:
        services.setdefault((item.code, item.reason), []).append(item.service)
    for (code, reason), names in services.items():
        yield code, ", ".join(filter(None, names)) or "-", reason
