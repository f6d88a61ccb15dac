"""Loading of the page at the first visits."""

import asyncio

import pytest

from sidecar.core.ports.page_texts import LanguageTexts
from sidecar.simulation.virtual_time import run_virtual
from sidecar.web.page.loader import PageLoader
from sidecar.web.page.sources import PageSources
from tests.support.api_services import ApiServiceFakes
from tests.support.page_host import VISITOR, read_test_texts
from tests.support.thread_steps import record_thread_steps

CODE, TEMPLATES, TEXTS = 1, 1, 1


@pytest.mark.parametrize("visitors", [1, 4])
def test_page_is_loaded_once_for_visitors_who_come_at_once(visitors: int) -> None:
    languages: list[str] = []

    def read_texts(language: str) -> LanguageTexts:
        languages.append(language)
        return read_test_texts(language)

    async def visit() -> list[str]:
        desk = ApiServiceFakes().desk
        loader = PageLoader(desk, PageSources(read_texts, lambda _: ()))
        steps = record_thread_steps()
        await asyncio.gather(
            *(
                loader.document("en", VISITOR, may_sign_in=False)
                for _ in range(visitors)
            )
        )
        return steps

    steps = run_virtual(visit())
    assert steps.count("begin") == CODE + TEMPLATES + TEXTS
    assert languages == ["en"]


def test_change_of_settings_does_not_end_a_snapshot_under_way() -> None:
    async def change() -> object:
        services = ApiServiceFakes()
        sources = PageSources(read_test_texts, lambda _: ())
        loader = PageLoader(services.desk, sources)
        await loader.texts("en")
        under_way = asyncio.create_task(
            loader.snapshot(services.desk.state(), VISITOR, "en")
        )
        await asyncio.sleep(0)
        sources.apply(read_test_texts)
        await loader.texts("ko")
        return (await under_way)["title"]

    assert run_virtual(change())
