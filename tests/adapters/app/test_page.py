"""The status page of a running sidecar."""

import asyncio
import socket
import threading
import time
from pathlib import Path

import aiohttp

from tests.support.engine_server import raw_container
from tests.support.page_server import StreamReader
from tests.support.quickest import find_quickest_s
from tests.support.sidecar_host import (
    DEADLINE_S,
    QUICK,
    TOKEN,
    WALLET_ID,
    SidecarHost,
    own_host,
)
from tests.support.timestamps import unix_time


def serve_with_refusing_wallet(host: SidecarHost, **environ: str) -> None:
    """A sidecar whose wallet daemon refuses every connection."""
    serve_with_wallet(host, (own_host(), 1), **environ)


def serve_with_wallet(
    host: SidecarHost, address: tuple[str, int], **environ: str
) -> None:
    host.engine.add(raw_container(WALLET_ID, stack="shop", service="electron-cash"))
    probe = {"type": "tcp", "host": address[0], "port": address[1]}
    config = host.config(defaults=QUICK, targets={"electron-cash": {"probe": probe}})
    host.start_serving(SIDECAR_CONFIG=config, SIDECAR_API_TOKEN=TOKEN, **environ)


def test_decision_is_on_the_page_within_a_second(sidecar_host: SidecarHost) -> None:
    """The time from the decision, by the loop's own clock, to the reader."""
    with socket.create_server((own_host(), 0), backlog=128) as wallet:
        serve_with_wallet(sidecar_host, wallet.getsockname())
        watching = watch_restarts(sidecar_host)
        seconds = asyncio.run(asyncio.wait_for(watching, DEADLINE_S))
    assert 0.0 <= seconds < 1.0


async def watch_restarts(host: SidecarHost) -> float:
    """Seconds from a decision to restart until the page shows it, at the quickest."""
    is_shown = threading.Event()

    def hold_restart(*_: object) -> None:
        is_shown.wait(DEADLINE_S)

    host.engine.on_act = hold_restart
    async with (
        aiohttp.ClientSession(
            host.url, headers={"Authorization": f"Bearer {TOKEN}"}
        ) as http,
        http.get("/page/stream?lang=ko") as page,
    ):
        reader = StreamReader(page)

        async def measure() -> float:
            await wait_for_state(reader, "healthy")
            is_shown.clear()
            path = "/api/v1/targets/electron-cash/restart"
            async with http.post(path, json={"now": True}) as response:
                assert response.status == 202
                decided = (await response.json())["decision"]
            await wait_for_state(reader, "recovering")
            seconds = time.time() - unix_time(decided["at"])
            is_shown.set()
            return seconds

        return await find_quickest_s(measure, 1.0)


async def wait_for_state(reader: StreamReader, state: str) -> None:
    shown_state = ""
    while shown_state != state:
        targets = (await reader.event())["targets"]
        shown_state = next((t["state"] for t in targets), "")


def test_page_setting_is_changed_by_a_reload(sidecar_host: SidecarHost) -> None:
    serve_with_refusing_wallet(sidecar_host)
    assert sidecar_host.get("/page/state.json").status == 200
    assert sidecar_host.get("/login").status == 200
    sidecar_host.config(targets={}, page="off")
    reloaded = sidecar_host.post("/api/v1/reload", Authorization=f"Bearer {TOKEN}")
    assert reloaded.status == 200
    assert sidecar_host.get("/page/state.json").status == 404
    assert sidecar_host.get("/login").status == 404
    assert sidecar_host.get("/api/v1/status").status == 200


def test_visitor_gets_no_address_and_no_container_of_a_target(
    sidecar_host: SidecarHost,
) -> None:
    serve_with_refusing_wallet(sidecar_host, SIDECAR_MODE="observe")
    sidecar_host.until(
        "it fails",
        lambda: bool(sidecar_host.target("electron-cash").get("incident")),
    )
    status = sidecar_host.get("/api/v1/status").text
    assert "127." in status
    assert WALLET_ID in status
    page = sidecar_host.get("/page/state.json").text
    assert "electron-cash" in page
    assert "127." not in page
    assert WALLET_ID not in page


def test_environment_wins_over_the_file_and_turns_the_page_off(
    sidecar_host: SidecarHost,
) -> None:
    serve_with_refusing_wallet(sidecar_host, SIDECAR_PAGE="off")
    answer = sidecar_host.get("/page/state.json")
    assert answer.status == 404
    assert "SIDECAR_PAGE is off" in answer.json["error"]


def test_operator_who_signs_in_gets_the_address(sidecar_host: SidecarHost) -> None:
    serve_with_refusing_wallet(sidecar_host, SIDECAR_MODE="observe")
    sidecar_host.until(
        "it fails",
        lambda: bool(sidecar_host.target("electron-cash").get("incident")),
    )
    page = asyncio.run(asyncio.wait_for(read_as_operator(sidecar_host.url), DEADLINE_S))
    assert "127." in page
    log = "".join(sidecar_host.log_lines)
    assert TOKEN not in log


async def read_as_operator(url: str) -> str:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(url, cookie_jar=jar) as http:
        async with http.post(
            "/login", data={"token": TOKEN}, allow_redirects=False
        ) as response:
            assert response.status == 303
        async with http.get("/page/state.json") as response:
            return await response.text()


def test_page_costs_no_memory_before_the_first_visit(sidecar_host: SidecarHost) -> None:
    """jinja2 has a part in C (markupsafe), which the kernel lists once it is loaded."""
    process = sidecar_host.start_serving(SIDECAR_CONFIG=sidecar_host.config(targets={}))
    mapped = Path(f"/proc/{process.pid}/maps")
    assert sidecar_host.get("/").status == 200
    assert sidecar_host.get("/api/v1/status").status == 200
    assert "markupsafe" not in mapped.read_text()
    page = sidecar_host.get("/", Accept="text/html")
    assert "</html>" in page.text
    assert "markupsafe" in mapped.read_text()


def test_page_of_a_running_sidecar_is_in_both_languages(
    sidecar_host: SidecarHost,
) -> None:
    serve_with_refusing_wallet(sidecar_host)
    sidecar_host.until(
        "it is down",
        lambda: sidecar_host.target("electron-cash").get("state") == "recovering",
    )
    words = {"en": "It accepts no connections.", "ko": "연결을 받지 않습니다."}
    for language, sentence in words.items():
        page = sidecar_host.get(f"/?lang={language}", Accept="text/html")
        assert page.status == 200
        assert sentence in page.text


def test_page_that_is_off_answers_browsers_with_a_hint(
    sidecar_host: SidecarHost,
) -> None:
    serve_with_refusing_wallet(sidecar_host, SIDECAR_PAGE="off")
    answer = sidecar_host.get("/", Accept="text/html")
    assert answer.status == 404
    assert "SIDECAR_PAGE is off" in answer.json["error"]
    assert sidecar_host.get("/").text.startswith("sidecar ")
    assert sidecar_host.get("/static/page.css").status == 404
