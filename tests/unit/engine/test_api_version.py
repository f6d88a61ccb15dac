"""The version of the API by engine, and engines that are observed only."""

import msgspec
import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action
from sidecar.core.model.event import EngineReachabilityChanged
from sidecar.core.model.guard import Guard
from sidecar.core.model.target import Mode
from sidecar.core.ports.engine import EngineRefused
from sidecar.engine.api_version import NEWEST_API, ApiAgreement, agree_on_version
from tests.support.rule_world import WALLET, RuleWorld
from tests.unit.core.incidents.test_recipients import Told

DOCKER = [{"Name": "Engine"}, {"Name": "containerd"}, {"Name": "runc"}]
PODMAN = [{"Name": "Podman Engine"}, {"Name": "Conmon"}]


@pytest.mark.parametrize(
    ("own", "least", "spoken"),
    [
        ("1.41", "1.12", "1.41"),
        ("1.45", "1.24", "1.45"),
        ("1.52", "1.44", NEWEST_API),
        ("1.52", "", NEWEST_API),
        ("1.60", "1.50", "1.50"),
    ],
)
def test_the_version_is_the_engines_up_to_the_newest_tested(
    own: str, least: str, spoken: str
) -> None:
    said = {"ApiVersion": own, "MinAPIVersion": least, "Components": DOCKER}
    assert agree_on_version(said) == ApiAgreement(spoken, "")


def test_an_engine_too_old_is_refused() -> None:
    with pytest.raises(EngineRefused, match=r"API 1\.40"):
        agree_on_version({"ApiVersion": "1.40"})


@pytest.mark.parametrize("said", [{}, {"ApiVersion": 1}, [], None])
def test_an_answer_that_is_none_is_malformed(said: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        agree_on_version(said)


@pytest.mark.parametrize(
    ("components", "other"),
    [
        (DOCKER, ""),
        (None, ""),
        ([], ""),
        (PODMAN, "Podman Engine"),
        ([{"Name": "nerd\x1bctl"}], "nerd?ctl"),
    ],
)
def test_an_engine_that_is_not_dockers_is_named(components: object, other: str) -> None:
    said = {"ApiVersion": "1.41", "Components": components}
    assert agree_on_version(said).other == other


def test_on_another_engine_nothing_is_done_and_the_reason_names_it() -> None:
    world = RuleWorld()
    world.works("electron-cash", "bitcoincash-service")
    world.send(
        EngineReachabilityChanged(world.now, reachable=True, other="Podman Engine")
    )
    assert world.state.mode_in_force is Mode.OBSERVE
    world.fails(WALLET.name, Cause.REFUSED)
    last = world.decisions[-1]
    assert (last.action, last.guard) == (Action.HOLD, Guard.OBSERVE)
    assert str(last.reason).endswith(
        "Podman Engine is no supported engine, only observed: it would now restart"
    )
    acts = {Action.RESTART, Action.START, Action.LOAD_WALLET}
    assert not acts & {decision.action for decision in world.decisions}


def test_an_engine_that_is_lost_stays_what_it_was() -> None:
    world = RuleWorld()
    world.send(
        EngineReachabilityChanged(world.now, reachable=True, other="Podman Engine")
    )
    modes = []
    for reachable in (False, True):
        world.send(
            EngineReachabilityChanged(world.now, reachable=reachable, reason="as it is")
        )
        modes.append(world.state.mode_in_force)
    assert modes == [Mode.OBSERVE, Mode.ACT]


def test_people_hear_that_it_only_observes() -> None:
    told = Told(("ops",))
    told.world.send(
        EngineReachabilityChanged(told.world.now, reachable=True, other="Podman Engine")
    )
    told.world.fails(WALLET.name, Cause.REFUSED)
    assert {message.facts["mode"] for message in told.turn()} == {"observe"}
