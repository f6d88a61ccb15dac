"""kill -9 at every step of a remedy: nothing forgotten, nothing done twice.

SIDECAR_TEST_KILLS says how many kills (one of each kind), SIDECAR_TEST_SEED makes
other moments. The successor is the container started again, on the state directory
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
from threading import Thread
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
from tests.engine.test_shutdown import has_stopped, order_restart, rpc_in_hand

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

SEED = os.environ.get("SIDECAR_TEST_SEED", "kills")
LONGEST_S = 8.0
"""By then every trouble of these tests is cured."""

AGAIN_S = 3 * DEADLINE_S
"""A successor gives the engine the stop timeout and 30 s before it goes on."""


@dataclass
class Receiver:
    """What a hook's receiver on this host got: (event, incident, message id)."""

    got: list[tuple[str, str, str]] = field(default_factory=list)

    def serve(self, host: str) -> ThreadingHTTPServer:
        got = self.got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told = json.loads(body)
                got.append((told["event"], told["incident"]["id"], told["message_id"]))
                self.send_response(200)
                self.end_headers()

            def log_message(  # type: ignore[explicit-override]
                self, *_: object
            ) -> None:
                """Quiet."""

        server = ThreadingHTTPServer((host, 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        return server


@dataclass
class Scene:
    """A stack with one watched wallet daemon, and who is told of it."""

    stack: Stack
    chance: random.Random
    receiver: Receiver
    hook: str
    wallet: WalletBox = field(init=False)
    watcher: SidecarBox = field(init=False)

    def begin(
        self,
        shape: Shape,
        restart: Mapping[str, object] = NOTHING,
        defaults: Mapping[str, object] = NOTHING,
        **faults: float,
    ) -> None:
        """Healthy, but where the daemon has a fault from its start."""
        self.wallet = self.stack.wallet(shape=shape)
        for name, seconds in faults.items():
            self.wallet.fault(name, seconds)
        target = wallet_target(restart=restart)
        settings = config({WALLET: target}, defaults={**QUICK, **defaults})
        hooks = [{"on": on, "post": self.hook} for on in ("opened", "resolved")]
        self.watcher = self.stack.sidecar({**settings, "hooks": hooks})
        if not faults:
            self.stack.wait_healthy(WALLET)

    def kill(self) -> None:
        self.watcher.docker.kill(signal="SIGKILL")
        self.watcher.docker.wait(timeout=30)

    def begin_again(self) -> None:
        """The successor."""
        self.stack.gate.lag_s = 0.0
        # The kill of a moment, not of a boot: what lies between is chance.
        time.sleep(self.chance.uniform(0.0, 1.0))
        self.watcher.docker.start()
        self.stack.wait_for(
            "the successor has found the wallet",
            lambda: self.watcher.target(WALLET).get("container"),
        )

    def wait_well(self) -> None:
        """Restarted as meant, healthy, loaded, and nothing follows."""
        self.stack.wait_healthy(WALLET, deadline_s=AGAIN_S)
        self.stack.wait_for("the wallet is loaded", self.wallet.wallets)
        self.stack.wait_probes(WALLET, 3)

    def decided(self) -> None:
        """Stored and said; its evidence takes a while."""
        self.stack.gate.lag_s = 2.0
        order_restart(self.stack)
        self.stack.wait_decision(WALLET, "restart")
        assert "stop" not in self.wallet.methods()

    def told_to_stop(self) -> None:
        self.wallet.fault("slow_answers", 3)
        order_restart(self.stack)
        self.stack.wait_for("a stop in hand", lambda: rpc_in_hand(self.wallet))

    def has_stopped(self) -> None:
        """It obeyed; the sidecar learns that late."""
        self.wallet.fault("slow_answers", 2)
        order_restart(self.stack)
        self.stack.wait_for("a stop in hand", lambda: rpc_in_hand(self.wallet))
        self.stack.gate.lag_s = 2.0
        self.stack.wait_for("it has stopped", lambda: has_stopped(self.wallet))

    def engine_at_it(self) -> None:
        order_restart(self.stack)
        self.stack.wait_for("the engine is asked", self.stack.asked)

    def verifying(self) -> None:
        before = self.wallet.started_at
        self.wallet.fault("slow_start", 4)
        order_restart(self.stack)
        self.stack.wait_for(
            "a new run that does not answer yet",
            lambda: self.wallet.started_at != before,
        )
        self.stack.wait_state(WALLET, "recovering")


def at_any_moment(fault: str) -> Callable[[Scene], None]:
    """From the fault's beginning until it is cured, or somewhat later."""

    def bring(scene: Scene) -> None:
        scene.wallet.fault(fault)
        time.sleep(scene.chance.uniform(0.0, LONGEST_S))

    return bring


class Kind(NamedTuple):
    """How the moment of a kill comes about; ``acts``: what may then be asked of the
    engine in all. ``told``: is it an incident?
    """

    name: str
    shape: Shape
    bring: Callable[[Scene], None]
    acts: tuple[tuple[str, ...], ...]
    told: bool = False
    restart: Mapping[str, object] = NOTHING


RESTART, START = ("restart",), ("start",)
IGNORES_SIGNALS = {"stop_timeout": "6s", "graceful_rpc_stop": False}

KINDS = (
    Kind("decided", "wrapper", Scene.decided, (RESTART,)),
    Kind("told_to_stop", "pid1", Scene.told_to_stop, (START,)),
    Kind("stopped", "pid1", Scene.has_stopped, (START,)),
    Kind("stopped_in_a_wrapper", "wrapper", Scene.has_stopped, (RESTART,)),
    Kind(
        "engine_at_it",
        "pid1",
        Scene.engine_at_it,
        # Seen between the engine's stop and its start, it is started: to no effect.
        (RESTART, (*RESTART, *START)),
        restart=IGNORES_SIGNALS,
    ),
    Kind("verifying", "wrapper", Scene.verifying, (RESTART,)),
    Kind("dead", "wrapper", at_any_moment("die"), (RESTART,), told=True),
    Kind("exited", "pid1", at_any_moment("die"), (START,), told=True),
    Kind("ill", "wrapper", at_any_moment("http_500"), (RESTART,), told=True),
    Kind("hung", "wrapper", at_any_moment("stop_process"), (RESTART,), told=True),
)
KILLS = int(os.environ.get("SIDECAR_TEST_KILLS", str(len(KINDS))))


@pytest.fixture
def scene(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Scene]:
    network = stack.client.networks.get(stack.network.name)
    (ours,) = network.attrs["IPAM"]["Config"]
    receiver = Receiver()
    server = receiver.serve(ours["Gateway"])
    host, port = server.server_address[:2]
    chance = random.Random(f"{SEED}/{request.node.name}")
    try:
        yield Scene(stack, chance, receiver, f"http://{host!s}:{port}/")
    finally:
        server.shutdown()
        server.server_close()


def check_acts(scene: Scene, kind: Kind) -> None:
    asked = tuple(line.removesuffix(f" {WALLET}") for line in scene.stack.runs_asked())
    assert asked in kind.acts
    assert scene.stack.starts(scene.wallet) == 2, scene.stack.happened(scene.wallet)
    assert scene.wallet.status == "running"


def check_records(scene: Scene) -> None:
    """What was said had been stored: all of it is there, before the kill and after."""
    answer = scene.watcher.ask("GET", 9787, "/api/v1/history?since=1h")
    assert answer.ok, answer.text
    entries = answer.json()["entries"]
    kept = {e["reason"] for e in entries if e["type"] == "decision"}
    told = scene.watcher.decisions(WALLET)
    said = {record.message.partition(": ")[2] for record in told}
    assert said
    assert said <= kept
    ended = [e for e in entries if e["type"] == "outcome"]
    restarts = [e["outcome"] for e in ended if e["action"] != "load_wallet"]
    assert restarts == ["recovered"]


def check_told(scene: Scene) -> None:
    """One incident, opened and resolved; each told in one message, once, or twice
    with the same id where the kill came between its arrival and the record.
    """
    answer = scene.watcher.ask("GET", 9787, "/api/v1/incidents")
    (incident,) = answer.json()["incidents"]
    assert incident["state"] == "resolved"
    got = scene.receiver.got
    scene.stack.wait_for("the resolve is told", lambda: len(set(got)) == 2)
    assert [event for event, _, _ in dict.fromkeys(got)] == ["opened", "resolved"]
    assert {which for _, which, _ in got} == {incident["id"]}
    assert Counter(got).total() <= 2 + 1, got


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, id=f"{kind.name}-{number}")
        for number in range(KILLS)
        for kind in [KINDS[number % len(KINDS)]]
    ],
)
def test_a_kill_loses_and_doubles_nothing(scene: Scene, kind: Kind) -> None:
    scene.begin(kind.shape, kind.restart)
    kind.bring(scene)
    scene.kill()
    scene.begin_again()
    scene.wait_well()
    check_acts(scene, kind)
    check_records(scene)
    if kind.told:
        check_told(scene)


def test_a_kill_while_the_wallet_is_loaded(scene: Scene) -> None:
    scene.begin("wrapper", slow_answers=0.4)
    before = scene.wallet.started_at
    scene.stack.wait_decision(WALLET, "load_wallet")
    scene.kill()
    scene.wallet.heal("slow_answers")
    scene.begin_again()
    scene.wait_well()
    assert scene.wallet.started_at == before
    assert scene.stack.asked() == []


def test_slow_lane_and_dead_letter_outlive_kills_until_a_person_has_mended_it(
    scene: Scene,
) -> None:
    lanes = {"budget": 1, "slow_lane": ["12s"], "recovery_timeout": "3s"}
    stops = {"stop_timeout": "1s", "dead_stop_timeout": "1s"}
    scene.begin("wrapper", {**stops, **lanes}, {"start_period": "2s"})
    stack, wallet = scene.stack, scene.wallet
    wallet.fault("death_at_start", 0.2)
    wallet.fault("die")

    def lane() -> Json:
        return {"lane": scene.watcher.target(WALLET).get("lane")}

    stack.wait_for("the slow lane", lambda: lane() == {"lane": "slow"})
    began = time.monotonic()
    assert stack.asked() == [f"restart {WALLET}"]
    scene.kill()
    scene.begin_again()
    assert lane() == {"lane": "slow"}
    stack.wait_for("the next try", lambda: len(stack.asked()) == 2)
    assert 8.0 < time.monotonic() - began < 30.0

    stack.wait_state(WALLET, "dead_letter", deadline_s=2 * DEADLINE_S)
    scene.kill()
    scene.begin_again()
    stack.wait_state(WALLET, "dead_letter")
    stack.wait_probes(WALLET, 10)
    assert len(stack.asked()) == 2

    wallet.run("python", "wallet.py", "fault", "death_at_start", "off")
    assert scene.watcher.order("recover", WALLET).ok
    scene.wait_well()
    assert stack.asked() == [f"restart {WALLET}"] * 3
    assert lane() == {"lane": "fast"}
    check_told(scene)
