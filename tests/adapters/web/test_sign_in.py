"""Sign-in to the page: the cookie, its end, wrong tokens, other sites."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from sidecar.core.model.page_access import PageAccess
from sidecar.web.session import COOKIE, MAX_SESSIONS, SESSION_S
from sidecar.web.sign_in_limit import (
    MAX_WRONG,
    MAX_WRONG_OF_ADDRESS,
    WINDOW_S,
    WRONG_TOKEN_WAIT_S,
)
from tests.support.api_services import TOKEN, ApiServiceFakes
from tests.support.page_server import Browser, PageServer, open_page_server
from tests.support.repository import REPOSITORY


@pytest.fixture
async def bench() -> AsyncIterator[PageServer]:
    async with open_page_server() as server:
        yield server


async def is_operator(browser: Browser) -> bool:
    """Does the server let the browser give orders?"""
    status, _ = await browser.order("resume", target="electron-cash")
    assert status in {200, 401}
    return status == 200


# --- the cookie


async def test_cookie_is_out_of_reach_of_scripts_and_of_other_sites(
    bench: PageServer,
) -> None:
    async with bench.operator() as operator:
        cookie = operator.cookie
        assert cookie["httponly"] is True
        assert cookie["samesite"] == "Strict"
        assert cookie["path"] == "/"
        assert int(cookie["max-age"]) == SESSION_S
        assert not cookie["secure"]
        assert len(cookie.value) >= 43
        assert TOKEN not in cookie.value


async def test_cookie_is_secure_where_a_proxy_says_https(bench: PageServer) -> None:
    https = {"X-Forwarded-Proto": "https"}
    async with (
        bench.browser() as browser,
        browser.http.post(
            "/login", data={"token": TOKEN}, headers=https, allow_redirects=False
        ) as response,
    ):
        assert response.status == 303
        assert response.cookies[COOKIE]["secure"] is True


async def test_each_sign_in_has_a_session_of_its_own(bench: PageServer) -> None:
    async with bench.operator() as one, bench.operator() as other:
        assert one.cookie.value != other.cookie.value
        assert one.csrf != other.csrf
        await one.http.post("/logout", data={"csrf": one.csrf})
        assert not await is_operator(one)
        assert await is_operator(other)


async def test_second_sign_in_of_a_browser_ends_its_first_session(
    bench: PageServer,
) -> None:
    async with bench.operator() as browser:
        first = browser.cookie.value
        assert await bench.sign_in(browser) == 303
        assert browser.cookie.value != first
    async with bench.browser(Cookie=f"{COOKIE}={first}") as old:
        assert not await is_operator(old)


# --- its end


async def test_session_ends_after_twelve_hours(bench: PageServer) -> None:
    async with bench.operator() as operator:
        bench.fakes.world.now_s += SESSION_S - 1
        assert await is_operator(operator)
        bench.fakes.world.now_s += 1
        assert not await is_operator(operator)
        assert await bench.sign_in(operator) == 303
        assert await is_operator(operator)


async def test_sign_out_ends_the_session_and_drops_the_cookie(
    bench: PageServer,
) -> None:
    async with bench.operator() as operator:
        session_id = operator.cookie.value
        async with operator.http.post(
            "/logout", data={"csrf": operator.csrf}, allow_redirects=False
        ) as response:
            assert (response.status, response.headers["Location"]) == (303, "/")
        assert [c.key for c in operator.http.cookie_jar] == []
    async with bench.browser(Cookie=f"{COOKIE}={session_id}") as thief:
        assert not await is_operator(thief)


async def test_sign_out_without_csrf_token_is_refused(bench: PageServer) -> None:
    async with bench.operator() as operator:
        async with operator.http.post("/logout", data={}) as response:
            assert response.status == 403
        assert await is_operator(operator)


async def test_sessions_are_bounded_and_the_oldest_ends(bench: PageServer) -> None:
    async with bench.operator() as first, bench.operator() as second:
        for _ in range(MAX_SESSIONS - 1):
            async with bench.browser() as browser:
                await bench.sign_in(browser)
        assert not await is_operator(first)
        assert await is_operator(second)


@pytest.mark.parametrize("value", ["", "x", "\u00fc" * 50, "a" * 4000])
async def test_unknown_session_is_a_visitor(bench: PageServer, value: str) -> None:
    async with bench.browser() as browser:
        browser.http.cookie_jar.update_cookies({COOKIE: value})
        assert not await is_operator(browser)


# --- wrong tokens


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", "t\u00f6ken"])
async def test_wrong_token_is_401_and_opens_no_session(
    bench: PageServer, token: str
) -> None:
    async with (
        bench.browser() as browser,
        browser.http.post("/login", data={"token": token}) as response,
    ):
        assert response.status == 401
        text = await response.text()
        assert "This token is not correct" in text
        assert TOKEN not in text
        assert COOKIE not in response.cookies


async def test_wrong_token_is_slowed() -> None:
    async with open_page_server(wait_s=0.4) as bench, bench.browser() as browser:
        began_s = time.monotonic()
        assert await bench.sign_in(browser, "wrong") == 401
        assert time.monotonic() - began_s >= 0.4


async def test_wrong_token_slows_nobody_else() -> None:
    async with open_page_server(wait_s=30.0) as bench, bench.browser() as browser:
        wrong = asyncio.create_task(bench.sign_in(browser, "wrong"))
        async with bench.browser() as other:
            assert await bench.sign_in(other) == 303
        assert not wrong.done()
        wrong.cancel()


async def test_wrong_tokens_are_bounded_also_where_they_come_at_once() -> None:
    async with open_page_server(wait_s=0.2) as bench, bench.browser() as browser:
        tries = [bench.sign_in(browser, f"wrong {n}") for n in range(40)]
        statuses = await asyncio.gather(*tries)
        assert statuses.count(401) == MAX_WRONG_OF_ADDRESS
        assert statuses.count(429) == 40 - MAX_WRONG_OF_ADDRESS
        async with browser.http.post("/login", data={"token": TOKEN}) as refused:
            assert refused.status == 429
            assert 0 < int(refused.headers["Retry-After"]) <= WINDOW_S
        bench.fakes.world.now_s += WINDOW_S
        assert await bench.sign_in(browser) == 303


async def test_too_many_wrong_tokens_end_no_session(bench: PageServer) -> None:
    async with bench.operator() as operator, bench.browser() as browser:
        for _ in range(MAX_WRONG_OF_ADDRESS + 1):
            await bench.sign_in(browser, "wrong")
        assert await is_operator(operator)


async def test_without_a_token_nobody_can_sign_in() -> None:
    fakes = ApiServiceFakes(token=None)
    async with open_page_server(fakes=fakes) as bench, bench.browser() as browser:
        async with browser.http.get("/login") as response:
            assert response.status == 403
            text = await response.text()
            assert "SIDECAR_API_TOKEN" in text
            assert "<form" not in text
        for token in ("", "anything"):
            assert await bench.sign_in(browser, token) == 403


# --- forms of other sites


OTHER_SITES = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "null"},
    {"Origin": "http://[half"},
)


@pytest.mark.parametrize("headers", OTHER_SITES)
async def test_sign_in_from_another_site_is_refused(
    bench: PageServer, headers: dict[str, str]
) -> None:
    async with (
        bench.browser() as browser,
        browser.http.post("/login", data={"token": TOKEN}, headers=headers) as response,
    ):
        assert response.status == 403
        assert "another site" in await response.text()
        assert COOKIE not in response.cookies


async def test_own_page_may_sign_in_behind_a_proxy_too(bench: PageServer) -> None:
    own = (
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": bench.url},
        {"Origin": "https://status.example", "X-Forwarded-Host": "status.example"},
    )
    for headers in own:
        async with (
            bench.browser() as browser,
            browser.http.post(
                "/login", data={"token": TOKEN}, headers=headers, allow_redirects=False
            ) as response,
        ):
            assert response.status == 303, headers


def test_limits_of_the_sign_in_are_those_of_the_documentation() -> None:
    text = (REPOSITORY / "docs" / "security.md").read_text()
    security = " ".join(text.split())
    minutes, hours = WINDOW_S / 60, SESSION_S / 3600
    for promised in (
        f"A wrong token waits {WRONG_TOKEN_WAIT_S:.0f} s for its answer",
        f"ten from one address or {MAX_WRONG} in all within {minutes:.0f} min",
        f"valid for {hours:.0f} hours",
        f"at most {MAX_SESSIONS} sessions",
    ):
        assert promised in security
    assert MAX_WRONG_OF_ADDRESS == 10


# --- the form


async def test_sign_in_page_is_a_form_with_safe_headers(bench: PageServer) -> None:
    async with bench.browser() as browser, browser.http.get("/login") as response:
        assert response.status == 200
        assert response.content_type == "text/html"
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "same-origin"
        assert response.headers["Cache-Control"] == "no-store"
        text = await response.text()
    assert '<html lang="en">' in text
    assert 'type="password" name="token"' in text


async def test_sign_in_page_is_in_the_language_of_the_request(
    bench: PageServer,
) -> None:
    async with bench.browser() as browser:
        async with browser.http.get("/login?lang=ko") as response:
            text = await response.text()
            assert '<html lang="ko">' in text
            assert "API 토큰" in text
        async with browser.http.post(
            "/login?lang=ko", data={"token": "wrong"}
        ) as response:
            assert "토큰이 올바르지 않습니다" in await response.text()


async def test_public_page_keeps_its_sign_in(bench: PageServer) -> None:
    bench.access = PageAccess.PUBLIC
    async with bench.operator() as operator:
        assert await is_operator(operator)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (
            "/incidents/01HF7YAT00ABCDEFGHJKMNPQRS",
            "/incidents/01HF7YAT00ABCDEFGHJKMNPQRS",
        ),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/incidents/../..//evil.example", "/"),
        ("", "/"),
    ],
)
async def test_sign_in_leads_to_a_page_of_this_server(
    bench: PageServer, asked: str, given: str
) -> None:
    data = {"token": TOKEN, "next": asked}
    async with (
        bench.browser() as browser,
        browser.http.post("/login", data=data, allow_redirects=False) as response,
    ):
        assert response.headers["Location"] == given


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"token=%ff", "application/x-www-form-urlencoded", 401),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"&".join([b"a=1"] * 30), "application/x-www-form-urlencoded", 400),
        (b"token=a&token=b", "application/x-www-form-urlencoded", 400),
        (b'{"token": "x"}', "application/json", 415),
        (b"--x", "multipart/form-data; boundary=x", 415),
        (b"token=" + b"x" * 20_000, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_body_that_is_no_form_is_refused(
    bench: PageServer, body: bytes, content_type: str, status: int
) -> None:
    async with (
        bench.browser() as browser,
        browser.http.post(
            "/login", data=body, headers={"Content-Type": content_type}
        ) as response,
    ):
        assert response.status == status
