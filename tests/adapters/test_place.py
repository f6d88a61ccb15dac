"""What the sidecar says of the place that it watches."""

from typing import Any

import pytest

from tests.adapters.engine_server import raw_container
from tests.adapters.test_app_whole import WALLET_ID, House, house

__all__ = ["house"]


def neighbour(container_id: str, stack: str, **labels: str) -> dict[str, Any]:
    raw = raw_container(container_id, stack=stack, service="electron-cash")
    raw["Config"]["Labels"] |= labels
    return raw


def line_with(house: House, words: str) -> str:
    house.until(words, lambda: any(words in line for line in house.said))
    return next(line for line in house.said if words in line)


def test_a_project_of_its_own_is_doubted_with_those_that_were_seen(
    house: House,
) -> None:
    house.engine.add(neighbour("b" * 12, "oratio"))
    house.engine.add(neighbour("c" * 12, "blog"))
    house.serves()
    line = line_with(house, "SIDECAR_STACK names the compose project to watch")
    assert "Compose projects seen: blog, oratio, shop" in line
    assert '"WARNING"' in line


def test_a_stack_that_is_misspelt_is_doubted(house: House) -> None:
    house.engine.add(neighbour("b" * 12, "oratio"))
    house.serves(SIDECAR_STACK="oration")
    assert "the stack oration has no container" in line_with(house, "projects seen")


def test_the_label_all_is_doubted_unless_it_is_one(house: House) -> None:
    house.engine.add(neighbour(WALLET_ID, "shop"))
    house.serves(SIDECAR_WATCH_LABEL="all")
    line = line_with(house, "SIDECAR_WATCH_LABEL=all watches containers with")
    assert "Compose projects seen: shop" in line


@pytest.mark.parametrize("label", ["all", "autoheal"])
def test_a_place_with_a_target_in_it_is_not_doubted(house: House, label: str) -> None:
    healthy = {"Status": "healthy", "Log": [], "FailingStreak": 0}
    raw = neighbour(WALLET_ID, "shop", **{label: "true"})
    raw["State"]["Health"] = healthy
    house.engine.add(raw)
    house.serves(SIDECAR_WATCH_LABEL=label)
    house.ready()
    house.until("it lists", lambda: bool(house.target("electron-cash")))
    assert not any("projects seen" in line for line in house.said)
