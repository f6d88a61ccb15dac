"""Targets are found anew where a list or the settings differ from the last time."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from sidecar.app.contexts import EngineContext
from sidecar.app.target_source import TargetSource
from sidecar.config.settings import Settings
from sidecar.core.model.container import Container
from sidecar.core.model.target import Target
from sidecar.engine.docker import DockerEngine
from sidecar.engine.own_container import OwnView
from sidecar.probes.prober import ProbeRunner
from sidecar.telemetry.secret_mask import Mask
from tests.support.config_files import load_text
from tests.support.engine_connection import link_to, run_engine_server
from tests.support.fakes import a_container

FILE = "stack: demo\ntargets: {wallet: {probe: {type: docker}}}\n"


@dataclass
class Finder:
    """A source of targets; ``found``: the names of the targets, each time anew."""

    settings: Settings
    context: EngineContext
    found: list[set[str]] = field(default_factory=list)
    refuses: bool = False

    def __post_init__(self) -> None:
        prober = cast("ProbeRunner", self)
        self.source = TargetSource(
            lambda: self.settings, self.context, Mask(), (self,), prober
        )

    def set_targets(self, targets: Iterable[Target]) -> None:
        if self.refuses:
            raise RuntimeError("the planner takes no targets")
        self.found.append({target.name for target in targets})

    def set_surroundings(self, surroundings: object) -> None:
        """As the prober does."""

    async def find(self, *containers: Container) -> set[str]:
        return {target.name for target in await self.source.find_targets(containers)}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_text(FILE, tmp_path)


@pytest.fixture
def other_settings(tmp_path: Path) -> Settings:
    return load_text(FILE.replace("wallet", "purse"), tmp_path)


@pytest.fixture
async def finder(settings: Settings) -> AsyncIterator[Finder]:
    with run_engine_server() as server:
        link = link_to(server, [])
        engine = DockerEngine(link, "demo")
        context = EngineContext(engine, "demo", "", OwnView(link, ""), link)
        finder = Finder(settings, context)
        yield finder
        finder.source.close()
        await engine.close()


def label_container(service: str, **changes: str) -> Container:
    labels = {
        "sidecar.enable": "true",
        "sidecar.probe.type": "http",
        "sidecar.probe.url": f"http://{service}/",
    }
    return a_container(service, service=service, name=service, labels=labels | changes)


async def test_equal_lists_have_the_targets_of_the_first(finder: Finder) -> None:
    web, shop = label_container("web"), label_container("shop")
    for listed in ((web, shop), (web, shop), (replace(web), shop)):
        assert await finder.find(*listed) == {"wallet", "web", "shop"}
    assert finder.found == [{"wallet", "web", "shop"}]


async def test_changed_list_has_its_own_targets(finder: Finder) -> None:
    web = label_container("web")
    assert await finder.find(web) == {"wallet", "web"}
    assert await finder.find(web, label_container("shop")) == {"wallet", "web", "shop"}
    unlabelled = replace(web, labels={})
    assert await finder.find(unlabelled) == {"wallet"}
    assert len(finder.found) == 3


async def test_attempt_that_failed_leaves_nothing_to_rely_on(finder: Finder) -> None:
    web, shop = label_container("web"), label_container("shop")
    await finder.find(web)
    finder.refuses = True
    with pytest.raises(RuntimeError):
        await finder.find(web, shop)
    finder.refuses = False
    assert await finder.find(web) == {"wallet", "web"}


async def test_new_settings_have_their_own_targets(
    finder: Finder, other_settings: Settings
) -> None:
    web = label_container("web")
    await finder.find(web)
    finder.settings = other_settings
    assert await finder.find(web) == {"purse", "web"}


async def test_refused_label_is_looked_at_again_in_each_list(finder: Finder) -> None:
    """A file that it needs, such as that of a time zone, may be there by then."""
    wrong = label_container("web", **{"sidecar.interval": "soon"})
    for _ in range(2):
        assert await finder.find(wrong) == {"wallet"}
        assert finder.source.in_force.faults
    assert len(finder.found) == 2
