"""The wallet's stand-in in its container: busy in an outage, with several wallets."""

import itertools
from typing import Literal

import pytest
import requests

from tests.engine.harness import DEFAULT_WALLET, Shape, Stack, WalletBox

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

Library = Literal["pinned", "newest"]
SHAPES: tuple[Shape, ...] = ("wrapper", "init", "pid1")
LIBRARIES: tuple[Library, ...] = ("pinned", "newest")
CALL_S = 3
PATIENCE_S = 30.0
OTHER = "/data/wallets/other"


def start_daemon_without_upstream(
    stack: Stack, shape: Shape, library: Library
) -> WalletBox:
    """Start a daemon with a loaded wallet and without its upstream."""
    wallet = stack.wallet(
        shape=shape, library=library, env={"NETWORK_TIMEOUT": str(CALL_S)}
    )
    wallet.set_fault("upstream_lost")
    stack.wait_for("the wallet is loaded", lambda: wallet.rpc("load_wallet"))
    return wallet


def restart_with_wallet(stack: Stack, wallet: WalletBox) -> None:
    """Restart the daemon by the engine, without callers, and load its wallet."""
    wallet.docker.restart(timeout=1)
    wallet.callers(0)
    stack.wait_for(
        "the wallet is loaded",
        lambda: wallet.rpc("load_wallet", timeout_s=PATIENCE_S),
    )


@pytest.mark.parametrize(
    ("shape", "library"), list(itertools.product(SHAPES, LIBRARIES))
)
def test_rpc_stop_keeps_addresses_that_signal_loses(
    stack: Stack, shape: Shape, library: Library
) -> None:
    wallet = start_daemon_without_upstream(stack, shape, library)
    lost_addresses = [wallet.create_address() for _ in range(4)]
    wallet.callers(2)
    stack.wait_for(
        "a network call is under way",
        lambda: wallet.methods().count("getaddressbalance") >= 1,
    )
    with pytest.raises(requests.ReadTimeout):
        wallet.rpc("ping", timeout_s=0.5)
    restart_with_wallet(stack, wallet)
    assert not set(lost_addresses) & set(wallet.wallet_state()["addresses"])

    kept_addresses = [wallet.create_address() for _ in range(4)]
    assert kept_addresses == lost_addresses
    wallet.callers(2)
    assert wallet.rpc("stop", timeout_s=PATIENCE_S) == "Daemon stopped"
    stack.wait_for("the daemon ends", lambda: not wallet.daemon_runs())
    restart_with_wallet(stack, wallet)
    assert set(kept_addresses) <= set(wallet.wallet_state()["addresses"])


@pytest.mark.parametrize("library", LIBRARIES)
def test_two_wallets_of_one_daemon_are_distinguished(
    stack: Stack, library: Library
) -> None:
    wallet = stack.wallet(library=library)
    wallet.make_wallet(OTHER, "secret")
    stack.wait_for("the daemon answers", lambda: wallet.rpc("ping"))
    wallet.load()
    wallet.load(OTHER, "secret")
    address = wallet.create_address()
    assert address in wallet.wallet_state(OTHER)["addresses"]
    assert address not in wallet.wallet_state(DEFAULT_WALLET)["addresses"]
    assert wallet.wallets() == [DEFAULT_WALLET, OTHER]
