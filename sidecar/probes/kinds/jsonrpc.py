"""Probe ``jsonrpc``: does a JSON-RPC server answer one method with a result?"""

from dataclasses import replace

from sidecar.core.model.container import Container
from sidecar.core.model.probe_result import ProbeResult, probe_success
from sidecar.core.model.probe_settings import JsonRpcProbe
from sidecar.probes.context import ProbeContext, deadline_in
from sidecar.probes.jsonrpc_client import locate_daemon


async def probe(
    settings: JsonRpcProbe, container: Container, tools: ProbeContext
) -> ProbeResult:
    """Call the method without parameters; any result is a success.

    An open call of this method is waited for instead: its answer is equivalent.
    """
    daemon = locate_daemon(settings, container, tools.addresses)
    async with tools.rpc.turn(daemon.place, settings.timeout_s):
        deadline = deadline_in(settings.timeout_s)
        late = await tools.rpc.late_answer(daemon, deadline)
        if late is not None and late.method == settings.method:
            return replace(probe_success(), waited_s=late.waited_s)
        await tools.rpc.call(daemon, settings.method, deadline)
    return probe_success()
