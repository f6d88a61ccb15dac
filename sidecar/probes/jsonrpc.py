"""Does a JSON-RPC server answer one method with a result?"""

from sidecar.core.container import Container
from sidecar.core.outcome import Outcome, success
from sidecar.core.target import JsonRpcProbe
from sidecar.probes.jsonrpc_client import Daemon
from sidecar.probes.tools import Tools, deadline_in


async def probe(settings: JsonRpcProbe, container: Container, tools: Tools) -> Outcome:
    """Call the method without parameters; any result will do."""
    url = tools.addresses.url(settings.url, container)
    async with tools.rpc.turn(url, settings.timeout_s):
        await tools.rpc.call(
            Daemon(url, settings.credentials),
            settings.method,
            deadline_in(settings.timeout_s),
        )
    return success()
