"""A probe of any answer ends in time, with a printable reason."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model.probe_result import REASON_LIMIT, ProbeResult
from sidecar.core.model.probe_settings import (
    Credentials,
    ElectronCashProbe,
    ExecProbe,
    HttpProbe,
    JsonRpcProbe,
    ProbeSettings,
)
from sidecar.core.ports.engine import ExecResult
from sidecar.core.text.printable import printable
from sidecar.probes.prober import ProbeRunner
from sidecar.telemetry.secret_mask import Mask
from tests.fuzz.inputs import JSON, NUMBERS, SECRET, TEXTS, to_json_bytes
from tests.support.fakes import FakeClock, FakeEngine, a_container
from tests.support.probe_servers import Connection, response, run_server
from tests.support.steady_time import keep_time_steady

CONTAINER = a_container()
TIMEOUT_S = 1.0
SLACK_S = 1.5
SLOW_WORDS = 40
"""``answered in 1.5 s; `` comes before a reason."""

LINES = st.sampled_from(
    ["HTTP/1.1 200 OK", "HTTP/1.0 401 no", "HTTP/1.1 100 Continue", "HTTP/9 2 x", "200"]
)
HEADERS = st.sampled_from(
    [
        "Content-Type: application/json",
        "Content-Length: 5",
        "Content-Length: -1",
        "Content-Length: 99999999999999999999",
        "Transfer-Encoding: chunked",
        "Content-Encoding: gzip",
        "Connection: keep-alive",
        "X: " + "y" * 9000,
        " folded",
        ":",
    ]
)
WALLET = st.fixed_dictionaries(
    {},
    optional={
        "connected": st.booleans() | JSON,
        "server_height": NUMBERS | JSON,
        "blockchain_height": NUMBERS | JSON,
        "wallets": st.dictionaries(TEXTS, st.booleans(), max_size=2) | JSON,
        "confirmed": TEXTS | NUMBERS,
        "unconfirmed": st.sampled_from(["1e999999", "-1", "NaN", "0.1"]) | JSON,
    },
)
ERRORS = TEXTS | st.fixed_dictionaries({"code": JSON, "message": TEXTS | JSON})
ENVELOPES = st.fixed_dictionaries(
    {}, optional={"result": WALLET | JSON, "error": ERRORS, "id": JSON}
)
RAW = st.builds(
    lambda line, headers, body: (
        "\r\n".join([line, *headers]).encode() + b"\r\n\r\n" + body
    ),
    LINES,
    st.lists(HEADERS, max_size=4),
    st.binary(max_size=300)
    | st.sampled_from([b"5\r\nhello\r\n0\r\n\r\n", b"f" * 70000]),
)
STATUSES = st.sampled_from(["200 OK", "401 no", "403 no", "404 no", "500 no", "999 x"])
ANSWERS = (
    st.binary(max_size=200)
    | RAW
    | st.builds(
        lambda value, status: response(to_json_bytes(value), status),
        ENVELOPES,
        STATUSES,
    )
    | st.builds(
        lambda value, at: response(to_json_bytes(value))[:at],
        ENVELOPES,
        st.integers(0, 200),
    )
)


class Bench:
    """One server and one prober for all examples of a test."""

    def __init__(self) -> None:
        self.engine = FakeEngine(FakeClock(), CONTAINER)
        self._runner = asyncio.Runner()
        self._prober = self._runner.run(self._open())

    async def _open(self) -> ProbeRunner:
        return ProbeRunner(self.engine, FakeClock(), mask=Mask([SECRET]))

    def probe(self, answers: list[bytes], make: Callable[[str], ProbeSettings]) -> None:
        """Probe a server that gives these answers in turn, and judge the outcome."""
        self.judge(*self._runner.run(self._probe_server(answers, make)))

    async def _probe_server(
        self, answers: list[bytes], make: Callable[[str], ProbeSettings]
    ) -> tuple[ProbeResult, float]:
        remaining = list(answers)

        def reply(connection: Connection) -> None:
            connection.send(remaining.pop(0) if remaining else answers[-1])

        loop = asyncio.get_running_loop()
        async with keep_time_steady(), run_server(reply) as server:
            began = loop.time()
            outcome = await self._prober.probe(make(server.url), CONTAINER)
            return outcome, loop.time() - began

    def judge(self, outcome: ProbeResult, seconds: float) -> None:
        reason = str(outcome.reason)
        assert seconds < TIMEOUT_S + SLACK_S
        assert SECRET not in reason
        assert len(reason) <= REASON_LIMIT + SLOW_WORDS
        assert printable(reason) == reason
        assert "\n" not in reason

    def close(self) -> None:
        self._runner.run(self._prober.close())
        self._runner.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda url: ElectronCashProbe(
            url, TIMEOUT_S, credentials=Credentials("u", SECRET)
        ),
        lambda url: JsonRpcProbe(url, "ping", timeout_s=TIMEOUT_S),
        lambda url: HttpProbe(url, expect_body="well", timeout_s=TIMEOUT_S),
    ],
    ids=["electron_cash", "jsonrpc", "http"],
)
def test_probe_of_any_answer_ends_in_time_with_a_printable_reason(
    bench: Bench,
    make: Any,  # noqa: ANN401 - three kinds
) -> None:
    @given(st.lists(ANSWERS, min_size=1, max_size=3))
    def check_example(answers: list[bytes]) -> None:
        bench.probe(answers, make)

    check_example()


def test_exec_probe_of_any_output_ends_in_time_with_a_printable_reason(
    bench: Bench,
) -> None:
    @given(TEXTS, st.integers(0, 255))
    def check_example(output: str, status: int) -> None:
        bench.engine.exec_of["check"] = ExecResult(status, output)
        bench.probe([b""], lambda _: ExecProbe(("check",), timeout_s=TIMEOUT_S))

    check_example()
