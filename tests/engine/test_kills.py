"""kill -9 at every step of a remedy: nothing is lost, nothing is done twice.

SIDECAR_TEST_KILLS is the number of kills (one of each kind), SIDECAR_TEST_SEED varies
their moments. The successor is the container started again, on the state directory
of the one that was killed. Timings are harness.QUICK.
"""

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import NamedTuple

import pytest

from tests.engine.harness import (
    DEADLINE_S,
    NOTHING,
    QUICK,
    WALLET,
    Json,
    Shape,
    SidecarBox,
    Stack,
    WalletBox,
    config,
    wallet_target,
)
from tests.support.daemon_stop import (
    delay_news,
    is_rpc_pending,
    order_restart,
    wait_ended,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

SEED = os.environ.get("SIDECAR_TEST_SEED", "kills")
LONGEST_S = 8.0
"""Seconds within which every fault of these tests is repaired."""

HELD_S = 60.0
"""A daemon holds an answer or its start for so long, unless the test ends that."""

LATE_HANG = {"hang_after": "80s"}
"""A daemon that holds its answers is not taken for a hung one."""

AGAIN_S = 3 * DEADLINE_S
"""A successor waits for the engine for the stop timeout and 30 s."""


@dataclass
class Receiver:
    """A hook's receiver on this host; ``requests``: (event, incident, message id)."""

    requests: list[tuple[str, str, str]] = field(default_factory=list)

    def serve(self, host: str) -> ThreadingHTTPServer:
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                report = json.loads(body)
                requests.append(
                    (report["event"], report["incident"]["id"], report["message_id"])
                )
                self.send_response(200)
                self.end_headers()

            def log_message(  # type: ignore[explicit-override]
                self, *_: object
            ) -> None:
                """Write no access log."""

        server = ThreadingHTTPServer((host, 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        return server


@dataclass
class KillScenario:
    """A stack with one watched wallet daemon, and the receiver of its hooks."""

    stack: Stack
    rng: random.Random
    receiver: Receiver
    hook: str
    wallet: WalletBox = field(init=False)
    watcher: SidecarBox = field(init=False)
    settings: Json = field(init=False)
    held_by: str = ""
    """The fault that holds the daemon; it is cleared after the kill."""

    earlier_incidents: set[str] = field(default_factory=set)
    """Ids of the incidents of the start. On a busy machine the load of a wallet takes
    longer than the seconds after which QUICK calls a target down.
    """

    is_told: Event = field(default_factory=Event)
    """Whether the sidecar is told that the daemon has stopped."""

    def start(
        self,
        shape: Shape,
        restart: Mapping[str, object] = NOTHING,
        defaults: Mapping[str, object] = NOTHING,
        **faults: float,
    ) -> None:
        """Start daemon and sidecar; wait until healthy unless there are faults."""
        self.wallet = self.stack.wallet(shape=shape)
        self.stack.wait_for("the daemon answers", lambda: self.wallet.rpc("ping"))
        for name, seconds in faults.items():
            self.wallet.set_fault(name, seconds)
        target = wallet_target(LATE_HANG, restart=restart)
        self.settings = config({WALLET: target}, defaults={**QUICK, **defaults})
        hooks = [{"on": on, "post": self.hook} for on in ("opened", "resolved")]
        self.settings["hooks"] = hooks
        self.watcher = self.stack.sidecar(self.settings)
        if not faults:
            self.stack.wait_healthy(WALLET)
            self.earlier_incidents = {incident["id"] for incident in self.incidents()}

    def incidents(self) -> list[Json]:
        """All incidents except those of the start."""
        answer = self.watcher.ask("GET", 9787, "/api/v1/incidents")
        incidents: list[Json] = answer.json()["incidents"]
        return [i for i in incidents if i["id"] not in self.earlier_incidents]

    def requests(self) -> list[tuple[str, str, str]]:
        """The hooks' requests, except those of the start's incidents."""
        requests = tuple(self.receiver.requests)
        return [r for r in requests if r[1] not in self.earlier_incidents]

    def kill(self) -> None:
        self.watcher.docker.kill(signal="SIGKILL")
        self.watcher.docker.wait(timeout=30)
        if self.held_by:
            self.wallet.clear_fault(self.held_by)

    def start_successor(self) -> None:
        """Start the sidecar's container again after a random pause."""
        self.stack.proxy.lag_s = 0.0
        self.is_told.set()
        # The time between kill and start is random.
        time.sleep(self.rng.uniform(0.0, 1.0))
        self.watcher.docker.start()
        self.stack.wait_for(
            "the successor has found the wallet",
            lambda: self.watcher.target(WALLET).get("container"),
        )

    def give_time_to_recover(self) -> None:
        """Let the sidecar read settings under which a start may take long."""
        self.settings["targets"][WALLET]["restart"]["recovery_timeout"] = "60s"
        self.stack.rewrite_config(json.dumps(self.settings))
        self.watcher.run("sidecar", "reload")

    def wait_recovered(self) -> None:
        """Wait until the daemon is healthy and loaded, and for three more probes."""
        self.stack.wait_healthy(WALLET, deadline_s=AGAIN_S)
        self.stack.wait_for("the wallet is loaded", self.wallet.wallets)
        self.stack.wait_probes(WALLET, 3)

    def order_restart_until_decided(self) -> None:
        """Order a restart and wait until it is decided; its evidence takes longer."""
        # Less than the 10 s in which the engine must answer.
        self.stack.proxy.lag_s = 9.0
        order_restart(self.stack)
        self.stack.wait_decision(WALLET, "restart")
        assert "stop" not in self.wallet.methods()

    def order_restart_until_stop_sent(self) -> None:
        self.held_by = "slow_answers"
        self.wallet.set_fault(self.held_by, HELD_S)
        order_restart(self.stack)
        self.stack.wait_for("it is asked to stop", self.is_asked_to_stop)
        self.stack.wait_for("a stop in hand", lambda: is_rpc_pending(self.wallet))

    def is_asked_to_stop(self) -> bool:
        """Whether the sidecar's log says so."""
        return any("asked to stop" in r.message for r in self.watcher.records(WALLET))

    def has_stopped(self) -> None:
        """Order a restart and wait for the stop; the sidecar notices it late."""
        self.order_restart_until_stop_sent()
        daemon = self.wallet.daemon_process()
        self.is_told = delay_news(self.stack, self.wallet)
        self.wallet.clear_fault(self.held_by)
        self.held_by = ""
        wait_ended(self.stack, daemon)
        assert self.stack.engine_calls() == []

    def order_restart_until_engine_called(self) -> None:
        order_restart(self.stack)
        self.stack.wait_for("the engine is asked", self.stack.engine_calls)

    def order_restart_until_verifying(self) -> None:
        before = self.wallet.started_at
        self.held_by = "slow_start"
        self.wallet.set_fault(self.held_by, HELD_S)
        order_restart(self.stack)
        self.stack.wait_for(
            "a new run that does not answer yet",
            lambda: self.wallet.started_at != before,
        )
        self.stack.wait_state(WALLET, "recovering")


def fault_at_random_moment(fault: str) -> Callable[[KillScenario], None]:
    """A trigger that sets the fault and waits for a random time."""

    def trigger(scenario: KillScenario) -> None:
        scenario.wallet.set_fault(fault)
        time.sleep(scenario.rng.uniform(0.0, LONGEST_S))

    return trigger


class KillCase(NamedTuple):
    """``trigger`` brings about the moment of the kill; ``allowed_calls``: permitted
    engine calls of the whole scenario. ``is_incident``: whether one is opened.
    """

    name: str
    shape: Shape
    trigger: Callable[[KillScenario], None]
    allowed_calls: tuple[tuple[str, ...], ...]
    is_incident: bool = False
    restart: Mapping[str, object] = NOTHING


RESTART, START = ("restart",), ("start",)
IGNORES_SIGNALS = {"stop_timeout": "6s", "graceful_rpc_stop": False}

KILL_CASES = (
    KillCase(
        "decided", "wrapper", KillScenario.order_restart_until_decided, (RESTART,)
    ),
    KillCase(
        "told_to_stop", "pid1", KillScenario.order_restart_until_stop_sent, (START,)
    ),
    KillCase("stopped", "pid1", KillScenario.has_stopped, (START,)),
    KillCase("stopped_in_a_wrapper", "wrapper", KillScenario.has_stopped, (RESTART,)),
    KillCase(
        "engine_at_it",
        "pid1",
        KillScenario.order_restart_until_engine_called,
        # The successor may see the stopped container and start it, without effect.
        (RESTART, (*RESTART, *START)),
        restart=IGNORES_SIGNALS,
    ),
    KillCase(
        "verifying", "wrapper", KillScenario.order_restart_until_verifying, (RESTART,)
    ),
    KillCase(
        "dead", "wrapper", fault_at_random_moment("die"), (RESTART,), is_incident=True
    ),
    KillCase(
        "exited", "pid1", fault_at_random_moment("die"), (START,), is_incident=True
    ),
    KillCase(
        "ill",
        "wrapper",
        fault_at_random_moment("http_500"),
        (RESTART,),
        is_incident=True,
    ),
    KillCase(
        "hung",
        "wrapper",
        fault_at_random_moment("stop_process"),
        (RESTART,),
        is_incident=True,
    ),
)
KILLS = int(os.environ.get("SIDECAR_TEST_KILLS", str(len(KILL_CASES))))


@pytest.fixture
def scenario(stack: Stack, request: pytest.FixtureRequest) -> Iterator[KillScenario]:
    network = stack.client.networks.get(stack.network.name)
    (ours,) = network.attrs["IPAM"]["Config"]
    receiver = Receiver()
    server = receiver.serve(ours["Gateway"])
    host, port = server.server_address[:2]
    rng = random.Random(f"{SEED}/{request.node.name}")
    try:
        yield KillScenario(stack, rng, receiver, f"http://{host!s}:{port}/")
    finally:
        server.shutdown()
        server.server_close()


def check_engine_calls(scenario: KillScenario, kind: KillCase) -> None:
    calls = tuple(
        line.removesuffix(f" {WALLET}") for line in scenario.stack.lifecycle_calls()
    )
    assert calls in kind.allowed_calls
    assert scenario.stack.starts(scenario.wallet) == 2, scenario.stack.engine_actions(
        scenario.wallet
    )
    assert scenario.wallet.status == "running"


def check_stored_records(scenario: KillScenario) -> None:
    """Every logged decision is stored, from before the kill and after it."""
    # The log first: a later decision is in neither.
    records = scenario.watcher.decisions(WALLET)
    answer = scenario.watcher.ask("GET", 9787, "/api/v1/history?since=1h")
    assert answer.ok, answer.text
    entries = answer.json()["entries"]
    stored_reasons = {e["reason"] for e in entries if e["type"] == "decision"}
    logged_reasons = {record.message.partition(": ")[2] for record in records}
    assert logged_reasons
    assert logged_reasons <= stored_reasons
    ended = [e for e in entries if e["type"] == "outcome"]
    restarts = [e["outcome"] for e in ended if e["action"] != "load_wallet"]
    assert restarts == ["recovered"]


def check_notifications(scenario: KillScenario) -> None:
    """One incident, opened and resolved; one message each, which arrives once, or
    twice with the same id if the kill came between arrival and record.
    """
    (incident,) = scenario.incidents()
    assert incident["state"] == "resolved"
    scenario.stack.wait_for(
        "the resolve is told", lambda: len(set(scenario.requests())) == 2
    )
    requests = scenario.requests()
    assert [event for event, _, _ in dict.fromkeys(requests)] == ["opened", "resolved"]
    assert {incident_id for _, incident_id, _ in requests} == {incident["id"]}
    assert Counter(requests).total() <= 2 + 1, requests


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, id=f"{kind.name}-{number}")
        for number in range(KILLS)
        for kind in [KILL_CASES[number % len(KILL_CASES)]]
    ],
)
def test_a_kill_loses_and_doubles_nothing(
    scenario: KillScenario, kind: KillCase
) -> None:
    scenario.start(kind.shape, kind.restart)
    kind.trigger(scenario)
    scenario.kill()
    scenario.start_successor()
    scenario.wait_recovered()
    check_engine_calls(scenario, kind)
    check_stored_records(scenario)
    if kind.is_incident:
        check_notifications(scenario)


def test_a_kill_while_the_wallet_is_loaded(scenario: KillScenario) -> None:
    scenario.start("wrapper", slow_answers=0.4)
    before = scenario.wallet.started_at
    scenario.stack.wait_decision(WALLET, "load_wallet")
    scenario.kill()
    scenario.wallet.clear_fault("slow_answers")
    scenario.start_successor()
    scenario.wait_recovered()
    assert scenario.wallet.started_at == before
    assert scenario.stack.engine_calls() == []


def pause_s(scenario: KillScenario) -> float:
    """Seconds from the end of the first restart to the second restart."""
    second = scenario.stack.wait_for(
        "its record", lambda: scenario.watcher.decisions(WALLET, "restart")[1:]
    )[0]
    ended = next(
        record
        for record in scenario.watcher.records(WALLET)
        if record.message.startswith("restart ended: not recovered")
    )
    return second.seconds_after(ended)


def test_slow_lane_and_dead_letter_outlive_kills_until_a_person_has_mended_it(
    scenario: KillScenario,
) -> None:
    lanes = {"budget": 1, "slow_lane": ["12s"], "recovery_timeout": "3s"}
    stops = {"stop_timeout": "1s", "dead_stop_timeout": "1s"}
    scenario.start("wrapper", {**stops, **lanes}, {"start_period": "2s"})
    stack, wallet = scenario.stack, scenario.wallet
    wallet.set_fault("death_at_start", 0.2)
    wallet.end_daemon()

    def lane() -> Json:
        return {"lane": scenario.watcher.target(WALLET).get("lane")}

    stack.wait_for("the slow lane", lambda: lane() == {"lane": "slow"})
    # The log comes after the store.
    stack.wait_outcome(WALLET, "restart", "not_recovered", times=1)
    assert stack.engine_calls() == [f"restart {WALLET}"]
    scenario.kill()
    scenario.start_successor()
    assert lane() == {"lane": "slow"}
    stack.wait_for("the next try", lambda: len(stack.engine_calls()) == 2)
    assert pause_s(scenario) > 11.9

    stack.wait_state(WALLET, "dead_letter", deadline_s=2 * DEADLINE_S)
    stack.wait_outcome(WALLET, "restart", "not_recovered", times=2)
    scenario.kill()
    scenario.start_successor()
    stack.wait_state(WALLET, "dead_letter")
    stack.wait_probes(WALLET, 10)
    assert len(stack.engine_calls()) == 2

    scenario.give_time_to_recover()
    wallet.run("python", "wallet.py", "fault", "death_at_start", "off")
    assert scenario.watcher.order("recover", WALLET).ok
    scenario.wait_recovered()
    assert stack.engine_calls() == [f"restart {WALLET}"] * 3
    assert lane() == {"lane": "fast"}
    check_notifications(scenario)
