"""A visitor over HTTP, before a page that shows everything that it gets."""

from collections.abc import Mapping

import pytest
from msgspec import convert, json

from sidecar.api_types.page import PageState
from sidecar.core.model.cause import Cause
from sidecar.core.model.page_access import PageAccess
from sidecar.core.model.state import State
from sidecar.web.session import Viewer
from tests.support.page_server import PageServer, StreamReader, open_page_server
from tests.support.planted_state import AMOUNT, planted_state, texts_in

SECRETS = ("planted-host-7", "<b>planted</b>", "planted \u202e\n 한국어", "pla\"nted'")


async def show_everything(state: State, _: Viewer, __: str) -> Mapping[str, object]:
    return {"html": {"all": "\n".join(texts_in(state))}}


def plant(bench: PageServer, secret: str) -> None:
    world = bench.fakes.world
    world.fails("electron-cash", Cause.REFUSED)
    world.state = planted_state(world, secret)
    bench.fakes.bundles["electron-cash"] = {"log": secret}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("access", [PageAccess.PRIVATE, PageAccess.PUBLIC])
async def test_visitor_gets_no_planted_text_and_no_amount(
    secret: str, access: PageAccess
) -> None:
    async with (
        open_page_server(content=show_everything) as bench,
        bench.browser() as visitor,
    ):
        bench.access = access
        plant(bench, secret)
        page_text = (await visitor.state())["html"]["all"]
        async with visitor.http.get("/page/stream") as response:
            event = await StreamReader(response).event()
    assert event["html"]["all"] == page_text
    assert "electron-cash" in page_text
    assert secret not in page_text
    assert str(AMOUNT) not in page_text


async def test_operator_gets_the_whole_state() -> None:
    async with (
        open_page_server(content=show_everything) as bench,
        bench.operator() as operator,
    ):
        plant(bench, SECRETS[0])
        page_text = (await operator.state())["html"]["all"]
    assert SECRETS[0] in page_text
    assert str(AMOUNT) in page_text


async def test_api_token_alone_makes_no_operator_of_the_page() -> None:
    headers = {"Authorization": "Bearer a-token-for-tests"}
    async with (
        open_page_server(content=show_everything) as bench,
        bench.browser(**headers) as client,
    ):
        plant(bench, SECRETS[0])
        assert SECRETS[0] not in (await client.state())["html"]["all"]


@pytest.mark.parametrize("is_operator", [False, True])
async def test_state_of_the_page_has_the_described_fields_and_no_other(
    is_operator: bool,
) -> None:
    async with open_page_server() as bench, bench.browser() as browser:
        if is_operator:
            await bench.sign_in(browser)
        bench.fakes.world.fails("electron-cash", Cause.REFUSED)
        document = await browser.state()
    assert json.decode(json.encode(convert(document, PageState))) == document
    assert document["targets"]
