"""Answers that can be judged, and others, which are unknown and no failures."""

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict
from sidecar.core.model.probe_settings import ElectronCashProbe, HttpProbe, JsonRpcProbe
from sidecar.probes.http_client.content import unpack
from sidecar.probes.http_client.response import BODY_LIMIT_BYTES, HttpResponse
from sidecar.probes.prober import ProbeRunner
from tests.support.fakes import FakeClock, FakeEngine, a_container
from tests.support.probe_servers import reply_with, response, run_server

CONTAINER = a_container()
KOREAN = "결제 서비스가 정상입니다"


@pytest.fixture
async def prober() -> AsyncIterator[ProbeRunner]:
    probes = ProbeRunner(FakeEngine(FakeClock(), CONTAINER), FakeClock())
    yield probes
    await probes.close()


def compress(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)  # the same in every worker


def page(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = (f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", "")
    return "\r\n".join(lines).encode("latin-1") + body


async def probe_page(
    prober: ProbeRunner,
    answer: bytes,
    settings: HttpProbe | JsonRpcProbe | ElectronCashProbe,
) -> ProbeResult:
    async with run_server(reply_with(answer)) as server:
        return await prober.probe(replace(settings, url=server.url), CONTAINER)


def http(**settings: object) -> HttpProbe:
    return HttpProbe("", **settings)  # type: ignore[arg-type]


RPC = JsonRpcProbe("", "ping")


# --- JSON-RPC under another content type


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Type: text/plain",),
        ("Content-Type: text/html; charset=utf-8",),
        (),
        ("Content-Type:",),
    ],
)
@pytest.mark.parametrize("body", [b'{"result": true, "id": 1}', b' \n{"result": true}'])
async def test_json_rpc_under_another_type_is_success(
    prober: ProbeRunner, headers: tuple[str, ...], body: bytes
) -> None:
    outcome = await probe_page(prober, page(body, *headers), RPC)
    assert outcome.verdict is ProbeVerdict.SUCCESS, outcome


async def test_a_wallet_daemons_answer_without_a_type_is_read(
    prober: ProbeRunner,
) -> None:
    error = b'{"error": {"code": -32601, "message": "no such method"}, "id": 1}'
    outcome = await probe_page(prober, page(error), ElectronCashProbe(""))
    assert outcome.cause is Cause.MISCONFIGURED


async def test_a_page_instead_of_json_rpc_is_a_failure_still(
    prober: ProbeRunner,
) -> None:
    outcome = await probe_page(
        prober, response(b"<html>", content_type="text/html"), RPC
    )
    assert outcome.cause is Cause.BAD_BODY
    outcome = await probe_page(
        prober, page(b"{no json", "Content-Type: text/html"), RPC
    )
    assert outcome.cause is Cause.BAD_BODY


async def test_json_rpc_compressed_though_not_asked_to_is_read(
    prober: ProbeRunner,
) -> None:
    answer = compress(b'{"result": true}')
    outcome = await probe_page(prober, page(answer, "Content-Encoding: gzip"), RPC)
    assert outcome.verdict is ProbeVerdict.SUCCESS, outcome


@pytest.mark.parametrize(
    "answer",
    [
        response(b'{"result": true}' + b" " * BODY_LIMIT_BYTES),
        page(b"\x0b\x02\x80", "Content-Encoding: br", "Content-Type: application/json"),
        page(compress(b"{" + b" " * 2_000_000), "Content-Encoding: gzip"),
    ],
    ids=["too long", "brotli", "a bomb"],
)
async def test_json_rpc_that_cannot_be_judged_is_unknown(
    prober: ProbeRunner, answer: bytes
) -> None:
    outcome = await probe_page(prober, answer, RPC)
    assert (outcome.verdict, outcome.cause) == (
        ProbeVerdict.UNKNOWN,
        Cause.PROBER_FAILED,
    )
    assert "cannot be judged" in str(outcome.reason)


# --- the text that is expected


@pytest.mark.parametrize(
    "answer",
    [
        page(compress(KOREAN.encode()), "Content-Encoding: gzip"),
        page(compress(KOREAN.encode()), "Content-Encoding: X-GZIP"),
        page(zlib.compress(KOREAN.encode()), "Content-Encoding: deflate"),
        page(zlib.compress(KOREAN.encode(), wbits=-15), "Content-Encoding: deflate"),
        page(KOREAN.encode(), "Content-Encoding: identity"),
        page(KOREAN.encode("euc-kr"), "Content-Type: text/html; charset=EUC-KR"),
        page(KOREAN.encode("cp949"), 'Content-Type: text/html; Charset="euc-kr"'),
        page(KOREAN.encode("utf-16"), "Content-Type: text/html; charset=utf-16"),
        page(KOREAN.encode("utf-16-be"), "Content-Type: text/plain;charset=UTF-16BE"),
        page(KOREAN.encode("utf-16"), "Content-Type: text/plain"),
        page(b"\xef\xbb\xbf" + KOREAN.encode()),
        page(
            compress(KOREAN.encode("euc-kr")),
            "Content-Encoding: gzip",
            "Content-Type: text/html; charset=euc-kr",
        ),
        page(b" " * 70_000 + KOREAN.encode()),
        page(compress(b" " * 500_000 + KOREAN.encode()), "Content-Encoding: gzip"),
    ],
)
async def test_expected_text_is_found_in_every_encoding(
    prober: ProbeRunner, answer: bytes
) -> None:
    outcome = await probe_page(prober, answer, http(expect_body="정상"))
    assert outcome.verdict is ProbeVerdict.SUCCESS, outcome


@pytest.mark.parametrize(
    ("declared", "actual", "text"),
    [("euc-kr", "cp949", "뷁"), ("latin-1", "cp1252", "€")],
)
async def test_a_text_of_the_wider_charset_is_found(
    prober: ProbeRunner, declared: str, actual: str, text: str
) -> None:
    answer = page(text.encode(actual), f"Content-Type: text/html; charset={declared}")
    outcome = await probe_page(prober, answer, http(expect_body=text))
    assert outcome.verdict is ProbeVerdict.SUCCESS, outcome


def test_decompression_stops_at_the_limit() -> None:
    bomb = HttpResponse(
        200, "", compress(bytes(20_000_000)), False, {b"content-encoding": b"gzip"}
    )
    tracemalloc.start()
    unpacked = unpack(bomb, BODY_LIMIT_BYTES)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(unpacked.body), unpacked.cut) == (BODY_LIMIT_BYTES, True)
    assert peak < 10 * BODY_LIMIT_BYTES


@pytest.mark.parametrize(
    "answer",
    [
        page(compress(b"down"), "Content-Encoding: gzip"),
        page("고장".encode("euc-kr"), "Content-Type: text/html; charset=euc-kr"),
        page("고장".encode()),
        page(b" " * 70_000),
    ],
)
async def test_missing_text_is_a_failure(prober: ProbeRunner, answer: bytes) -> None:
    outcome = await probe_page(prober, answer, http(expect_body="정상"))
    assert outcome.cause is Cause.BAD_BODY, outcome


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (page(b"\x0b\x02\x80", "Content-Encoding: br"), "compressed (br)"),
        (page(b"x", "Content-Encoding: gzip, br"), "compressed (gzip, br)"),
        (page(b"no gzip", "Content-Encoding: gzip"), "called gzip is damaged"),
        (
            page(compress(b"x" * 999)[:-9], "Content-Encoding: gzip"),
            "called gzip is damaged",
        ),
        (page("고장".encode("euc-kr")), "it is not UTF-8"),
        (page(b"x", "Content-Type: text/html; charset=klingon"), "charset klingon"),
        (page(b"x", "Content-Type: text/html; charset=hex"), "charset hex"),
        (page(b" " * 1_100_000), "longer than 1048576 bytes; see max_body_bytes"),
        (
            page(compress(b" " * 20_000_000), "Content-Encoding: gzip"),
            "longer than 1048576 bytes",
        ),
    ],
)
async def test_unreadable_body_is_unknown_with_the_reason(
    prober: ProbeRunner, answer: bytes, why: str
) -> None:
    outcome = await probe_page(prober, answer, http(expect_body="정상"))
    assert (outcome.verdict, outcome.cause) == (
        ProbeVerdict.UNKNOWN,
        Cause.PROBER_FAILED,
    )
    assert str(outcome.reason).startswith("200: the body cannot be judged: ")
    assert why in str(outcome.reason)


async def test_an_ascii_text_is_judged_in_every_charset_like_it(
    prober: ProbeRunner,
) -> None:
    answer = page("고장".encode("euc-kr"))
    outcome = await probe_page(prober, answer, http(expect_body="ok"))
    assert outcome.cause is Cause.BAD_BODY


async def test_the_settings_limit_what_is_read(prober: ProbeRunner) -> None:
    answer = page(b" " * 3000 + b"ok")
    wide = await probe_page(prober, answer, http(expect_body="ok"))
    narrow = await probe_page(
        prober, answer, http(expect_body="ok", max_body_bytes=2048)
    )
    assert (wide.verdict, narrow.verdict) == (
        ProbeVerdict.SUCCESS,
        ProbeVerdict.UNKNOWN,
    )


# --- other statuses


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        ("204 No Content", (), "204: expect_status has only 200"),
        ("301 Moved", (), "301: expect_status has only 200"),
        (
            "308 Permanent Redirect",
            ("Location: https://shop.example/",),
            "308: it redirects to https://shop.example/; expect_status has only 200",
        ),
    ],
)
async def test_other_success_or_redirect_status_is_misconfigured_without_remedy(
    prober: ProbeRunner, status: str, headers: tuple[str, ...], reason: str
) -> None:
    outcome = await probe_page(prober, page(b"", *headers, status=status), http())
    assert (outcome.cause, str(outcome.reason)) == (Cause.MISCONFIGURED, reason)
    assert outcome.cause is not None
    assert CAUSES[outcome.cause].remedy is None


async def test_a_location_is_shown_bounded_and_printable(prober: ProbeRunner) -> None:
    where = "Location: http://x/" + "a" * 5000 + "\x1b[31m"
    outcome = await probe_page(prober, page(b"", where, status="302 Found"), http())
    assert outcome.cause is Cause.MISCONFIGURED
    assert len(str(outcome.reason)) <= 300
    where = "Location: http://x/\x1b[31m\x9b"
    outcome = await probe_page(prober, page(b"", where, status="302 Found"), http())
    assert str(outcome.reason).isprintable()
