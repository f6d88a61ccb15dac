"""The wallet's stand-in in its container: busy in an outage, and several wallets."""

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


def busy(stack: Stack, shape: Shape, library: Library) -> WalletBox:
    """Two callers in a loop hold the thread of a daemon that lost its upstream."""
    wallet = stack.wallet(
        shape=shape, library=library, env={"NETWORK_TIMEOUT": str(CALL_S)}
    )
    wallet.fault("upstream_lost")
    stack.wait_for("the wallet is loaded", lambda: wallet.rpc("load_wallet"))
    return wallet


def restarted(stack: Stack, wallet: WalletBox) -> None:
    """Started again as the engine found it, its wallet loaded, nobody calling."""
    wallet.docker.restart(timeout=1)
    wallet.callers(0)
    stack.wait_for(
        "the wallet is loaded",
        lambda: wallet.rpc("load_wallet", timeout_s=PATIENCE_S),
    )


@pytest.mark.parametrize(
    ("shape", "library"), list(itertools.product(SHAPES, LIBRARIES))
)
def test_a_patient_stop_keeps_the_addresses_that_a_signal_loses(
    stack: Stack, shape: Shape, library: Library
) -> None:
    wallet = busy(stack, shape, library)
    lost = [wallet.create_address() for _ in range(4)]
    wallet.callers(2)
    stack.wait_for(
        "a network call is under way",
        lambda: wallet.methods().count("getaddressbalance") >= 1,
    )
    with pytest.raises(requests.ReadTimeout):
        wallet.rpc("ping", timeout_s=0.5)
    restarted(stack, wallet)
    assert not set(lost) & set(wallet.wallet_state()["addresses"])

    kept = [wallet.create_address() for _ in range(4)]
    assert kept == lost
    wallet.callers(2)
    assert wallet.rpc("stop", timeout_s=PATIENCE_S) == "Daemon stopped"
    stack.wait_for("the daemon ends", lambda: not wallet.daemon_runs())
    restarted(stack, wallet)
    assert set(kept) <= set(wallet.wallet_state()["addresses"])


@pytest.mark.parametrize("library", LIBRARIES)
def test_two_wallets_of_one_daemon_are_told_apart(
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
