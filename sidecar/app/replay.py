"""`sidecar replay`: what other settings would have done with recorded outages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from loguru import logger

from sidecar.app.simulation import SimulationResult, simulate
from sidecar.cli.local_commands_port import (
    ReplayedOutage,
    ReplayFigures,
    ReplayReport,
)
from sidecar.config.settings import Settings
from sidecar.core.model.recorded_outage import RecordedOutage
from sidecar.simulation.episodes import (
    Episode,
    find_replica,
    is_replayable,
    make_episodes,
)

REACTION_S = 1800.0
"""A restart that comes so long after an outage belongs to it."""


@dataclass
class _Totals:
    """Figures of all episodes with one of the settings."""

    incidents: int = 0
    restarts: int = 0
    messages: int = 0
    unavailable_s: float = 0.0
    results: list[SimulationResult] = field(default_factory=list)

    def add(self, result: SimulationResult) -> None:
        record, end_s = result.record, result.scenario.duration_s
        self.incidents += sum(map(len, record.causes.values()))
        self.restarts += sum(record.restarts.values())
        self.messages += sum(record.message_count.values())
        self.unavailable_s += sum(
            record.unavailable_s(instance.name, end_s) for instance in result.instances
        )
        self.results.append(result)

    def figures(self) -> ReplayFigures:
        return ReplayFigures(
            self.incidents, self.restarts, self.messages, self.unavailable_s
        )


def replay(
    present: Settings,
    new: Settings,
    outages: Sequence[RecordedOutage],
    now_wall: float,
    on_progress: Callable[[float], None],
) -> ReplayReport:
    """Replay the outages with both settings; nothing outside is touched."""
    # The parts of the loop write to the log; here the report says the same.
    logger.remove()
    names = [target.name for target in present.targets if _is_in(new, target.name)]
    episodes = make_episodes(outages, names, now_wall)
    before, after = _Totals(), _Totals()
    for index, episode in enumerate(episodes):
        before.add(simulate(present, episode.scenario))
        after.add(simulate(new, episode.scenario))
        on_progress((index + 1) / len(episodes))
    return ReplayReport(
        recorded=_sum_recorded(outages, now_wall),
        present=before.figures(),
        new=after.figures(),
        outages=tuple(
            outage
            for episode, old, fresh in zip(
                episodes, before.results, after.results, strict=True
            )
            for outage in _compare(episode, names, old, fresh)
        ),
        left_out=tuple(o for o in outages if not is_replayable(o, names)),
    )


def _is_in(settings: Settings, name: str) -> bool:
    return any(target.name == name for target in settings.targets)


def _sum_recorded(outages: Sequence[RecordedOutage], now_wall: float) -> ReplayFigures:
    down_s = sum(
        (now_wall if outage.ended_wall is None else outage.ended_wall)
        - outage.began_wall
        for outage in outages
    )
    restarts = sum(outage.restarts for outage in outages)
    return ReplayFigures(None, restarts, None, down_s)


def _compare(
    episode: Episode,
    names: Sequence[str],
    old: SimulationResult,
    new: SimulationResult,
) -> list[ReplayedOutage]:
    return [
        ReplayedOutage(
            outage,
            _first_restart_s(episode, outage, names, old),
            _first_restart_s(episode, outage, names, new),
        )
        for outage in episode.outages
    ]


def _first_restart_s(
    episode: Episode,
    outage: RecordedOutage,
    names: Sequence[str],
    result: SimulationResult,
) -> float | None:
    """Seconds from the begin of the outage to the first restart; None: none."""
    began_s = outage.began_wall - episode.scenario.began_wall
    replica = find_replica(outage.name, names)
    # The one instance of a target has the target's name in both.
    same = {outage.name} if replica is None else {outage.name, replica[0]}
    for at_s, name in result.record.restart_times:
        if name in same and began_s <= at_s <= began_s + REACTION_S:
            return at_s - began_s
    return None
