"""Results of drills that were ordered together: exit status and journal."""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sidecar.api_types.drills import DrillObjection, DrillSummary
from sidecar.cli.chaos_toolkit import ExperimentPlan, Machine, write_journal
from sidecar.cli.client import Answer, Json
from sidecar.cli.drill_output import format_objective
from sidecar.cli.local_commands_port import CommandFailed

REFUSED = 3
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class DrillResult:
    """Result of one order: the drill that has ended, or the objection to it.

    ``is_cancelled``: a person pressed Ctrl-C.
    """

    fault: str
    answer: Answer[DrillSummary] | None = None
    objection: DrillObjection | None = None
    is_cancelled: bool = False

    @property
    def drill(self) -> DrillSummary | None:
        """The drill; None: it was refused."""
        return self.answer.value if self.answer is not None else None

    @property
    def document(self) -> Json:
        """The result for --json."""
        if self.answer is not None:
            return self.answer.document
        return {"fault": self.fault, "objection": msgspec.to_builtins(self.objection)}


def drills_of(results: Sequence[DrillResult]) -> list[DrillSummary]:
    """The drills of the results, without those that were refused."""
    return [result.drill for result in results if result.drill is not None]


def exit_status(results: Sequence[DrillResult]) -> int:
    """130: cancelled, 1: not all passed, 3: one was refused, 0: all passed."""
    if any(result.is_cancelled for result in results):
        return INTERRUPTED
    outcomes = {drill.outcome for drill in drills_of(results)}
    if outcomes - {"passed", "refused"}:
        return 1
    is_refused = any(result.drill is None for result in results)
    return REFUSED if is_refused or "refused" in outcomes else 0


def write_journal_file(target: str, drills: Sequence[DrillSummary], file: Path) -> None:
    """Write a journal of the Chaos Toolkit; an existing file is replaced.

    CommandFailed: it cannot be written.
    """
    objective = format_objective(drills[0].objective)
    faults = tuple(drill.fault for drill in drills)
    plan = ExperimentPlan(target, faults, objective, yes=True)
    machine = Machine(platform.node(), platform.platform())
    document = write_journal(plan, drills, machine)
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    try:
        file.write_text(text, "utf-8")
    except OSError as fault:
        raise CommandFailed(
            f"the journal {file} cannot be written: {fault.strerror or fault}; "
            "`sidecar drill list` shows the drills"
        ) from fault
