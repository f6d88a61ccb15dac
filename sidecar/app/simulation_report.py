"""The result of a simulation as text and as JSON."""

from collections.abc import Callable, Mapping
from pathlib import Path

from loguru import logger

from sidecar.app.simulation import SimulationResult, simulate
from sidecar.cli.local_commands_port import SimulationReport
from sidecar.config.scenario_file import read_scenario
from sidecar.config.settings import Settings
from sidecar.core.text.formatting import rfc3339
from sidecar.simulation.state_plot import draw_states, format_offset


def report_simulation(
    settings: Settings, file: Path, on_progress: Callable[[float], None]
) -> SimulationReport:
    """Simulate the scenario of a file. ConfigError."""
    # The parts of the loop write to the log; here the timeline says the same.
    logger.remove()
    scenario = read_scenario(file, (target.name for target in settings.targets))
    result = simulate(settings, scenario, on_progress)
    record, end_s = result.record, result.scenario.duration_s
    return SimulationReport(
        rows=tuple(
            (format_offset(fact.at_s), fact.target, fact.kind, fact.text)
            for fact in record.facts
            if fact.at_s >= 0.0
        ),
        summary=tuple(
            (
                instance.name,
                instance.state,
                str(record.restarts[instance.name]),
                format_offset(record.unavailable_s(instance.name, end_s)),
            )
            for instance in result.instances
        ),
        failures=result.failures,
        expectation_count=len(result.scenario.expectations),
        document=_document(result),
        plot=draw_states(record, result.instances, end_s),
    )


def _document(result: SimulationResult) -> Mapping[str, object]:
    record, scenario = result.record, result.scenario
    return {
        "begin": rfc3339(scenario.began_wall),
        "seconds": scenario.duration_s,
        "facts": [
            {
                "at_seconds": round(fact.at_s, 3),
                "target": fact.target or None,
                "kind": fact.kind,
                "text": fact.text,
            }
            for fact in record.facts
            if fact.at_s >= 0.0
        ],
        "targets": [
            {
                "name": instance.name,
                "state": instance.state,
                "restarts": record.restarts[instance.name],
                "unavailable_seconds": round(
                    record.unavailable_s(instance.name, scenario.duration_s), 1
                ),
                "causes": record.causes.get(instance.name, []),
            }
            for instance in result.instances
        ],
        "expectations": len(scenario.expectations),
        "failures": list(result.failures),
    }
