"""The scripts of the lease, on each real server that the packages have."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest
import trustme

from sidecar.cluster.lease_server import ServerLost, View
from sidecar.cluster.redis_server import RedisLeaseServer
from tests.support.redis_servers import RedisServer, run_redis_server, server_names

LONG_S = 60.0
TIMEOUT_S = 20.0
FROZEN_TIMEOUT_S = 0.5


@pytest.fixture(params=server_names(), scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    folder = tmp_path_factory.mktemp("redis")
    with run_redis_server(folder, request.param) as server:
        yield server


@asynccontextmanager
async def clients(
    server: RedisServer, stack: str, *names: str
) -> AsyncIterator[tuple[RedisLeaseServer, ...]]:
    all_clients = tuple(
        RedisLeaseServer(server.url, stack, (f"id-{name}", name), TIMEOUT_S)
        for name in names
    )
    try:
        yield all_clients
    finally:
        for client in all_clients:
            await client.close()


async def test_lease_is_of_one_watchdog_and_each_holder_gets_a_higher_token(
    server: RedisServer,
) -> None:
    async with clients(server, "order", "a", "b") as (a, b):
        began_wall = time.time()
        first = await a.acquire(0, 30.0, LONG_S)
        assert (first.answer.holder, first.answer.is_fresh) == ("", True)
        assert first.answer.token >= began_wall - 1
        refused = await b.acquire(0, 30.0, LONG_S)
        assert (refused.answer.holder, refused.answer.token) == (
            "a",
            first.answer.token,
        )
        assert 10 < refused.left_s <= 30
        await b.release(first.answer.token)
        assert (await b.acquire(0, 30.0, LONG_S)).answer.holder == "a"
        await a.release(first.answer.token)
        second = await b.acquire(0, 30.0, LONG_S)
        assert second.answer.holder == ""
        assert second.answer.token == first.answer.token + 1
        assert not second.answer.is_fresh


async def test_renewal_is_for_the_holder_of_the_token_only(
    server: RedisServer,
) -> None:
    async with clients(server, "renew", "a", "b") as (a, b):
        token = (await a.acquire(0, 30.0, LONG_S)).answer.token
        renewed = await a.renew(token, 55.0, 0.0)
        assert (renewed.answer.token, renewed.answer.holder) == (token, "")
        for client, other in ((b, token), (a, token + 1)):
            answer = (await client.renew(other, 20.0, 0.0)).answer
            assert (answer.token, answer.holder) == (token, "a")
        assert (await b.acquire(0, 5.0, LONG_S)).left_s > 30


async def test_lease_that_is_not_renewed_ends(server: RedisServer) -> None:
    async with clients(server, "end", "a", "b") as (a, b):
        token = (await a.acquire(0, 0.2, LONG_S)).answer.token
        await asyncio.sleep(0.25)
        assert (await a.renew(token, 5.0, 0.0)).answer.token == 0
        assert (await b.acquire(0, 5.0, LONG_S)).answer.token == token + 1


async def test_call_of_a_holder_that_died_is_told_to_the_next_one(
    server: RedisServer,
) -> None:
    async with clients(server, "call", "a", "b") as (a, b):
        token = (await a.acquire(0, 30.0, LONG_S)).answer.token
        await a.renew(token, 30.0, 40.0)
        assert (await b.acquire(0, 0.0, LONG_S)).answer.call_s == 0
        await a.renew(token, 0.2, 40.0)
        await asyncio.sleep(0.25)
        assert (await b.acquire(0, 0.0, LONG_S)).answer.call_s == 40
        answer = (await b.acquire(0, 30.0, LONG_S)).answer
        assert (answer.token, answer.call_s) == (token + 1, 40)
        await b.renew(answer.token, 0.2, 0.0)
        await asyncio.sleep(0.25)
        assert (await a.acquire(0, 5.0, LONG_S)).answer.call_s == 0


async def test_look_takes_nothing_and_tells_the_time_of_the_server(
    server: RedisServer,
) -> None:
    async with clients(server, "look", "a", "b") as (a, b):
        began_wall = time.time()
        looked = (await a.acquire(0, 0.0, LONG_S)).answer
        assert (looked.token, looked.holder) == (0, "")
        assert began_wall - 1 < looked.redis_wall < time.time() + 1
        assert (await b.acquire(0, 5.0, LONG_S)).answer.holder == ""


async def test_own_lease_whose_answer_was_lost_is_taken_with_a_new_token(
    server: RedisServer,
) -> None:
    async with clients(server, "own", "a") as (a,):
        unread = (await a.acquire(0, 30.0, LONG_S)).answer
        again = (await a.acquire(0, 30.0, LONG_S)).answer
        assert (again.token, again.holder) == (unread.token + 1, "")


async def test_token_is_above_all_that_were_seen_after_the_data_were_lost(
    server: RedisServer,
) -> None:
    async with clients(server, "loss", "a") as (a,):
        highest_token = int(time.time()) + 10_000
        answer = (await a.acquire(highest_token, 30.0, LONG_S)).answer
        assert (answer.token, answer.is_fresh) == (highest_token + 1, True)


async def test_lease_of_an_older_token_than_was_seen_counts_as_none(
    server: RedisServer,
) -> None:
    """A server that was restored from an old copy of its data."""
    async with clients(server, "old", "a", "b") as (a, b):
        old = (await a.acquire(0, 30.0, LONG_S)).answer.token
        answer = (await b.acquire(old + 5, 30.0, LONG_S)).answer
        assert (answer.token, answer.holder, answer.is_fresh) == (old + 6, "", True)


async def test_time_left_is_cut_to_the_longest_span_after_the_clock_was_set_back(
    server: RedisServer,
) -> None:
    async with clients(server, "back", "a", "b") as (a, b):
        await a.acquire(0, 3600.0, LONG_S)
        assert (await b.acquire(0, 5.0, 20.0)).left_s == 20
        assert 5 < (await b.acquire(0, 5.0, LONG_S)).left_s <= 20


async def test_views_of_the_living_watchdogs_are_exchanged(
    server: RedisServer,
) -> None:
    async with clients(server, "views", "a", "b") as (a, b):
        own = View("id-a", "a", frozenset({"wallet"}))
        assert await a.exchange_views(own, 30.0) == ()
        empty = View("id-b", "b", frozenset())
        assert await b.exchange_views(empty, 30.0) == (own,)
        unable = View("id-b", "b", None)
        assert await b.exchange_views(unable, 30.0) == (own,)
        assert await a.exchange_views(own, 0.2) == (unable,)
        await asyncio.sleep(0.25)
        assert await b.exchange_views(empty, 30.0) == ()


async def test_stacks_do_not_share_a_lease(server: RedisServer) -> None:
    async with clients(server, "one", "a") as (a,), clients(server, "two", "b") as (b,):
        assert (await a.acquire(0, 5.0, LONG_S)).answer.holder == ""
        assert (await b.acquire(0, 5.0, LONG_S)).answer.holder == ""


async def test_foreign_values_are_no_lease_and_no_view(server: RedisServer) -> None:
    async with clients(server, "foreign", "a") as (a,):
        redis = a._client
        await redis.set("sidecar:{foreign}:lease", "\x1b[31mnonsense" * 100)
        await redis.sadd("sidecar:{foreign}:watchdogs", "x", "y", "z")
        await redis.set("sidecar:{foreign}:watchdog:x", "{")
        await redis.set("sidecar:{foreign}:watchdog:y", '{"name":1,"down":[]}')
        view = await a.exchange_views(View("id-a", "a", frozenset()), 5.0)
        assert view == ()
        looked = (await a.acquire(0, 0.0, LONG_S)).answer
        assert looked.token == 0
        assert "\x1b" not in looked.holder
        assert len(looked.holder) <= 100
        # It is no lease of ours: the next one takes its place.
        assert (await a.acquire(0, 5.0, LONG_S)).answer.holder == ""


@contextmanager
def _own_server(folder: Path, *options: str) -> Iterator[RedisServer]:
    with run_redis_server(folder, "redis", *options) as server:
        yield server


async def test_wrong_password_is_said_and_never_shown(tmp_path: Path) -> None:
    with _own_server(tmp_path, "--requirepass", "open-sesame") as server:
        url = f"redis://:wr0ng-w0rd@127.0.0.1:{server.port}/0"
        client = RedisLeaseServer(url, "s", ("id", "a"), TIMEOUT_S)
        with pytest.raises(ServerLost) as caught:
            await client.acquire(0, 5.0, LONG_S)
        await client.close()
        assert "wr0ng-w0rd" not in repr(caught.value) + repr(caught.value.__context__)
        assert "password" in str(caught.value)
        right = f"redis://:open-sesame@127.0.0.1:{server.port}/0"
        client = RedisLeaseServer(right, "s", ("id", "a"), TIMEOUT_S)
        assert (await client.acquire(0, 5.0, LONG_S)).answer.holder == ""
        await client.close()


async def _connect(client: RedisLeaseServer) -> None:
    """Its timeout is short: a busy server may not answer the first look in time."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            with suppress(ServerLost):
                await client.acquire(0, 0.0, LONG_S)
                return


async def test_server_that_is_gone_or_silent_is_lost_within_the_deadline(
    tmp_path: Path,
) -> None:
    with _own_server(tmp_path) as server:
        client = RedisLeaseServer(server.url, "s", ("id", "a"), TIMEOUT_S)
        hasty = RedisLeaseServer(server.url, "s", ("id", "a"), FROZEN_TIMEOUT_S)
        token = (await client.acquire(0, 30.0, LONG_S)).answer.token
        await _connect(hasty)
        server.signal(19)
        began = time.monotonic()
        with pytest.raises(ServerLost, match=r"no answer within 0\.5 s|[Tt]imeout"):
            await hasty.renew(token, 5.0, 0.0)
        assert time.monotonic() - began < 15
        await hasty.close()
        server.kill()
        with pytest.raises(ServerLost, match=r"refused|onnect"):
            await client.renew(token, 5.0, 0.0)
        server.start()
        # The same client finds the server that has started again, without its data.
        assert (await client.renew(token, 5.0, 0.0)).answer.token == 0
        assert (await client.acquire(token, 5.0, LONG_S)).answer.is_fresh
        await client.close()


async def test_encrypted_connection_is_for_a_server_with_a_trusted_certificate(
    tmp_path: Path,
) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    files = {
        "ca.pem": authority.cert_pem,
        "stranger.pem": stranger.cert_pem,
        "cert.pem": certificate.cert_chain_pems[0],
        "key.pem": certificate.private_key_pem,
    }
    for name, blob in files.items():
        blob.write_to_path(tmp_path / name)
    options = (
        *("--port", "0", "--tls-port", "{port}", "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(tmp_path / "cert.pem")),
        *("--tls-key-file", str(tmp_path / "key.pem")),
    )
    with _own_server(tmp_path, *options) as server:
        for name, is_trusted in (("ca.pem", True), ("stranger.pem", False)):
            url = f"rediss://127.0.0.1:{server.port}/0?ssl_ca_certs={tmp_path / name}"
            client = RedisLeaseServer(url, "s", ("id", "a"), TIMEOUT_S)
            if is_trusted:
                assert (await client.acquire(0, 5.0, LONG_S)).answer.holder == ""
            else:
                with pytest.raises(ServerLost, match=r"(?i)certificate"):
                    await client.acquire(0, 5.0, LONG_S)
            await client.close()
