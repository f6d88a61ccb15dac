"""Wallets that a daemon has to load, and their addresses."""

import os
import signal

import pytest

from tests.engine.harness import (
    API_TOKEN,
    DEADLINE_S,
    DEFAULT_WALLET,
    WALLET,
    Json,
    Stack,
    WalletBox,
)
from tests.engine.outage import (
    LIBRARIES,
    Library,
    busy_config,
    busy_wallet,
    create_addresses,
    find_lost_addresses,
)
from tests.support.message_receiver import MessageReceiver

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

OTHER = "/data/wallets/other"
PASSWORD = "wallet-password-of-the-test"
WRONG = "another-password-of-the-test"
HANDED_OUT = 4
FIRST_ADDRESSES = 20

READ_ONLY = {"ping", "getinfo", "getbalance", "listaddresses"}


def config_with_channel(inbox: MessageReceiver, **probe: object) -> Json:
    """Settings with a channel for all incidents."""
    routes = {severity: ["ops"] for severity in ("P0", "P1", "P2", "P3")}
    notify = {"channels": {"ops": {"url": inbox.url}}, "routes": routes}
    return {**busy_config(WALLET, **probe), "notify": notify}


def kill_daemon(stack: Stack, wallet: WalletBox, times: int = 1) -> None:
    """Kill the daemon by a foreign signal, and wait until it is started again."""
    os.kill(wallet.daemon_process(), signal.SIGKILL)
    stack.wait_outcome(WALLET, "start", times=times, deadline_s=2 * DEADLINE_S)


def wait_hold(stack: Stack, words: str) -> None:
    """Wait for a hold after a failed load whose reason contains ``words``."""
    stack.wait_for(
        f"held: {words}",
        lambda: [
            record
            for record in stack.watcher.decisions(WALLET, "hold")
            if record.fields["cause"] == "wallet_not_loaded" and words in record.message
        ],
        2 * DEADLINE_S,
    )


def open_incidents(stack: Stack, cause: str) -> list[Json]:
    incidents = stack.watcher.get_api("/incidents?open=1")["incidents"]
    return [dict(incident) for incident in incidents if incident["cause"] == cause]


def postmortem(stack: Stack, incident: str) -> str:
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    path = f"/api/v1/incidents/{incident}/postmortem"
    answer = stack.watcher.ask("GET", 9787, path, headers=headers)
    assert answer.ok, answer.text
    return answer.text


def acknowledge(stack: Stack, incident: str) -> None:
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    path = f"/api/v1/incidents/{incident}/ack"
    answer = stack.watcher.ask("POST", 9787, path, {"by": "ops"}, headers=headers)
    assert answer.ok, answer.text


def all_outputs(stack: Stack) -> str:
    """All outputs of the sidecar: log, status, incidents, metrics."""
    watcher = stack.watcher
    incidents = watcher.get_api("/incidents")["incidents"]
    views = [watcher.get_api(f"/incidents/{i['id']}") for i in incidents]
    status = watcher.status_view()
    return f"{watcher.log()} {status} {views} {watcher.metrics()}"


# --- addresses


def test_addresses_lost_by_foreign_signal_open_separate_incident(
    stack: Stack, inbox: MessageReceiver
) -> None:
    wallet = busy_wallet(stack, WALLET, shape="init")
    watcher = stack.sidecar(config_with_channel(inbox))
    stack.wait_healthy(WALLET)
    wallet.set_fault("upstream_lost")
    handed_out = create_addresses(wallet, HANDED_OUT)
    wallet.control("DELETE", "/calls")
    stack.wait_for(
        "the new addresses are counted",
        lambda: "listaddresses" in wallet.methods(),
    )
    kill_daemon(stack, wallet)

    (incident,) = stack.wait_for(
        "the loss is noticed", lambda: open_incidents(stack, "addresses_lost")
    )

    assert find_lost_addresses(wallet, handed_out) == handed_out
    numbers = (
        f"its wallet has {FIRST_ADDRESSES} addresses and had "
        f"{FIRST_ADDRESSES + HANDED_OUT}: {HANDED_OUT} that"
    )
    (message,) = stack.wait_for(
        "it is told",
        lambda: [m for m in inbox.messages if incident["id"] in m["message"]],
    )
    assert numbers in message["message"]
    assert numbers in postmortem(stack, incident["id"])
    wallet.clear_fault("upstream_lost")
    stack.wait_healthy(WALLET)
    assert open_incidents(stack, "addresses_lost"), "health does not answer it"
    acknowledge(stack, incident["id"])
    assert open_incidents(stack, "addresses_lost") == []
    assert watcher.state(WALLET) == "healthy"


# --- encrypted


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_encrypted_wallet_is_loaded_with_its_password(
    stack: Stack, library: Library
) -> None:
    wallet = stack.wallet(env={"WALLET_PASSWORD": PASSWORD}, library=library)
    stack.sidecar(busy_config(WALLET, wallet_password=PASSWORD))
    stack.wait_healthy(WALLET)
    assert wallet.wallets() == [DEFAULT_WALLET]
    assert wallet.methods().count("daemon") == 1
    assert stack.engine_calls() == []
    assert PASSWORD not in all_outputs(stack)


@pytest.mark.parametrize("library", LIBRARIES)
def test_wrong_wallet_password_is_reported_without_printing_it(
    stack: Stack, inbox: MessageReceiver, library: Library
) -> None:
    wallet = stack.wallet(env={"WALLET_PASSWORD": PASSWORD}, library=library)
    stack.sidecar(config_with_channel(inbox, wallet_password=WRONG))
    wait_hold(stack, "is it what Sidecar was given for this wallet?")
    messages = stack.wait_for("it is told", lambda: inbox.messages)
    stack.wait_probes(WALLET, 3)
    assert not wallet.wallets()
    assert stack.engine_calls() == []
    assert stack.starts(wallet) == 1
    for secret in (PASSWORD, WRONG):
        assert secret not in all_outputs(stack)
        assert secret not in str(messages)


# --- the wallets that were loaded are the wallets to load


@pytest.mark.parametrize("library", LIBRARIES)
def test_wallets_loaded_before_death_are_loaded_again(
    stack: Stack, library: Library
) -> None:
    wallet = stack.wallet(shape="init", library=library)
    wallet.make_wallet(OTHER)
    stack.wait_for("the daemon answers", lambda: wallet.rpc("ping"))
    wallet.load(OTHER)
    stack.sidecar(busy_config(WALLET))
    stack.wait_healthy(WALLET)
    assert wallet.wallets() == [OTHER], "nobody asked for the default wallet"
    kill_daemon(stack, wallet)
    assert wallet.wallets() == [OTHER]

    wallet.load(DEFAULT_WALLET)
    stack.wait_probes(WALLET, 2)
    kill_daemon(stack, wallet, 2)

    assert wallet.wallets() == [OTHER, DEFAULT_WALLET]
    stack.wait_healthy(WALLET)
    assert stack.engine_calls() == [f"start {WALLET}"] * 2


def test_wallet_missing_after_death_is_named_in_message(
    stack: Stack, inbox: MessageReceiver
) -> None:
    wallet = stack.wallet(shape="init", library="newest")
    wallet.make_wallet(OTHER)
    stack.wait_for("the daemon answers", lambda: wallet.rpc("ping"))
    wallet.load(DEFAULT_WALLET)
    wallet.load(OTHER)
    watcher = stack.sidecar(config_with_channel(inbox))
    stack.wait_healthy(WALLET)
    wallet.run("rm", OTHER)
    os.kill(wallet.daemon_process(), signal.SIGKILL)

    wait_hold(stack, OTHER)

    stack.wait_for(
        "it is told", lambda: any(OTHER in m["message"] for m in inbox.messages)
    )
    assert ("start", "recovered") not in watcher.outcomes(WALLET)
    assert wallet.wallets() == [DEFAULT_WALLET]
    assert stack.engine_calls() == [f"start {WALLET}"], "the prober did not kill it"
    assert stack.starts(wallet) == 2


def test_wallets_of_settings_are_loaded_in_order(stack: Stack) -> None:
    wallet = stack.wallet()
    wallet.make_wallet(OTHER, PASSWORD)
    settings = {"wallet_path": [OTHER], "wallet_password": PASSWORD}
    stack.sidecar(busy_config(WALLET, **settings))
    stack.wait_healthy(WALLET)
    assert wallet.wallets() == [OTHER]
    assert set(wallet.methods()) == READ_ONLY | {"daemon"}
    assert stack.engine_calls() == []
