"""Which wallets a daemon is to have loaded, and whether it has them.

A daemon comes back from a restart with no wallet, or with its default one alone. The
wallets that were loaded before are the ones that payments are made with.
"""

from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.instance import Instance
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict
from sidecar.core.model.target import Target
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.text.printable import printable

SHOWN_CHARACTERS = 120
MOST_WALLETS = 50
"""More are not remembered: what a daemon says is bounded."""


def find_expected(instance: Instance, target: Target) -> tuple[str, ...]:
    """The wallets that must be loaded; () where any will do."""
    wallet = target.wallet
    if wallet is None:
        return ()
    return wallet.wallet_path or instance.wallets


def find_absent(instance: Instance, target: Target) -> tuple[str, ...]:
    """Those of them that the last answer did not name, in the order to load them."""
    loaded = _find_loaded(instance)
    return tuple(path for path in find_expected(instance, target) if path not in loaded)


def has_loaded(instance: Instance) -> bool:
    """Did the last answer name a wallet that is loaded?"""
    return bool(_find_loaded(instance))


def _find_loaded(instance: Instance) -> tuple[str, ...]:
    last = instance.health.last
    facts = last.wallet if last is not None else None
    return (facts.paths or ()) if facts is not None else ()


def judge_wallets(
    instance: Instance, target: Target, outcome: ProbeResult
) -> tuple[Instance, ProbeResult]:
    """The instance that remembers its wallets, and the outcome as judged by them.

    What is loaded and closed within one run is somebody's wish, and is followed. After
    a start it is not: there all must be loaded again.
    """
    facts, container = outcome.wallet, instance.container
    if target.wallet is None or facts is None or facts.paths is None:
        return instance, outcome
    wanted = find_expected(instance, target)
    gone = tuple(path for path in wanted if path not in facts.paths)
    run = container.run if container is not None else None
    follows = not target.wallet.wallet_path and instance.wallets_run == run
    if not facts.paths or (gone and not follows):
        return instance, _without(outcome, gone) if facts.paths else outcome
    paths = facts.paths[:MOST_WALLETS]
    if (instance.wallets, instance.wallets_run) == (paths, run):
        return instance, outcome
    return replace(instance, wallets=paths, wallets_run=run), outcome


def _without(outcome: ProbeResult, gone: tuple[str, ...]) -> ProbeResult:
    facts = replace(outcome.wallet, loaded=False) if outcome.wallet else None
    return replace(
        outcome,
        verdict=ProbeVerdict.FAILURE,
        cause=Cause.WALLET_NOT_LOADED,
        reason=Reason.of(R.WALLET_ABSENT, paths=name_paths(gone)),
        warnings=(),
        rpc_answers=True,
        wallet=facts,
    )


def name_paths(paths: tuple[str, ...]) -> str:
    """Paths for people: what a daemon says is made printable and cut."""
    shown = [printable(path)[:SHOWN_CHARACTERS] for path in paths[:3]]
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""  # noqa: PLR2004
    return ", ".join(shown) + more
