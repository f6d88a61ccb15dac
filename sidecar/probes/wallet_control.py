"""The two calls that change a wallet daemon. Each is sent once, never again.

A request that was given up is carried out all the same when the daemon wakes:
to repeat it is to do it twice.
"""

import msgspec

from sidecar.core.container import Container
from sidecar.core.ports import RpcFailed
from sidecar.core.target import ElectronCashProbe
from sidecar.probes.address import Addresses
from sidecar.probes.jsonrpc_client import Daemon, RpcClient, RpcTrouble
from sidecar.probes.text import brief
from sidecar.probes.tools import deadline_in
from sidecar.probes.trouble import Trouble


class RpcWalletControl:
    """core.ports.WalletControl over JSON-RPC."""

    def __init__(self, rpc: RpcClient, addresses: Addresses) -> None:
        self._rpc = rpc
        self._addresses = addresses

    async def stop(
        self, settings: ElectronCashProbe, container: Container, timeout_s: float
    ) -> None:
        """Let the daemon save everything and exit. RpcFailed."""
        await self._call(settings, container, timeout_s, "stop", {})

    async def load_wallet(
        self, settings: ElectronCashProbe, container: Container, timeout_s: float
    ) -> bool:
        """Load the default wallet; False: no such file, or a wrong password.
        RpcFailed where the daemon answered an error or not at all.
        """
        password = settings.wallet_password
        params = {} if password is None else {"password": password}
        result = await self._call(settings, container, timeout_s, "load_wallet", params)
        return msgspec.json.decode(result) is not False

    async def _call(
        self,
        settings: ElectronCashProbe,
        container: Container,
        timeout_s: float,
        method: str,
        params: dict[str, str],
    ) -> msgspec.Raw:
        url = self._addresses.url(settings.url, container)
        deadline = deadline_in(timeout_s)
        try:
            async with self._rpc.turn(url, timeout_s):
                return await self._rpc.call(
                    Daemon(url, settings.credentials), method, deadline, params
                )
        except RpcTrouble as trouble:
            said = brief(_masked(trouble.error.message, settings))
            raise RpcFailed(f"{method} answered an error: {said}") from None
        except Trouble as trouble:
            raise RpcFailed(f"{method}: {trouble}") from None


def _masked(text: str, settings: ElectronCashProbe) -> str:
    """Some daemons echo the request in their errors."""
    password = settings.wallet_password
    return text.replace(password, "***") if password else text
