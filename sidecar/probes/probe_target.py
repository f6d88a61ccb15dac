"""All probes of one target in order; all must succeed."""

from sidecar.core.model.container import Container
from sidecar.core.model.log_mark import LogFacts, add_log_facts
from sidecar.core.model.memory import MemorySample
from sidecar.core.model.probe_result import (
    REASON_LIMIT,
    ProbeResult,
    ProbeVerdict,
    ProbeWarning,
    WalletFacts,
    probe_success,
)
from sidecar.core.model.probe_settings import ProbeSettings
from sidecar.core.model.record_copy import replace
from sidecar.core.ports.loop import Prober
from sidecar.core.reason.reason import Reason, join_reasons


async def probe_target(
    prober: Prober, probes: tuple[ProbeSettings, ...], container: Container
) -> ProbeResult:
    """Probe in order; the first result that is no success is the target's result.

    Facts of earlier probes about the wallet, the memory and the log are kept. If all
    succeed, ``waited_s`` is the time of the slowest answer.
    """
    warnings: tuple[ProbeWarning, ...] = ()
    reasons: list[Reason] = []
    wallet: WalletFacts | None = None
    memory: MemorySample | None = None
    log: LogFacts | None = None
    waited_s, asks_restart = 0.0, False
    for settings in probes:
        outcome = await prober.probe(settings, container)
        wallet = outcome.wallet or wallet
        memory = outcome.memory or memory
        log = add_log_facts(log, outcome.log)
        if outcome.verdict is not ProbeVerdict.SUCCESS:
            answers = outcome.rpc_answers or wallet is not None
            return replace(
                outcome, wallet=wallet, memory=memory, log=log, rpc_answers=answers
            )
        warnings += tuple(w for w in outcome.warnings if w not in warnings)
        reasons += [outcome.reason] if outcome.reason else []
        waited_s = max(waited_s, outcome.waited_s)
        asks_restart = asks_restart or outcome.asks_restart
    reason = join_reasons(reasons).bound(REASON_LIMIT)
    well = probe_success(warnings=warnings, reason=reason, wallet=wallet)
    return replace(
        well, memory=memory, log=log, waited_s=waited_s, asks_restart=asks_restart
    )
