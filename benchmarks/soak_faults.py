"""Faults of a soak: their begin, what Sidecar shows of them, and their end."""

import signal
from collections.abc import Callable, Mapping
from typing import NamedTuple

from benchmarks.soak_plan import SIDECAR_KILL, Part
from benchmarks.soak_stack import SECOND_WALLET, SoakStack, wait_until
from tests.engine.harness import SIDECAR

BUSY_S = 3.0
SEEN_S = 30.0
ENDLESS_S = 1e6


def _do_nothing(_: SoakStack) -> None:
    """Nothing."""


class FaultSteps(NamedTuple):
    """Steps of a fault.

    ``end`` is what an operator, or the world, does to end it. ``is_seen``: whether
    Sidecar shows it; None: nowhere. ``is_healed``: whether the target works again
    in its new run, where that is not the state of health.
    """

    begin: Callable[[SoakStack], None]
    end: Callable[[SoakStack], None] = _do_nothing
    is_seen: Callable[[SoakStack], bool] | None = None
    is_healed: Callable[[SoakStack], bool] = SoakStack.is_healthy


def _is_upstream_lost(part: Part) -> Callable[[SoakStack], bool]:
    return lambda stack: stack.target(part).get("cause") == "upstream_lost"


def _has_loaded_again(stack: SoakStack) -> bool:
    """Whether the daemon works, but for its upstream server."""
    part = Part.SECOND_WALLET
    state = stack.target(part).get("state")
    wallet_is_loaded = bool(stack.wallets[part].wallets())
    return wallet_is_loaded and state in {"failing", "down", "degraded", "healthy"}


def _switch(part: Part, fault: str, seconds: float | None = None) -> FaultSteps:
    return FaultSteps(
        lambda stack: stack.wallets[part].set_fault(fault, seconds),
        lambda stack: stack.wallets[part].clear_fault(fault),
    )


def _with_cause(steps: FaultSteps, part: Part, cause: str) -> FaultSteps:
    return steps._replace(
        is_seen=lambda stack: stack.target(part).get("cause") == cause
    )


def _kill_daemon(part: Part, signal_number: int) -> Callable[[SoakStack], None]:
    return lambda stack: stack.wallets[part].signal_daemon(signal_number)


def _freeze_in_outage(stack: SoakStack) -> None:
    """Addresses that a daemon creates in an outage are saved at its stop alone."""
    part = Part.SECOND_WALLET
    stack.wallets[part].set_fault("upstream_lost")
    is_lost = _is_upstream_lost(part)
    wait_until("the loss is seen", lambda: is_lost(stack), SEEN_S)
    stack.hand_out_addresses(part)
    stack.wallets[part].signal_daemon(signal.SIGSTOP)


def _is_stopped(stack: SoakStack) -> bool:
    return bool(stack.target(Part.SECOND_WALLET).get("state") == "stopped")


def _start(stack: SoakStack) -> None:
    stack.wallets[Part.SECOND_WALLET].docker.start()


def _is_engine_lost(stack: SoakStack) -> bool:
    return not stack.watcher.status_view()["engine"]["reachable"]


def _end_neighbour(stack: SoakStack) -> None:
    """Its wallet must still be dead, and only then it is restarted."""
    assert not stack.neighbour.daemon_runs(), "somebody restarted the neighbour"
    stack.neighbour.docker.restart(timeout=1)


def _fail_service(stack: SoakStack) -> None:
    stack.service.control("fail", {"reason": "broken by the soak"})


def _exit_service(stack: SoakStack) -> None:
    stack.service.control("exit", {"status": 1})


STEPS: Mapping[str, FaultSteps] = {
    "die": FaultSteps(lambda stack: stack.wallets[Part.WALLET].end_daemon()),
    "exit": FaultSteps(_kill_daemon(Part.SECOND_WALLET, signal.SIGKILL)),
    "freeze": FaultSteps(_kill_daemon(Part.WALLET, signal.SIGSTOP)),
    "freeze-in-outage": FaultSteps(
        _freeze_in_outage,
        _switch(Part.SECOND_WALLET, "upstream_lost").end,
        is_healed=_has_loaded_again,
    ),
    "hang": FaultSteps(_switch(Part.WALLET, "network_call", ENDLESS_S).begin),
    "error": FaultSteps(_switch(Part.WALLET, "http_500").begin),
    "service-fail": FaultSteps(_fail_service),
    "service-exit": FaultSteps(_exit_service),
    "order": FaultSteps(lambda stack: stack.order_restart(Part.WALLET)),
    "busy": _switch(Part.WALLET, "network_call", BUSY_S),
    "password": _with_cause(
        _switch(Part.WALLET, "wrong_password"), Part.WALLET, "auth"
    ),
    "upstream": _switch(Part.WALLET, "upstream_lost")._replace(
        is_seen=_is_upstream_lost(Part.WALLET)
    ),
    "stop": FaultSteps(
        lambda stack: stack.wallets[Part.SECOND_WALLET].docker.stop(timeout=5),
        _start,
        _is_stopped,
    ),
    "kill": FaultSteps(
        lambda stack: stack.wallets[Part.SECOND_WALLET].docker.kill(),
        _start,
        _is_stopped,
    ),
    "pause": _with_cause(
        FaultSteps(
            lambda stack: stack.wallets[Part.WALLET].pause(),
            lambda stack: stack.wallets[Part.WALLET].docker.unpause(),
        ),
        Part.WALLET,
        "paused",
    ),
    "netcut": FaultSteps(
        lambda stack: stack.stack.disconnect(stack.wallets[Part.SECOND_WALLET]),
        lambda stack: stack.stack.connect(
            stack.wallets[Part.SECOND_WALLET], SECOND_WALLET
        ),
    ),
    "own-netcut": FaultSteps(
        lambda stack: stack.stack.disconnect(stack.watcher),
        lambda stack: stack.stack.connect(stack.watcher, SIDECAR),
    ),
    "engine": FaultSteps(
        lambda stack: stack.stack.proxy.shut(),
        lambda stack: stack.stack.proxy.reopen(),
        _is_engine_lost,
    ),
    "neighbour": FaultSteps(lambda stack: stack.neighbour.end_daemon(), _end_neighbour),
    SIDECAR_KILL: FaultSteps(lambda stack: stack.kill_sidecar()),
}
"""The steps of each kind of ``soak_plan.KINDS``."""
