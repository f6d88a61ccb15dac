"""Recorded outages as scenarios."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.recorded_outage import RecordedOutage
from sidecar.core.model.scenario import ContainerExit, Failure
from sidecar.simulation.episodes import (
    LEAD_S,
    LONGEST_S,
    QUIET_S,
    Episode,
    find_replica,
    is_replayable,
    make_episodes,
)

NOW = 1_000_000.0
TARGETS = ("wallet", "pay")


def an_outage(
    began_wall: float = 0.0,
    ended_wall: float | None = 60.0,
    name: str = "wallet",
    cause: Cause | None = Cause.REFUSED,
    restarts: int = 0,
    *,
    is_cured: bool = False,
) -> RecordedOutage:
    return RecordedOutage(name, cause, began_wall, ended_wall, restarts, is_cured)


def episodes_of(*outages: RecordedOutage) -> tuple[Episode, ...]:
    return make_episodes(outages, TARGETS, NOW)


def test_outage_that_a_restart_ended_ends_after_as_many() -> None:
    (episode,) = episodes_of(an_outage(restarts=2, is_cured=True))
    (step,) = episode.scenario.steps
    assert (step.at_s, step.act) == (LEAD_S, Failure("wallet", Cause.REFUSED, 2))
    assert episode.scenario.duration_s == LEAD_S + 60.0 + QUIET_S
    assert episode.scenario.began_wall == -LEAD_S


def test_any_other_outage_lasts_as_long() -> None:
    uncured = an_outage(restarts=1)
    (episode,) = episodes_of(uncured)
    assert episode.scenario.steps[0].act == Failure("wallet", Cause.REFUSED, None, 60.0)
    (lasting,) = episodes_of(an_outage(NOW - 50.0, None))
    assert lasting.scenario.steps[0].act == Failure("wallet", Cause.REFUSED, None, 50.0)


def test_container_that_exited_exits_again() -> None:
    exited = an_outage(name="pay-2", cause=Cause.NOT_RUNNING)
    (episode,) = episodes_of(exited)
    assert episode.scenario.steps[0].act == ContainerExit("pay", replica=2)
    assert episode.scenario.services["pay"].replicas == 2
    (first,) = episodes_of(an_outage(name="pay-1"))
    assert first.scenario.services["pay"].replicas == 2, "or it would have no number"


def test_outages_near_each_other_are_one_episode() -> None:
    first, near = an_outage(0.0, 60.0), an_outage(60.0 + QUIET_S, 2000.0, "pay")
    far = an_outage(2001.0 + QUIET_S, 9000.0)
    episodes = episodes_of(far, near, first)
    assert [episode.outages for episode in episodes] == [(first, near), (far,)]


def test_episode_is_a_day_at_most() -> None:
    later = an_outage(LONGEST_S, LONGEST_S + 60.0, "pay")
    (episode,) = episodes_of(an_outage(0.0, 10 * LONGEST_S), later)
    assert episode.scenario.duration_s == LONGEST_S
    assert [step.at_s for step in episode.scenario.steps] == [LEAD_S]


def test_what_no_probe_of_a_target_finds_is_not_replayed() -> None:
    for outage in (
        an_outage(name="other"),
        an_outage(cause=None),
        an_outage(cause=Cause.CRASH_LOOP),
        an_outage(cause=Cause.OWN_NETWORK),
    ):
        assert not is_replayable(outage, TARGETS)
        assert episodes_of(outage) == ()


def test_replica_is_found_by_its_public_name() -> None:
    assert find_replica("pay", TARGETS) == ("pay", None)
    assert find_replica("pay-12", TARGETS) == ("pay", 12)
    for name in ("pay-0", "pay-x", "pay-", "other-1"):
        assert find_replica(name, TARGETS) is None
