"""Which wallets a daemon has to have loaded, and whether their addresses are there."""

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
    hand_out,
    lost,
)
from tests.support.message_receiver import MessageReceiver

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

OTHER = "/data/wallets/other"
PASSWORD = "wallet-password-of-the-test"
WRONG = "another-password-of-the-test"
HANDED_OUT = 4
FIRST_ADDRESSES = 20

READ_ONLY = {"ping", "getinfo", "getbalance", "listaddresses"}


def told(inbox: MessageReceiver, **probe: object) -> Json:
    """Settings by which all incidents are told."""
    routes = {severity: ["ops"] for severity in ("P0", "P1", "P2", "P3")}
    notify = {"channels": {"ops": {"url": inbox.url}}, "routes": routes}
    return {**busy_config(WALLET, **probe), "notify": notify}


def died(stack: Stack, wallet: WalletBox, times: int = 1) -> None:
    """The daemon dies of a signal of nobody's that we know; it is back and answers."""
    os.kill(wallet.daemon_process(), signal.SIGKILL)
    stack.wait_for(
        "the start is found to have helped",
        lambda: stack.watcher.outcomes(WALLET).count(("start", "recovered")) == times,
        2 * DEADLINE_S,
    )


def wait_held(stack: Stack, words: str) -> None:
    """A load failed, and what is said of the daemon since names the reason."""
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
    found = stack.watcher.told("/incidents?open=1")["incidents"]
    return [dict(incident) for incident in found if incident["cause"] == cause]


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


def everything_said(stack: Stack) -> str:
    """All that the sidecar tells anybody."""
    watcher = stack.watcher
    incidents = watcher.told("/incidents")["incidents"]
    views = [watcher.told(f"/incidents/{i['id']}") for i in incidents]
    status = watcher.status_view()
    return f"{watcher.log()} {status} {views} {watcher.metrics()}"


# --- addresses


def test_addresses_that_a_foreign_signal_lost_are_an_incident_of_their_own(
    stack: Stack, inbox: MessageReceiver
) -> None:
    wallet = busy_wallet(stack, WALLET, shape="init")
    watcher = stack.sidecar(told(inbox))
    stack.wait_healthy(WALLET)
    wallet.fault("upstream_lost")
    handed_out = hand_out(wallet, HANDED_OUT)
    wallet.control("DELETE", "/calls")
    stack.wait_for(
        "the new addresses are counted",
        lambda: "listaddresses" in wallet.methods(),
    )
    died(stack, wallet)

    (incident,) = stack.wait_for(
        "the loss is noticed", lambda: open_incidents(stack, "addresses_lost")
    )

    assert lost(wallet, handed_out) == handed_out
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
    wallet.heal("upstream_lost")
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
    assert stack.asked() == []
    assert PASSWORD not in everything_said(stack)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_wrong_wallet_password_is_told_and_stands_nowhere(
    stack: Stack, inbox: MessageReceiver, library: Library
) -> None:
    wallet = stack.wallet(env={"WALLET_PASSWORD": PASSWORD}, library=library)
    stack.sidecar(told(inbox, wallet_password=WRONG))
    wait_held(stack, "is it what Sidecar was given for this wallet?")
    messages = stack.wait_for("it is told", lambda: inbox.messages)
    stack.wait_probes(WALLET, 3)
    assert not wallet.wallets()
    assert stack.asked() == []
    assert stack.starts(wallet) == 1
    for secret in (PASSWORD, WRONG):
        assert secret not in everything_said(stack)
        assert secret not in str(messages)


# --- the wallets that were loaded are the wallets to load


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_wallets_that_were_loaded_before_a_death_are_loaded_again(
    stack: Stack, library: Library
) -> None:
    wallet = stack.wallet(shape="init", library=library)
    wallet.make_wallet(OTHER)
    stack.wait_for("the daemon answers", lambda: wallet.rpc("ping"))
    wallet.load(OTHER)
    stack.sidecar(busy_config(WALLET))
    stack.wait_healthy(WALLET)
    assert wallet.wallets() == [OTHER], "nobody asked for the default wallet"
    died(stack, wallet)
    assert wallet.wallets() == [OTHER]

    wallet.load(DEFAULT_WALLET)
    stack.wait_probes(WALLET, 2)
    died(stack, wallet, 2)

    assert wallet.wallets() == [OTHER, DEFAULT_WALLET]
    stack.wait_healthy(WALLET)
    assert stack.asked() == [f"start {WALLET}"] * 2


def test_a_wallet_that_is_missing_after_a_death_is_named_to_a_person(
    stack: Stack, inbox: MessageReceiver
) -> None:
    wallet = stack.wallet(shape="init", library="newest")
    wallet.make_wallet(OTHER)
    stack.wait_for("the daemon answers", lambda: wallet.rpc("ping"))
    wallet.load(DEFAULT_WALLET)
    wallet.load(OTHER)
    watcher = stack.sidecar(told(inbox))
    stack.wait_healthy(WALLET)
    wallet.run("rm", OTHER)
    os.kill(wallet.daemon_process(), signal.SIGKILL)

    wait_held(stack, OTHER)

    stack.wait_for(
        "it is told", lambda: any(OTHER in m["message"] for m in inbox.messages)
    )
    assert ("start", "recovered") not in watcher.outcomes(WALLET)
    assert wallet.wallets() == [DEFAULT_WALLET]
    assert stack.asked() == [f"start {WALLET}"], "the prober did not kill it"
    assert stack.starts(wallet) == 2


def test_the_wallets_in_the_settings_are_loaded_in_their_order(stack: Stack) -> None:
    wallet = stack.wallet()
    wallet.make_wallet(OTHER, PASSWORD)
    settings = {"wallet_path": [OTHER], "wallet_password": PASSWORD}
    stack.sidecar(busy_config(WALLET, **settings))
    stack.wait_healthy(WALLET)
    assert wallet.wallets() == [OTHER]
    assert set(wallet.methods()) == READ_ONLY | {"daemon"}
    assert stack.asked() == []
