"""Wallets that a daemon must have loaded, and those that are absent.

After a restart a daemon has no wallet, or only its default wallet. Payments use the
wallets that were loaded before.
"""

from sidecar.core.model.cause import Cause
from sidecar.core.model.instance import Instance
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict
from sidecar.core.model.record_copy import replace
from sidecar.core.model.target import Target
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.text.printable import printable

MAX_PATH_CHARACTERS = 120
MAX_WALLETS = 50
"""Maximum number of remembered wallets: a daemon's answer is not trusted."""


def find_expected(instance: Instance, target: Target) -> tuple[str, ...]:
    """The wallets that must be loaded; (): any wallet."""
    wallet = target.wallet
    if wallet is None:
        return ()
    return wallet.wallet_path or instance.wallets


def find_absent(instance: Instance, target: Target) -> tuple[str, ...]:
    """The expected wallets that the last answer did not name, in loading order."""
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
    """Remember the loaded wallets; turn the outcome into a failure if one is absent.

    A wallet that is closed within a run was closed on purpose, and is no longer
    expected. After a start all expected wallets must be loaded again.
    """
    facts, container = outcome.wallet, instance.container
    if target.wallet is None or facts is None or facts.paths is None:
        return instance, outcome
    expected = find_expected(instance, target)
    absent = tuple(path for path in expected if path not in facts.paths)
    run = container.run if container is not None else None
    follows = not target.wallet.wallet_path and instance.wallets_run == run
    if not facts.paths or (absent and not follows):
        return instance, _with_wallets_absent(
            outcome, absent
        ) if facts.paths else outcome
    paths = facts.paths[:MAX_WALLETS]
    if (instance.wallets, instance.wallets_run) == (paths, run):
        return instance, outcome
    return replace(instance, wallets=paths, wallets_run=run), outcome


def _with_wallets_absent(outcome: ProbeResult, absent: tuple[str, ...]) -> ProbeResult:
    facts = replace(outcome.wallet, loaded=False) if outcome.wallet else None
    return replace(
        outcome,
        verdict=ProbeVerdict.FAILURE,
        cause=Cause.WALLET_NOT_LOADED,
        reason=Reason.of(R.WALLET_ABSENT, paths=name_paths(absent)),
        warnings=(),
        rpc_answers=True,
        wallet=facts,
    )


def name_paths(paths: tuple[str, ...]) -> str:
    """Paths as text for people: made printable and cut."""
    names = [printable(path)[:MAX_PATH_CHARACTERS] for path in paths[:3]]
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""  # noqa: PLR2004
    return ", ".join(names) + more
