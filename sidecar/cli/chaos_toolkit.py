"""Drills as experiments and journals of the Chaos Toolkit (its version 1.x).

Pure: documents in, documents out. An experiment calls the command line of Sidecar, so
that ``chaos run`` needs no extension. A journal has the members that ``chaos run``
writes.
"""

import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from sidecar.api_types.drills import DrillSummary

Document = dict[str, Any]

FORMAT_VERSION = "1.44.0"
"""The version of chaostoolkit-lib whose journals these are like."""

_RECENT = ("--within", "2m")
"""The verdict is asked for right after the drill; an older one does not count."""

_ACTION_TIMEOUT_S = 3600
_QUESTION_TIMEOUT_S = 60
_STATUS = {"interrupted": "interrupted", "refused": "aborted"}


class ExperimentPlan(NamedTuple):
    """Drills of one target, one after the other.

    ``command``: how ``sidecar`` is called, such as ``docker exec shop-sidecar-1
    sidecar``. ``objective``: its words.
    """

    target: str
    faults: tuple[str, ...]
    objective: str
    yes: bool = False
    command: str = "sidecar"


class Machine(NamedTuple):
    """The machine that a journal names."""

    node: str
    platform: str


def write_experiment(plan: ExperimentPlan) -> Document:
    """The experiment: ``chaos run`` deviates where a drill misses its objective."""
    faults = ", ".join(plan.faults)
    return {
        "version": "1.0.0",
        "title": f"Sidecar handles {faults} of {plan.target}",
        "description": (
            f"Each fault is made by a drill of Sidecar, which also ends it. "
            f"Objective of {plan.target}: {plan.objective}."
        ),
        "tags": ["sidecar", plan.target, *plan.faults],
        "steady-state-hypothesis": {
            "title": f"{plan.target} works, and Sidecar is within its objective",
            "probes": [_works_probe(plan), *_verdict_probes(plan)],
        },
        "method": [_drill_action(plan, fault) for fault in plan.faults],
        "rollbacks": [_cancel_action(plan)],
    }


def _works_probe(plan: ExperimentPlan) -> Document:
    arguments = ["drill", "run", plan.target, *_options(plan, plan.faults[0])]
    provider = _provider(plan, [*arguments, "--dry-run"], _QUESTION_TIMEOUT_S)
    return _probe(f"{plan.target} works, and nothing is under way", provider)


def _verdict_probes(plan: ExperimentPlan) -> list[Document]:
    """They are met before the drill, too: an older verdict does not count."""
    return [
        _probe(
            f"{fault} was handled within the objective",
            _provider(
                plan,
                ["drill", "last", plan.target, "--fault", fault, *_RECENT],
                _QUESTION_TIMEOUT_S,
            ),
        )
        for fault in plan.faults
    ]


def _probe(name: str, provider: Document) -> Document:
    return {"type": "probe", "name": name, "tolerance": 0, "provider": provider}


def _drill_action(plan: ExperimentPlan, fault: str) -> Document:
    arguments = ["drill", "run", plan.target, *_options(plan, fault), "--json"]
    provider = _provider(plan, arguments, _ACTION_TIMEOUT_S)
    return {"type": "action", "name": f"drill: {fault}", "provider": provider}


def _cancel_action(plan: ExperimentPlan) -> Document:
    """Ends a drill that still goes on; without one it does nothing."""
    provider = _provider(plan, ["drill", "cancel", plan.target], _QUESTION_TIMEOUT_S)
    return {"type": "action", "name": "end the drill", "provider": provider}


def _options(plan: ExperimentPlan, fault: str) -> list[str]:
    return ["--fault", fault, *(["--yes"] if plan.yes else [])]


def _provider(
    plan: ExperimentPlan, arguments: Sequence[str], timeout_s: int
) -> Document:
    path, *leading = shlex.split(plan.command)
    return {
        "type": "process",
        "path": path,
        "arguments": [*leading, *arguments],
        "timeout": timeout_s,
    }


def write_journal(
    plan: ExperimentPlan, drills: Sequence[DrillSummary], machine: Machine
) -> Document:
    """The journal of drills that have ended, the first one first.

    ``deviated``: not all of them passed. ``status`` is ``completed`` unless one was
    interrupted or refused.
    """
    experiment = write_experiment(plan)
    start, end = drills[0].began, drills[-1].ended or drills[-1].began
    statuses = [_STATUS[d.outcome] for d in drills if d.outcome in _STATUS]
    return {
        "chaoslib-version": FORMAT_VERSION,
        "platform": machine.platform,
        "node": machine.node,
        "experiment": experiment,
        "start": _time(start),
        "status": statuses[0] if statuses else "completed",
        "deviated": any(drill.outcome != "passed" for drill in drills),
        "steady_states": {
            "before": _steady_state(experiment, start, [0] * (len(drills) + 1)),
            "after": _steady_state(experiment, end, _results_after(drills)),
            "during": [],
        },
        "run": [
            _activity_run(action, drill)
            for action, drill in zip(experiment["method"], drills, strict=False)
        ],
        "rollbacks": [],
        "end": _time(end),
        "duration": _seconds(start, end),
    }


def _results_after(drills: Sequence[DrillSummary]) -> list[int]:
    """Exit statuses of the probes of the hypothesis, after the drills."""
    works = all(drill.outcome in {"passed", "missed"} for drill in drills)
    verdicts = [int(drill.outcome != "passed") for drill in drills]
    return [int(not works), *verdicts]


def _steady_state(experiment: Document, at: str, results: Sequence[int]) -> Document:
    probes = experiment["steady-state-hypothesis"]["probes"]
    runs = [
        {
            "activity": probe,
            "output": {"status": status, "stdout": "", "stderr": ""},
            "start": _time(at),
            "status": "succeeded",
            "end": _time(at),
            "duration": 0.0,
            "tolerance_met": status == 0,
        }
        for probe, status in zip(probes, results, strict=False)
    ]
    return {"steady_state_met": not any(results), "probes": runs}


def _activity_run(action: Document, drill: DrillSummary) -> Document:
    ended = drill.ended or drill.began
    return {
        "activity": action,
        "output": msgspec.to_builtins(drill),
        "start": _time(drill.began),
        "status": "succeeded" if drill.outcome == "passed" else "failed",
        "end": _time(ended),
        "duration": _seconds(drill.began, ended),
    }


def _time(instant: str) -> str:
    """An instant as ``chaos run`` writes it: with ``+00:00``."""
    return datetime.fromisoformat(instant).isoformat()


def _seconds(start: str, end: str) -> float:
    length = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    return round(length.total_seconds(), 3)
