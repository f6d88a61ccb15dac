"""Wallets that a daemon should have loaded, and their addresses."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.decision import Action
from sidecar.core.model.event import AckRequested, RecoverRequested, RemedyCallResult
from sidecar.core.model.incident import Incident
from sidecar.core.model.probe_result import ProbeResult, probe_failure, probe_success
from sidecar.core.model.probe_settings import ElectronCashProbe
from sidecar.core.model.target import Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.reason import text_reason
from sidecar.core.status import expected_wallets
from sidecar.core.status.current_cause import current_cause, last_reason
from tests.support.daemon_silence import CUT_OFF, LOADED
from tests.support.rule_world import WALLET, RuleWorld

ROOT = "electron-cash"
ONE, OTHER, THIRD = "/data/one", "/data/other", "/data/third"


def result_with_wallets(*paths: str, addresses: int | None = None) -> ProbeResult:
    facts = replace(LOADED, paths=paths, loaded=bool(paths), addresses=addresses)
    if paths:
        return probe_success(wallet=facts)
    cause = Cause.WALLET_NOT_LOADED
    return probe_failure(
        cause, text_reason("no wallet is loaded"), rpc_answers=True, wallet=facts
    )


def cut_off_result(*paths: str, addresses: int | None = None) -> ProbeResult:
    facts = replace(CUT_OFF, paths=paths, addresses=addresses)
    return probe_failure(
        Cause.UPSTREAM_LOST, text_reason("lost"), rpc_answers=True, wallet=facts
    )


def healthy_world(*paths: str, target: Target = WALLET) -> RuleWorld:
    """A world with a healthy daemon that has these wallets."""
    world = RuleWorld((target,))
    for _ in range(2):
        world.probe(ROOT, result_with_wallets(*paths))
        world.now_s += 2.0
    return world


def die_and_start(world: RuleWorld) -> None:
    world.exits(ROOT, 0)
    world.complete_remedy(ROOT)
    world.now_s += 2.0


def target_with_wallets(*paths: str) -> Target:
    probe = ElectronCashProbe("http://electron-cash:7777/", wallet_path=paths)
    return replace(WALLET, probes=(probe,))


# Wallets to load


def test_the_wallets_that_were_loaded_are_loaded_again_in_their_order() -> None:
    world = healthy_world(OTHER, ONE)
    die_and_start(world)
    world.probe(ROOT, result_with_wallets())
    assert world.last(ROOT).action is Action.LOAD_WALLET
    assert world.last(ROOT).wallets == (OTHER, ONE)


def test_load_names_no_wallet_when_none_was_seen_loaded() -> None:
    world = RuleWorld((WALLET,))
    world.probe(ROOT, result_with_wallets())
    assert world.last(ROOT).action is Action.LOAD_WALLET
    assert world.last(ROOT).wallets == ()


def test_only_missing_wallets_are_loaded() -> None:
    world = healthy_world(OTHER, ONE)
    die_and_start(world)
    world.probe(ROOT, result_with_wallets(ONE))
    assert world.last(ROOT).wallets == (OTHER,)
    assert current_cause(world.instance(ROOT)) is Cause.WALLET_NOT_LOADED
    assert f"the wallet {OTHER} is not loaded" in str(last_reason(world.instance(ROOT)))


def test_start_without_one_of_the_wallets_has_not_recovered() -> None:
    world = healthy_world(OTHER, ONE)
    die_and_start(world)
    for _ in range(5):
        world.probe(ROOT, result_with_wallets(ONE))
        world.now_s += 2.0
    assert world.instance(ROOT).remedy is not None
    assert world.instance(ROOT).state is TargetState.RECOVERING


def test_wallet_that_somebody_closes_is_not_loaded_again() -> None:
    world = healthy_world(OTHER, ONE)
    world.probe(ROOT, result_with_wallets(ONE))
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.HEALTHY
    die_and_start(world)
    world.probe(ROOT, result_with_wallets())
    assert world.last(ROOT).wallets == (ONE,)


def test_wallet_that_somebody_loads_is_remembered() -> None:
    world = healthy_world(ONE)
    world.probe(ROOT, result_with_wallets(ONE, THIRD))
    die_and_start(world)
    world.probe(ROOT, result_with_wallets())
    assert world.last(ROOT).wallets == (ONE, THIRD)


def test_wallets_of_the_settings_win_over_seen_wallets() -> None:
    world = healthy_world(OTHER, target=target_with_wallets(OTHER))
    world.probe(ROOT, result_with_wallets(OTHER, THIRD))
    die_and_start(world)
    world.probe(ROOT, result_with_wallets())
    assert world.last(ROOT).wallets == (OTHER,)


def test_a_wallet_of_the_settings_that_somebody_closes_is_loaded_again() -> None:
    world = healthy_world(OTHER, ONE, target=target_with_wallets(OTHER, ONE))
    world.probe(ROOT, result_with_wallets(OTHER))
    assert world.last(ROOT).action is Action.LOAD_WALLET
    assert world.last(ROOT).wallets == (ONE,)


def test_recover_forgets_wallets_that_are_not_loaded() -> None:
    world = healthy_world(OTHER, ONE)
    die_and_start(world)
    world.probe(ROOT, result_with_wallets(ONE))
    world.send(RecoverRequested(world.now, ROOT))
    world.probe(ROOT, result_with_wallets(ONE))
    assert expected_wallets.find_expected(world.instance(ROOT), WALLET) == (ONE,)


def test_recover_keeps_the_memory_of_wallets_while_none_is_loaded() -> None:
    """The missing file of a wallet is put back, so that wallet must be loaded."""
    world = healthy_world(OTHER)
    die_and_start(world)
    world.probe(ROOT, result_with_wallets())
    world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False)
    world.send(RecoverRequested(world.now, ROOT))
    world.now_s += 60.0
    world.probe(ROOT, result_with_wallets())
    load = world.last(ROOT)
    assert (load.action, load.wallets) == (Action.LOAD_WALLET, (OTHER,))


def test_at_most_fifty_wallets_are_remembered() -> None:
    world = healthy_world(*(f"/data/{number}" for number in range(60)))
    assert len(world.instance(ROOT).wallets) == expected_wallets.MAX_WALLETS


@pytest.mark.parametrize(
    ("paths", "text"),
    [
        ((ONE,), ONE),
        ((ONE, OTHER, THIRD), f"{ONE}, {OTHER}, {THIRD}"),
        ((ONE, OTHER, THIRD, "/d", "/e"), f"{ONE}, {OTHER}, {THIRD} and 2 more"),
        (("/x" * 200,), ("/x" * 200)[: expected_wallets.MAX_PATH_CHARACTERS]),
    ],
)
def test_name_paths_shortens_long_lists(paths: tuple[str, ...], text: str) -> None:
    assert expected_wallets.name_paths(paths) == text


def test_name_paths_removes_control_characters() -> None:
    assert "\x1b" not in expected_wallets.name_paths(("/data/\x1b[31mred",))


# Their addresses


def address_incidents(world: RuleWorld) -> list[Incident]:
    all_incidents = world.state.incidents.values()
    return [i for i in all_incidents if i.cause is Cause.ADDRESSES_LOST]


def probe_address_count(world: RuleWorld, *paths: str, addresses: int | None) -> None:
    world.probe(ROOT, cut_off_result(*paths, addresses=addresses))
    world.now_s += 2.0


def test_fewer_addresses_than_before_are_an_incident_until_a_person_answers() -> None:
    world = healthy_world(ONE)
    probe_address_count(world, ONE, addresses=24)
    die_and_start(world)
    probe_address_count(world, ONE, addresses=20)
    (incident,) = address_incidents(world)
    assert incident.open
    assert incident.severity is Severity.P1
    assert "has 20 addresses and had 24: 4 that" in str(incident.detail)
    for _ in range(5):
        world.probe(ROOT, result_with_wallets(ONE, addresses=20))
        world.wait(60.0, 5.0)
    assert world.instance(ROOT).state is TargetState.HEALTHY
    assert address_incidents(world)[0].open
    world.send(AckRequested(world.now, incident.id, "ops"))
    assert not address_incidents(world)[0].open
    probe_address_count(world, ONE, addresses=20)
    assert len(address_incidents(world)) == 1, "it happened once"


def test_probe_without_an_address_count_changes_nothing() -> None:
    world = healthy_world(ONE)
    probe_address_count(world, ONE, addresses=24)
    probe_address_count(world, ONE, addresses=None)
    assert address_incidents(world) == []
    probe_address_count(world, ONE, addresses=23)
    assert len(address_incidents(world)) == 1


def test_address_counts_of_different_wallets_are_not_compared() -> None:
    world = healthy_world(ONE)
    probe_address_count(world, ONE, addresses=24)
    probe_address_count(world, ONE, OTHER, addresses=20)
    assert address_incidents(world) == []


def test_address_count_survives_a_time_with_other_wallets() -> None:
    world = healthy_world(ONE, OTHER)
    probe_address_count(world, ONE, OTHER, addresses=24)
    die_and_start(world)
    probe_address_count(world, ONE, addresses=30)
    probe_address_count(world, ONE, OTHER, addresses=20)
    assert len(address_incidents(world)) == 1


def test_more_addresses_are_no_loss() -> None:
    world = healthy_world(ONE)
    probe_address_count(world, ONE, addresses=24)
    probe_address_count(world, ONE, addresses=25)
    assert address_incidents(world) == []
