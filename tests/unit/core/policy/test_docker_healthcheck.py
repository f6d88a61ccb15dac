"""A container that its own HEALTHCHECK judges: the engine counts its start."""

from dataclasses import replace

import pytest

from sidecar.config.convert import build_target
from sidecar.config.file.model import (
    Defaults,
    TargetSection,
)
from sidecar.config.file.probe_sections import (
    DockerSection,
    HttpSection,
)
from sidecar.config.secrets import SecretReader
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import NativeHealth
from sidecar.core.model.decision import Action
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict
from sidecar.core.model.probe_settings import DockerProbe
from sidecar.core.model.target import InstanceId, ProbeSchedule, Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import RemedyEnded
from sidecar.core.reason.reason import text_reason
from tests.support.rule_world import EPOCH, RuleWorld, container

NAME = "web"
NATIVE = DockerSection()
HTTP = HttpSection(url="http://web/")
PLAIN = Target(
    NAME,
    service=NAME,
    probes=(DockerProbe(),),
    cadence=ProbeSchedule(start_period_s=0.0),
)
STARTING = ProbeResult(
    ProbeVerdict.UNKNOWN, reason=text_reason("its own health check is still starting")
)


@pytest.mark.parametrize(
    ("section", "defaults", "start_s"),
    [
        (TargetSection(probe=NATIVE), Defaults(), 0.0),
        (TargetSection(probe=[NATIVE, HTTP]), Defaults(), 60.0),
        (TargetSection(probe=HTTP), Defaults(), 60.0),
        (TargetSection(probe=NATIVE, start_period="20s"), Defaults(), 20.0),
        (TargetSection(probe=NATIVE), Defaults(start_period="30s"), 30.0),
        (TargetSection(), Defaults(), 60.0),
    ],
    ids=["native", "native and http", "http", "own", "default", "no probe"],
)
def test_a_native_check_has_no_start_period_unless_configured(
    section: TargetSection, defaults: Defaults, start_s: float
) -> None:
    cadence = build_target(NAME, section, defaults, SecretReader()).cadence
    assert cadence == ProbeSchedule(start_period_s=start_s)


def start_world(check_start_s: float = 0.0) -> RuleWorld:
    """A world with a container that has just been started."""
    fresh = container(
        NAME,
        started_at=EPOCH + 999.0,
        health=NativeHealth.STARTING,
        check_start_s=check_start_s,
    )
    return RuleWorld((PLAIN,), containers={InstanceId(NAME, 1): fresh})


def test_an_unhealthy_container_is_restarted_without_further_grace() -> None:
    # Checks every 3 s of which three must fail, after 5 s that do not count.
    world = start_world(check_start_s=5.0)
    while world.now_s < 1012.0:
        world.probe(NAME, STARTING)
        world.wait(2.0)
        assert world.instance(NAME).state is TargetState.STARTING
    world.fails(NAME, Cause.ENGINE_UNHEALTHY)
    assert world.acts() == [(NAME, Action.RESTART)]
    assert world.now_s < 1060.0 - PLAIN.restart.stop_timeout_s


def probe_start_for(world: RuleWorld, seconds: float) -> None:
    until = world.now_s + seconds
    while world.now_s < until:
        world.probe(NAME, STARTING)
        world.wait(15.0)


@pytest.mark.parametrize(
    ("check_start_s", "state"),
    [(1800.0, TargetState.STARTING), (0.0, TargetState.UNKNOWN)],
    ids=["it was given half an hour", "it was given no time"],
)
def test_a_long_start_lasts_as_long_as_the_healthcheck_allows(
    check_start_s: float, state: TargetState
) -> None:
    world = start_world(check_start_s)
    probe_start_for(world, 900.0)
    assert world.instance(NAME).state is state
    actions = [d.action for d in world.decisions]
    assert actions == ([Action.PAGE] if state is TargetState.UNKNOWN else [])
    probe_start_for(world, 1000.0)
    assert world.instance(NAME).state is TargetState.UNKNOWN


@pytest.mark.parametrize(
    ("probes", "ends_after_s"),
    [(PLAIN.probes, 420.0), ((), 120.0)],
    ids=["its check judges", "its check has no say"],
)
def test_a_restart_is_judged_once_the_checks_own_start_is_over(
    probes: tuple[DockerProbe, ...], ends_after_s: float
) -> None:
    world = start_world(check_start_s=300.0)
    world.targets = (replace(PLAIN, probes=probes),)
    world.relist()
    world.fails(NAME, Cause.ENGINE_UNHEALTHY)
    world.complete_remedy(NAME)
    began = world.now_s

    def list_end_times() -> list[float]:
        return [t.at.mono for t in world.transitions if isinstance(t, RemedyEnded)]

    while not list_end_times() and world.now_s < began + 1000.0:
        world.probe(NAME, STARTING)
        world.wait(2.0)
    assert list_end_times()[0] - began == pytest.approx(ends_after_s, abs=2.0)
