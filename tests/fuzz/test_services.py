"""Any answer of Telegram, ntfy and PagerDuty, and any press of a button."""

import asyncio
import contextlib
from collections.abc import Iterator

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model.event import AckRequested
from sidecar.core.model.incident import Incident
from sidecar.core.text.printable import on_one_line
from sidecar.notify.delivery import DeliveryResult, DeliveryStatus
from sidecar.telemetry.secret_mask import Mask
from tests.fuzz.inputs import JSON, SECRET, TEXTS, to_json_bytes
from tests.support.phone_world import PhoneWorld, ntfy, pagerduty, telegram
from tests.support.telegram_server import CHAT_ID

MASK = Mask([SECRET])
KINDS = (telegram, ntfy, pagerduty)
ENVELOPES = st.fixed_dictionaries(
    {},
    optional={
        "ok": st.booleans() | JSON,
        "result": st.fixed_dictionaries({"message_id": st.integers()}) | JSON,
        "error_code": st.integers(-1, 999) | JSON,
        "description": TEXTS | JSON,
        "parameters": JSON
        | st.fixed_dictionaries({"retry_after": st.integers() | JSON}),
        "id": TEXTS | JSON,
        "event": st.just("message") | JSON,
        "error": TEXTS | JSON,
        "status": st.just("success") | JSON,
        "errors": st.lists(TEXTS, max_size=3) | JSON,
    },
)
BODIES = st.binary(max_size=100) | (ENVELOPES | JSON).map(to_json_bytes)
STATUSES = st.sampled_from([200, 202, 204, 301, 400, 401, 409, 429, 500, 504])
VALID = "the data of the button"
PEOPLE = st.fixed_dictionaries(
    {"id": st.integers(0, 2**52)},
    optional={"first_name": TEXTS, "last_name": TEXTS, "username": TEXTS | JSON},
)
CHATS = st.fixed_dictionaries({"id": st.just(CHAT_ID) | st.integers() | JSON})
PRESSED = st.fixed_dictionaries(
    {"message_id": st.integers(0, 99) | JSON, "chat": CHATS},
    optional={"text": TEXTS | st.just("\U0001f6d1" * 5000), "date": JSON},
)
PRESSES = st.fixed_dictionaries(
    {"id": TEXTS | JSON, "from": PEOPLE | JSON},
    optional={"message": PRESSED | JSON, "data": st.just(VALID) | TEXTS | JSON},
)
UPDATES = st.lists(
    st.fixed_dictionaries(
        {"update_id": st.integers() | JSON},
        optional={"callback_query": PRESSES | JSON, "message": JSON},
    ),
    max_size=4,
)


class ServiceHost:
    """A server of any answers, for all examples of a test."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.body, self.status = b"", 200
        self.polls = asyncio.Event()
        self._answers: list[bytes] = []
        self._web = self.runner.run(self._start())
        self.url = f"http://127.0.0.1:{self._web.addresses[0][1]}"

    async def _start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._handle)
        runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
        )
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    async def _handle(self, request: web.Request) -> web.Response:
        await request.read()
        if request.path.endswith("/getUpdates"):
            if not self._answers:
                self.polls.set()
                await asyncio.sleep(60)
            return web.Response(body=self._answers.pop())
        return web.Response(body=self.body, status=self.status)

    async def send_to_each(self, world: PhoneWorld) -> list[DeliveryResult]:
        return [await world.send(settings(self.url)) for settings in KINDS]

    async def poll(self, world: PhoneWorld, updates: bytes) -> None:
        """Give the poller one answer, and wait until it polls again."""
        self._answers, self.polls = [updates], asyncio.Event()
        async with world.poller(self.url, 0.01), asyncio.timeout(20.0):
            await self.polls.wait()

    def close(self) -> None:
        self.runner.run(self._web.cleanup())
        self.runner.close()


@pytest.fixture(scope="module")
def host() -> Iterator[ServiceHost]:
    with contextlib.closing(ServiceHost()) as running:
        yield running


@given(BODIES, STATUSES)
def test_any_answer_gives_a_result_in_printable_words(
    host: ServiceHost, body: bytes, status: int
) -> None:
    host.body, host.status = body, status
    for result in host.runner.run(host.send_to_each(PhoneWorld(mask=MASK))):
        assert on_one_line(result.error) == result.error
        assert len(result.error) <= 200
        assert SECRET not in result.error
        if status >= 300:
            assert result.delivery is not DeliveryStatus.DELIVERED


def data_of(world: PhoneWorld) -> str:
    incident = world.incident.id
    return f"ack:{incident}:{world.signer.seal(incident, 'ops')}"


@given(UPDATES | JSON)
def test_any_update_acknowledges_only_by_a_valid_button_in_the_chat(
    host: ServiceHost, updates: object
) -> None:
    world = PhoneWorld(mask=MASK)
    host.body, host.status = b'{"ok": true, "result": true}', 200
    answer = to_json_bytes({"ok": True, "result": updates})
    answer = answer.replace(VALID.encode(), data_of(world).encode())
    host.runner.run(host.poll(world, answer))
    acks = [e for e in world.fakes.events if isinstance(e, AckRequested)]
    assert len(acks) <= 1
    if acks:
        assert VALID in str(updates)
        assert str(CHAT_ID) in str(updates)
        assert_printable_name(world.incident)


def assert_printable_name(incident: Incident) -> None:
    name = incident.acked_by.removeprefix("telegram ")
    assert name
    assert len(name) <= 64
    assert on_one_line(name) == name.strip()
    assert SECRET not in name
