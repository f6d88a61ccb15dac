"""The status page in a real browser."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import AckRequested
from sidecar.web.connection_limits import Limits
from sidecar.web.session import COOKIE
from tests.support.api_services import TOKEN
from tests.support.chromium import Browser, Tab, run_chromium
from tests.support.page_host import PageHost
from tests.support.page_world import SERVICE, WALLET, make_page_world, settle
from tests.support.quickest import find_quickest_s

LIVE = "document.querySelector('.fresh.live') !== null"
LOST = "document.querySelector('.fresh.lost') !== null"
ON_SCREEN_S = 1.0
KEYS = {
    "Tab": 9,
    "End": 35,
    "Home": 36,
    "ArrowLeft": 37,
    "ArrowRight": 39,
    "PageUp": 33,
    "PageDown": 34,
    "Enter": 13,
}


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with run_chromium() as browser:
        yield browser


@pytest.fixture
async def host() -> AsyncIterator[PageHost]:
    host = PageHost(make_page_world())
    settle(host.fakes)
    async with host.serve():
        yield host


@pytest.fixture
async def tab(browser: Browser, host: PageHost) -> AsyncIterator[Tab]:
    """A tab of which the browser must have no complaint at the end."""
    tab = await new_tab(browser, host)
    await tab.emulate()
    yield tab
    assert tab.complaints == []


async def new_tab(browser: Browser, host: PageHost) -> Tab:
    """A tab of the operator who is signed in."""
    tab = await browser.new_tab()
    await tab.set_cookie(host.url, COOKIE, host.cookie)
    return tab


def streams_of(*tabs: Tab) -> int:
    """Number of streams that the tabs have opened so far."""
    return sum("/page/stream" in url for tab in tabs for url in tab.requests.values())


async def press(tab: Tab, *keys: str) -> None:
    for key in keys:
        await tab.press(key, KEYS[key])


async def open_live(tab: Tab, url: str) -> None:
    await tab.open(url)
    await tab.wait_for(LIVE)


# --- live


async def test_change_of_state_is_on_screen_within_a_second(
    tab: Tab, host: PageHost
) -> None:
    world = host.fakes.world
    await open_live(tab, host.url)
    await tab.evaluate("""
        window.isRepaired = () => document.querySelector(
            '#t-electron-cash .state strong')?.textContent === 'is being repaired';
        new MutationObserver(() => {
            if (window.isRepaired() && !window.seenAt) window.seenAt = Date.now();
        }).observe(document.body, {subtree: true, childList: true});""")

    async def measure() -> float:
        world.complete_remedy(WALLET)
        world.works(WALLET, times=3)
        await tab.wait_for("!window.isRepaired()")
        await tab.evaluate("window.seenAt = 0")
        decided = time.time()
        world.fails(WALLET, Cause.REFUSED)
        return float(await tab.wait_for("window.seenAt")) / 1000 - decided

    assert await find_quickest_s(measure, ON_SCREEN_S) < ON_SCREEN_S
    assert "It accepts no connections." in await tab.text("#t-electron-cash")
    assert "Starting, draining or being repaired: electron-cash." in await tab.text(
        "#summary"
    )
    assert await tab.evaluate("document.title.startsWith('Starting, draining')")
    assert await tab.evaluate("document.getElementById('icon').href.includes('busy')")


async def test_change_is_announced_once_in_a_region_that_stays(
    tab: Tab, host: PageHost
) -> None:
    await open_live(tab, host.url)
    await tab.evaluate("""
        window.region = document.getElementById('announcer');
        window.announced = [];
        const note = () => window.announced.push(window.region.textContent);
        new MutationObserver(note).observe(
            window.region, {childList: true, characterData: true, subtree: true});""")
    host.fakes.world.fails(WALLET, Cause.REFUSED)
    await tab.wait_for("window.announced.length")
    settle_ms = 800  # later snapshots must not announce it again
    await tab.evaluate(f"new Promise((done) => setTimeout(done, {settle_ms}))")
    assert await tab.evaluate("window.announced") == [
        "electron-cash: is being repaired."
    ]
    assert await tab.evaluate("window.region === document.getElementById('announcer')")
    assert await tab.evaluate("window.region.getAttribute('aria-live')") == "polite"


async def test_part_with_the_focus_is_replaced_after_the_focus_has_left(
    tab: Tab, host: PageHost
) -> None:
    await open_live(tab, host.url)
    await tab.evaluate("document.querySelector('#t-bitcoincash-service a').focus()")
    host.fakes.world.fails(SERVICE, Cause.HTTP_5XX)
    await tab.wait_for(
        "document.getElementById('summary').innerText.includes('bitcoincash-service')"
    )
    assert await tab.evaluate("document.activeElement.getAttribute('href')") == (
        "#c-electron-cash"
    )
    await tab.evaluate("document.activeElement.blur()")
    card = "document.getElementById('t-bitcoincash-service')"
    await tab.wait_for(f"{card}.textContent.includes('not work')")


async def test_lost_stream_is_told_with_its_age_and_comes_back(
    tab: Tab, host: PageHost
) -> None:
    await open_live(tab, host.url)
    await host.server.stop()
    await tab.wait_for(LOST, deadline_s=18.0)  # before it would be stale anyway
    assert "Connection lost. This is the state of " in await tab.text("#fresh")
    host.fakes.world.fails(WALLET, Cause.REFUSED)
    await host.restart_server()
    await tab.wait_for(LIVE)
    await tab.wait_for("document.title.startsWith('Starting, draining')")
    tab.complaints.clear()  # the lost connection, which the browser reports


async def test_seven_tabs_load_and_share_one_stream(
    browser: Browser, host: PageHost
) -> None:
    tabs = [await new_tab(browser, host) for _ in range(7)]
    for tab in tabs:
        await open_live(tab, host.url)
    host.fakes.world.fails(WALLET, Cause.REFUSED)
    for tab in tabs:
        await tab.wait_for(
            "document.getElementById('summary').innerText.includes('repaired')"
        )
        assert tab.complaints == []
    assert streams_of(*tabs) == 1
    assert host.listener_count == 1


async def test_another_tab_goes_on_when_the_tab_with_the_stream_is_closed(
    browser: Browser, host: PageHost
) -> None:
    first, second = await new_tab(browser, host), await new_tab(browser, host)
    await open_live(first, host.url)
    await open_live(second, host.url)
    await browser.call("Target.closeTarget", targetId=first.target)
    host.fakes.world.fails(WALLET, Cause.REFUSED)
    await second.wait_for(
        "document.getElementById('summary').innerText.includes('repaired')"
    )
    # The browser may show the second tab meanwhile: then the page opens its own again.
    assert streams_of(first) == 1
    assert streams_of(second) >= 1


async def test_hidden_page_closes_its_stream_and_a_shown_one_opens_it(
    browser: Browser, host: PageHost
) -> None:
    tab = await new_tab(browser, host)
    await open_live(tab, host.url)
    await tab.evaluate("""
        window.isHidden = true;
        Object.defineProperty(document, 'hidden', {get: () => window.isHidden});
        document.dispatchEvent(new Event('visibilitychange'));""")
    await wait_until(lambda: not host.listener_count)
    assert "Paused while this page is hidden." in await tab.text("#fresh")
    await tab.evaluate("""
        window.isHidden = false;
        document.dispatchEvent(new Event('visibilitychange'));""")
    await tab.wait_for(LIVE)
    assert host.listener_count == 1


async def wait_until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60.0):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


NO_LOCKS = """
    Object.defineProperty(navigator, 'locks', {value: undefined});
    const set = Storage.prototype.setItem;
    Storage.prototype.setItem = function (key, value) {
        const [tab, until] = value.split(' ');
        set.call(this, key, until ? `${tab} ${Number(until) + 36000}` : value);
    };"""
"""The lease is ten times as long, so that a stalled page does not lose it."""


async def test_page_without_locks_shares_the_stream_by_a_lease(
    browser: Browser, host: PageHost
) -> None:
    tabs = [await new_tab(browser, host) for _ in range(3)]
    for tab in tabs:
        await tab.call("Page.addScriptToEvaluateOnNewDocument", source=NO_LOCKS)
        await open_live(tab, host.url)
    assert streams_of(*tabs) == 1


async def test_page_without_channels_opens_a_stream_of_its_own(
    tab: Tab, host: PageHost
) -> None:
    await tab.call(
        "Page.addScriptToEvaluateOnNewDocument",
        source="delete window.BroadcastChannel;",
    )
    await open_live(tab, host.url)
    assert streams_of(tab) == 1


async def test_page_that_gets_no_stream_asks_for_the_state_again_and_again(
    browser: Browser,
) -> None:
    host = PageHost(make_page_world(), Limits(page_operators=0))
    async with host.serve():
        tab = await new_tab(browser, host)
        await tab.call(
            "Page.addScriptToEvaluateOnNewDocument",
            source="""
                const slow = window.setInterval;
                window.setInterval = (work, ms) => slow(work, ms === 15000 ? 100 : ms);
            """,
        )
        await tab.open(host.url)
        await tab.wait_for("document.querySelector('.fresh.wait') !== null")
        host.fakes.world.fails(WALLET, Cause.REFUSED)
        await tab.wait_for("document.title.startsWith('Starting, draining')")
        assert (await tab.text("#fresh")).startswith("As of ")
        assert host.listener_count == 0


async def test_changed_targets_load_the_page_anew(tab: Tab, host: PageHost) -> None:
    await open_live(tab, host.url)
    world = host.fakes.world
    world.targets = world.targets[:-1]
    world.relist()
    await tab.wait_for("document.getElementById('c-invoice-mailer') === null")
    await tab.wait_for(LIVE)


# --- without JavaScript


async def test_page_without_javascript_shows_all_and_refreshes_itself(
    tab: Tab, host: PageHost
) -> None:
    host.fakes.world.fails(WALLET, Cause.REFUSED)
    await tab.call("Emulation.setScriptExecutionDisabled", value=True)
    await tab.open(host.url)
    await tab.call("Emulation.setScriptExecutionDisabled", value=False)
    assert "It accepts no connections." in await tab.text("main")
    refresh = await tab.evaluate(
        "document.querySelector('meta[http-equiv=refresh]')?.content"
    )
    assert refresh == "30"


# --- the strip by keyboard


async def label(tab: Tab) -> str:
    label_text = await tab.evaluate("document.activeElement.getAttribute('aria-label')")
    return str(label_text)


async def test_strip_is_one_tab_stop_and_is_read_day_by_day(
    tab: Tab, host: PageHost
) -> None:
    await open_live(tab, host.url)
    strip = "document.querySelector('#d-electron-cash .bars')"
    await tab.wait_for(f"{strip}?.children.length === 90")
    stops = f"[...{strip}.children].filter((day) => day.tabIndex === 0).length"
    assert await tab.evaluate(stops) == 1
    await tab.evaluate(f"{strip}.lastElementChild.focus()")
    today = await label(tab)
    await press(tab, "ArrowLeft")
    assert await label(tab) != today
    await press(tab, "ArrowRight")
    assert await label(tab) == today
    await press(tab, "Home")
    assert (await label(tab)).endswith("no data")
    await press(tab, "ArrowLeft", "End", "PageUp", "PageDown")
    assert await label(tab) == today
    assert await tab.evaluate(stops) == 1


async def test_day_with_an_incident_opens_it(tab: Tab, host: PageHost) -> None:
    await open_live(tab, host.url)
    strip = "document.querySelector('#d-electron-cash .bars')"
    await tab.wait_for(f"{strip}?.children.length === 90")
    await tab.evaluate(f"{strip}.children[49].focus()")
    await press(tab, "ArrowRight")
    spoken = await label(tab)
    assert "available 99.72 %" in spoken
    assert spoken.endswith("incidents: 1")
    await tab.follow("document.activeElement.click()")
    assert await tab.evaluate("location.pathname.startsWith('/incidents/')")
    assert "electron-cash" in await tab.text("h1")


# --- controls


async def test_operator_acknowledges_an_incident_that_appeared_live(
    tab: Tab, host: PageHost
) -> None:
    await open_live(tab, host.url)
    host.fakes.world.fails(WALLET, Cause.REFUSED)
    await tab.wait_for("document.querySelector('#incidents form button') !== null")
    await tab.evaluate("document.querySelector('#incidents form button').click()")
    await tab.wait_for(
        "document.getElementById('incidents')?.innerText.includes('An operator took')"
    )
    (event,) = host.fakes.events
    assert isinstance(event, AckRequested)


async def test_restart_names_what_objects_before_it_is_confirmed(
    tab: Tab, host: PageHost
) -> None:
    host.fakes.world.fails(WALLET, Cause.REFUSED)
    await open_live(tab, host.url)
    button = "#x-electron-cash form[action$=restart] button"
    await tab.follow(f"document.querySelector('{button}').click()")
    assert await tab.evaluate("location.pathname") == "/page/act/restart"
    assert "Restart electron-cash?" in await tab.text("h1")
    assert "remedy_running" in await tab.text("main")
    assert host.fakes.events == []


async def test_visitor_signs_in_and_sees_the_controls(
    browser: Browser, host: PageHost
) -> None:
    tab = await browser.new_tab()
    await open_live(tab, host.url)
    assert await tab.evaluate("document.querySelector('.acts')") is None
    await tab.follow("document.querySelector('a[href^=\"/login\"]').click()")
    await tab.evaluate("document.getElementById('token').focus()")
    await tab.type(TOKEN)
    await tab.follow("document.querySelector('main form').requestSubmit()")
    assert await tab.evaluate("document.querySelector('.acts') !== null")
    await tab.wait_for(LIVE)
    assert tab.complaints == []


# --- for everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ko"])
async def test_axe_finds_no_barrier(
    tab: Tab, host: PageHost, scheme: str, language: str
) -> None:
    world = host.fakes.world
    world.fails("price-feed", Cause.RESET, 2)
    world.fails(WALLET, Cause.REFUSED)
    world.fails(SERVICE, Cause.HTTP_5XX)
    incident = next(iter(world.state.incidents))
    await tab.emulate(scheme=scheme)
    await tab.call("Page.setBypassCSP", enabled=True)  # for axe, which is injected
    for path in ("", f"incidents/{incident}", "login"):
        await tab.open(f"{host.url}{path}?lang={language}")
        await tab.evaluate(
            "for (const one of document.querySelectorAll('details')) one.open = true;"
        )
        assert await tab.find_barriers() == []


@pytest.mark.parametrize("width", [320, 390, 768, 2560])
async def test_page_needs_no_sideways_scrolling(
    tab: Tab, host: PageHost, width: int
) -> None:
    host.fakes.world.fails(WALLET, Cause.REFUSED)
    await tab.emulate(width=width)
    await open_live(tab, f"{host.url}?lang=ko")
    beyond = await tab.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert beyond == 0
