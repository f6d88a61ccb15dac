"""A small payment service for demo and tests.

It really calls the wallet, so its health turns bad with it.

GET  /health           200 while the wallet answers, else 503 with the reason
POST /payments         201 with a fresh address
GET  /busy             200 free, 423 while a payment is in flight
POST /control/busy     {"busy": true}: as if a payment were in flight
POST /control/fail     {"reason": "..."}: bad until restarted
POST /control/exit     {"status": 1}
The /control endpoints are for demo and tests only.
"""

import asyncio
import os
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    TCPConnector,
    web,
)

CACHED = 1.0

Answer = dict[str, Any]
Balance = dict[str, str]


class WalletError(Exception):
    """The wallet did not answer, or answered an error."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings from the environment."""

    wallet_url: str
    wallet_user: str
    wallet_password: str
    wallet_timeout: float
    sticky: bool
    port: int


def from_environment(env: Mapping[str, str] = os.environ) -> Settings:
    """Defaults fit the demo stack."""
    password_file = env.get("WALLET_PASSWORD_FILE")
    password = (
        Path(password_file).read_text().strip()
        if password_file
        else env.get("WALLET_PASSWORD", "")
    )
    return Settings(
        wallet_url=env.get("WALLET_URL", "http://electron-cash:7777/"),
        wallet_user=env.get("WALLET_USER", "bchrpc"),
        wallet_password=password,
        wallet_timeout=float(env.get("WALLET_TIMEOUT", "3")),
        sticky=env.get("STICKY") == "1",
        port=int(env.get("PORT", "8080")),
    )


class Wallet:
    """One short connection at a time, as the daemon serves only one client."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turn = asyncio.Lock()

    async def call(self, method: str) -> Answer:
        """Result of one call; never repeated, as a timed-out call may be executed."""
        async with self._turn:
            try:
                return await self._post(method)
            except TimeoutError as late:
                raise WalletError(
                    f"no answer to {method} within {self._settings.wallet_timeout:g} s"
                ) from late
            except (ClientError, ValueError, TypeError, KeyError) as broken:
                raise WalletError(f"{method}: {broken}") from broken

    async def balance(self) -> Balance:
        """The wallet's balance; raises WalletError if it is unknown."""
        # A wallet call before a wallet is loaded can end the daemon, so ask first.
        if not (await self.call("getinfo"))["result"].get("wallets"):
            raise WalletError("no wallet is loaded")
        answer = await self.call("getbalance")
        return Balance(answer["result"])

    async def _post(self, method: str) -> Answer:
        settings = self._settings
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": []}
        login = f"{settings.wallet_user}:{settings.wallet_password}"
        credentials = b64encode(login.encode())
        async with (
            ClientSession(
                headers={"Authorization": f"Basic {credentials.decode()}"},
                timeout=ClientTimeout(total=settings.wallet_timeout),
                connector=TCPConnector(force_close=True, use_dns_cache=False),
            ) as session,
            session.post(
                settings.wallet_url, json=request, raise_for_status=True
            ) as response,
        ):
            answer = Answer(await response.json(content_type=None))
        if answer.get("error"):
            raise WalletError(answer["error"]["message"].strip())
        return answer


@dataclass
class Health:
    """The wallet's state, requested at most once a second."""

    wallet: Wallet
    sticky: bool
    failing: str | None = None
    _checked_at: float = -CACHED
    _balance: Balance | None = None
    _reason: str | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def check(self) -> tuple[Balance | None, str | None]:
        """The balance, and why the service is bad if it is."""
        async with self._turn:
            if time.monotonic() - self._checked_at >= CACHED:
                await self._refresh()
        return self._balance, self.failing or self._reason

    async def _refresh(self) -> None:
        try:
            self._balance, self._reason = await self.wallet.balance(), None
        except WalletError as error:
            self._reason = str(error)
            if self.sticky:
                self.failing = (
                    self.failing
                    or f"lost the wallet, and does not recover by itself: {error}"
                )
        self._checked_at = time.monotonic()


class Service:
    """The HTTP server of the service."""

    def __init__(self, settings: Settings) -> None:
        self._wallet = Wallet(settings)
        self._health = Health(self._wallet, settings.sticky)
        self._in_flight = 0
        self._is_held_busy = False

    def application(self) -> web.Application:
        """Routes to methods."""
        application = web.Application()
        application.add_routes(
            [
                web.get("/health", self.health),
                web.post("/payments", self.payments),
                web.get("/busy", self.busy),
                web.post("/control/busy", self.set_busy),
                web.post("/control/fail", self.fail),
                web.post("/control/exit", self.exit),
            ]
        )
        return application

    async def health(self, _: web.Request) -> web.Response:
        """Health for probes."""
        balance, reason = await self._health.check()
        if reason:
            return web.json_response({"status": "bad", "reason": reason}, status=503)
        return web.json_response({"status": "ok", "balance": balance})

    async def payments(self, _: web.Request) -> web.Response:
        """Create an address."""
        self._in_flight += 1
        try:
            return await self._pay()
        finally:
            self._in_flight -= 1

    async def _pay(self) -> web.Response:
        _balance, reason = await self._health.check()
        if reason:
            return web.json_response({"error": reason}, status=503)
        try:
            answer = await self._wallet.call("createnewaddress")
        except WalletError as error:
            return web.json_response({"error": str(error)}, status=503)
        return web.json_response({"address": answer["result"]}, status=201)

    async def busy(self, _: web.Request) -> web.Response:
        """Whether a payment is in flight, for programs that restart containers."""
        is_busy = self._is_held_busy or self._in_flight > 0
        return web.json_response(
            {"busy": is_busy, "payments_in_flight": self._in_flight},
            status=423 if is_busy else 200,
        )

    async def set_busy(self, request: web.Request) -> web.Response:
        """Control."""
        self._is_held_busy = bool((await _body(request)).get("busy", True))
        return web.json_response({"busy": self._is_held_busy})

    async def fail(self, request: web.Request) -> web.Response:
        """Control."""
        self._health.failing = (await _body(request)).get("reason", "told to fail")
        return web.json_response({"failing": self._health.failing})

    async def exit(self, request: web.Request) -> web.Response:
        """Control."""
        status = int((await _body(request)).get("status", 1))
        asyncio.get_running_loop().call_later(0.1, os._exit, status)
        return web.json_response({"exiting": status})


async def _body(request: web.Request) -> dict[str, Any]:
    body = await request.json() if request.can_read_body else {}
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="expected a JSON object")
    return body


if __name__ == "__main__":
    configured = from_environment()
    web.run_app(
        Service(configured).application(),
        port=configured.port,
        access_log=None,
        print=None,
    )
