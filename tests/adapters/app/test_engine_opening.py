"""The stack that Sidecar watches, and whether it is one of a swarm."""

import pytest

from sidecar.app.engine_opening import open_engine
from sidecar.app.identity import StackUnknown
from sidecar.config.load import load
from sidecar.engine.own_container import OwnContainer
from sidecar.engine.swarm import SwarmEngine
from sidecar.telemetry.secret_mask import Mask

OUTSIDE = None
IN_COMPOSE = OwnContainer("a" * 64, "demo", "demo-sidecar-1", "sidecar")
IN_SWARM = OwnContainer("a" * 64, "", "shop_sidecar.1.x", "", "shop")
SWARM = {"SIDECAR_ENGINE": "swarm"}
STACK = {"SIDECAR_STACK": "other"}


@pytest.mark.parametrize(
    ("environ", "own", "is_swarm", "label"),
    [
        ({}, IN_COMPOSE, False, "com.docker.compose.project=demo"),
        ({}, IN_SWARM, True, "com.docker.stack.namespace=shop"),
        (STACK, OUTSIDE, False, "com.docker.compose.project=other"),
        (STACK, IN_SWARM, False, "com.docker.compose.project=other"),
        (SWARM | STACK, IN_SWARM, True, "com.docker.stack.namespace=other"),
        (SWARM | STACK, OUTSIDE, True, "com.docker.stack.namespace=other"),
    ],
)
def test_stack_is_ones_own_or_the_named_one(
    environ: dict[str, str], own: OwnContainer | None, is_swarm: bool, label: str
) -> None:
    settings = load({"SIDECAR_WATCH_LABEL": "autoheal", **environ}, None)
    engine, _ = open_engine(settings, own, lambda *_: None, Mask(()))
    assert isinstance(engine, SwarmEngine) is is_swarm
    assert engine._label == label


@pytest.mark.parametrize(
    ("environ", "own", "kind"),
    [
        ({}, OUTSIDE, "container of a compose project"),
        (SWARM, OUTSIDE, "task of a swarm's stack"),
        (SWARM, IN_COMPOSE, "task of a swarm's stack"),
        ({"SIDECAR_ENGINE": "docker"}, IN_SWARM, "container of a compose project"),
    ],
)
def test_stack_that_is_neither_named_nor_ones_own_is_refused(
    environ: dict[str, str], own: OwnContainer | None, kind: str
) -> None:
    settings = load({"SIDECAR_WATCH_LABEL": "autoheal", **environ}, None)
    with pytest.raises(StackUnknown, match=kind):
        open_engine(settings, own, lambda *_: None, Mask(()))
