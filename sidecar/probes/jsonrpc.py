"""Does a JSON-RPC server answer one method with a result?"""

from dataclasses import replace

from sidecar.core.container import Container
from sidecar.core.outcome import Outcome, success
from sidecar.core.target import JsonRpcProbe
from sidecar.probes.jsonrpc_client import locate
from sidecar.probes.tools import Tools, deadline_in


async def probe(settings: JsonRpcProbe, container: Container, tools: Tools) -> Outcome:
    """Call the method without parameters; any result will do.

    A call that is still open is waited for instead: its answer says as much.
    """
    daemon = locate(settings, container, tools.addresses)
    async with tools.rpc.turn(daemon.place, settings.timeout_s):
        deadline = deadline_in(settings.timeout_s)
        late = await tools.rpc.late_answer(daemon, deadline)
        if late is not None and late.method == settings.method:
            return replace(success(), waited_s=late.waited_s)
        await tools.rpc.call(daemon, settings.method, deadline)
    return success()
