"""``python -m tests.support.page_pictures FOLDER`` writes pictures of the status page.

Desktop in light and dark, phone, wall screen, Korean, an incident, a drill, sign-in:
for people to look at.
"""

import asyncio
import sys
from pathlib import Path

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Trigger
from sidecar.core.model.drill_event import DrillRequested
from sidecar.core.model.drill_fault import DrillFault
from sidecar.web.session import COOKIE
from tests.support.api_services import ApiServiceFakes
from tests.support.chromium import Tab, run_chromium
from tests.support.page_host import PageHost
from tests.support.page_world import (
    SERVICE,
    WALLET,
    add_memory,
    make_page_world,
    settle,
)


def break_wallet(fakes: ApiServiceFakes) -> None:
    """An outage in the middle of its repair."""
    world = fakes.world
    settle(fakes)
    world.fails(WALLET, Cause.REFUSED, 4)
    world.fails(SERVICE, Cause.HTTP_5XX, 3)


async def take_pictures(folder: Path) -> None:
    """Write all pictures into the folder, which exists."""
    async with run_chromium() as browser:
        well, broken = make_page_world(), make_page_world()
        tab = await browser.new_tab()
        for name, fakes in (("well", well), ("broken", broken)):
            host = PageHost(fakes)
            settle(fakes)
            add_memory(fakes)
            tomorrow = fakes.world.now.wall + 70_000.0
            fakes.schedule.next = fakes.schedule.next._replace(at_wall=tomorrow)
            if fakes is broken:
                break_wallet(fakes)
            async with host.serve():
                await tab.set_cookie(host.url, COOKIE, host.cookie)
                for scheme in ("light", "dark"):
                    await tab.emulate(width=1280, height=900, scheme=scheme)
                    await _picture(tab, host.url, folder / f"{name}-{scheme}.png")
                await tab.emulate(width=390, height=844)
                await _picture(tab, host.url, folder / f"{name}-phone.png")
                await tab.emulate(width=1280, height=900)
                await _picture(tab, f"{host.url}?lang=ko", folder / f"{name}-ko.png")
                await tab.emulate(width=2560, height=1440)
                await _picture(tab, host.url, folder / f"{name}-wall.png")
        host = PageHost(broken)
        async with host.serve():
            await tab.emulate(width=1280, height=900)
            await _picture(tab, host.url, folder / "visitor.png")
            await _picture(tab, f"{host.url}login?lang=ko", folder / "login.png")
            await tab.set_cookie(host.url, COOKIE, host.cookie)
            await _pictures_of_incident(tab, host, folder)
        await _pictures_of_drill(await browser.new_tab(), folder)


async def _pictures_of_drill(tab: Tab, folder: Path) -> None:
    fakes = make_page_world()
    host = PageHost(fakes)
    settle(fakes)
    world = fakes.world
    instance_id = world.instance(WALLET).id
    order = DrillRequested(
        world.now,
        "1",
        instance_id,
        DrillFault.HANG,
        Trigger.OPERATOR,
        True,
    )
    world.send(order)
    async with host.serve():
        for scheme in ("light", "dark"):
            await tab.emulate(width=1280, height=900, scheme=scheme)
            await _picture(tab, host.url, folder / f"drill-visitor-{scheme}.png")
        await tab.set_cookie(host.url, COOKIE, host.cookie)
        await tab.emulate(width=1280, height=900)
        for language in ("en", "ko"):
            url = f"{host.url}?lang={language}"
            await _picture(tab, url, folder / f"drill-{language}.png")


async def _pictures_of_incident(tab: Tab, host: PageHost, folder: Path) -> None:
    incident = next(iter(host.fakes.world.state.incidents))
    for language in ("en", "ko"):
        await tab.emulate(width=1280, height=900)
        url = f"{host.url}incidents/{incident}?lang={language}"
        await _picture(tab, url, folder / f"incident-{language}.png")


async def _picture(tab: Tab, url: str, file: Path) -> None:
    await tab.open(url)
    await tab.wait_for(
        "!document.querySelector('main[data-live]')"
        " || document.querySelector('.live') !== null"
    )
    await asyncio.sleep(0.3)  # the strips become buttons when they are seen
    await tab.screenshot(file)


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    asyncio.run(take_pictures(Path(sys.argv[1])))
