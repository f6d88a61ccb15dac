"""The stack of a soak on the real engine: wallets, service, Sidecar and a neighbour.

The timings are those of the engine tests: the defaults, about ten times faster.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import requests
from docker.errors import APIError

from benchmarks import processes
from benchmarks.soak_plan import Part
from benchmarks.soak_verdict import Act, Sample
from tests.engine.harness import (
    API_TOKEN,
    QUICK,
    QUICK_RESTART,
    SERVICE,
    WALLET,
    Box,
    Json,
    ServiceBox,
    SidecarBox,
    Stack,
    WalletBox,
    service_target,
    wallet_target,
)
from tests.support.message_receiver import MessageReceiver, run_message_receiver

SECOND_WALLET = "electron-cash-2"
TARGETS = {
    Part.WALLET: WALLET,
    Part.SECOND_WALLET: SECOND_WALLET,
    Part.SERVICE: SERVICE,
}
LIMIT = "rate_limit"
RETENTION = "1m"
STATE_FOLDER = "var/lib/sidecar"
CLEAN_UP = "/api/v1/maintenance/clean-up/run"
EVENTS_ARE_HEARD = "\nsidecar_event_stream_connected 1.0"
LOG_LINES = 60
POLL_S = 0.3
READY_S = 120.0
HANDED_OUT = 2
PATIENCE = {"hang_after_outage": "20s"}
RESTART = {**QUICK_RESTART, "polite_stop": "6s"}
T = TypeVar("T")
NOT_YET = (OSError, APIError, AssertionError, StopIteration, KeyError)
"""Errors of a question to a part that is away, or just being restarted."""


@dataclass
class SoakStack:
    """One stack with its Sidecar, and all that is remembered of it."""

    stack: Stack
    inbox: MessageReceiver
    neighbour: WalletBox
    wallets: dict[Part, WalletBox]
    service: ServiceBox
    watcher: SidecarBox
    addresses: dict[Part, list[str]] = field(default_factory=dict)
    lost_addresses: list[str] = field(default_factory=list)
    given_up: int = 0
    """Addresses lost by a restart that the soak ordered with ``now``."""
    samples: list[Sample] = field(default_factory=list)
    run_before: str = ""
    """Start time of the faulty container before its fault."""
    is_forced: bool = False
    """Whether the soak ordered a restart with ``now`` since the fault began."""

    # --- what is seen

    def box(self, part: Part) -> Box:
        """The container of a target."""
        return self.service if part is Part.SERVICE else self.wallets[part]

    def target(self, part: Part) -> Json:
        """Status of a target."""
        return self.watcher.target(TARGETS[part])

    def is_healthy(self) -> bool:
        """Whether Sidecar hears its engine, and calls every target healthy."""
        status = self.watcher.status_view()
        states = {target["name"]: target["state"] for target in status["targets"]}
        return bool(
            status["engine"]["reachable"]
            and states == dict.fromkeys(TARGETS.values(), "healthy")
            and EVENTS_ARE_HEARD in self.watcher.metrics()
        )

    def run_began_at(self, part: Part) -> float:
        """Unix time at which the container of a target was last started."""
        return datetime.fromisoformat(self.box(part).started_at).timestamp()

    def has_new_run(self, part: Part) -> bool:
        """Whether the container was started since its fault, and runs."""
        box = self.box(part)
        return box.started_at != self.run_before and box.status == "running"

    def is_limited(self, part: Part) -> bool:
        """Whether the limit of restarts an hour holds a target."""
        decision = self.target(part).get("last_decision") or {}
        return decision.get("guard") == LIMIT

    def order_restart(self, part: Part) -> None:
        """Order a restart; with ``now`` if the limit of restarts refuses it."""
        answer = self.watcher.order("restart", TARGETS[part])
        if answer.status_code == requests.codes.conflict:
            assert answer.json()["guard"] == LIMIT, answer.text
            self.order_restart_now(part)
        else:
            assert answer.status_code == requests.codes.accepted, answer.text

    def order_restart_now(self, part: Part) -> None:
        """Order a restart that no limit holds; it may lose addresses, and says so."""
        answer = self.watcher.order("restart", TARGETS[part], {"now": True})
        assert answer.status_code == requests.codes.accepted, answer.text
        self.is_forced = True

    def acts(self) -> tuple[Act, ...]:
        """All changing requests of Sidecar so far; the start of a command is none."""
        parts = {box.id: part for part, box in self.wallets.items()}
        parts[self.service.id] = Part.SERVICE
        return tuple(
            Act(request.at, request.verb, parts.get(request.path.split("/")[2]))
            for request in self.stack.proxy.posts
            if not request.path.startswith("/exec/")
        )

    def last_log_lines(self) -> str:
        """End of Sidecar's log, for a fault that was not treated rightly."""
        with contextlib.suppress(*NOT_YET):
            return "\n".join(self.watcher.log_lines()[-LOG_LINES:])
        return ""

    # --- addresses

    def hand_out_addresses(self, part: Part) -> None:
        """Create addresses in a wallet and remember them."""
        wallet = self.wallets[part]
        new = [wallet.create_address(timeout_s=20.0) for _ in range(HANDED_OUT)]
        self.addresses.setdefault(part, []).extend(new)

    def wait_saved(self, part: Part) -> None:
        """Wait until the wallet's file has all of its addresses."""
        wallet = self.wallets[part]
        wait_until(
            "the addresses are saved",
            lambda: not wallet.wallet_state()["unsaved"],
            READY_S,
        )

    def check_addresses(self) -> None:
        """Note the addresses that a wallet does not know any more."""
        for part, handed_out in self.addresses.items():
            known = set(wait_until("the wallet", self.wallets[part].addresses, READY_S))
            lost = [address for address in handed_out if address not in known]
            if self.is_forced:
                self.given_up += len(lost)
            else:
                self.lost_addresses += lost
            self.addresses[part] = [each for each in handed_out if each in known]

    @property
    def handed_out(self) -> int:
        """Number of addresses that were handed out."""
        known = sum(map(len, self.addresses.values()))
        return known + len(self.lost_addresses) + self.given_up

    # --- Sidecar's own process

    def sidecar_process(self) -> int:
        """Process id of `sidecar run`, the child of the container's init."""
        container = self.watcher.docker
        container.reload()
        _, *children = processes.tree(int(container.attrs["State"]["Pid"]))
        return children[0]

    def kill_sidecar(self) -> None:
        """Kill Sidecar, as by kill -9 on its host; its restart policy starts it."""
        with contextlib.suppress(ProcessLookupError, IndexError):
            os.kill(self.sidecar_process(), signal.SIGKILL)

    def clean_up(self) -> None:
        """Remove records older than the retention, as the daily task does."""
        headers = {"Authorization": f"Bearer {API_TOKEN}"}
        with contextlib.suppress(*NOT_YET):
            self.watcher.ask("POST", 9787, CLEAN_UP, {}, headers=headers)

    def sample(self) -> None:
        """Measure Sidecar's process; nothing while it is away.

        The processes that send messages come and go: they are only counted.
        """
        with contextlib.suppress(*NOT_YET, IndexError):
            pid = self.sidecar_process()
            memory = processes.memory(pid)
            self.samples.append(
                Sample(
                    at=time.time(),
                    life=str(pid),
                    rss_mb=memory.rss,
                    pss_mb=memory.pss,
                    processes=len(processes.tree(pid)),
                    open_files=_count(pid, "fd"),
                    threads=_count(pid, "task"),
                    engine_connections=self.stack.proxy.connection_count,
                    store_mb=_store_mb(pid),
                    outbox=self.count_outbox(),
                )
            )

    def count_outbox(self) -> float:
        """Number of messages that wait to be delivered."""
        lines = self.watcher.metrics().splitlines()
        pending = [each for each in lines if each.startswith("sidecar_outbox_pending{")]
        return sum(float(each.split()[-1]) for each in pending)


def _count(pid: int, what: str) -> int:
    return len(list(Path(f"/proc/{pid}/{what}").iterdir()))


def _store_mb(pid: int) -> float:
    folder = Path(f"/proc/{pid}/root/{STATE_FOLDER}")
    return sum(path.stat().st_size for path in folder.glob("sidecar.db*")) / 2**20


def wait_until(what: str, look: Callable[[], T], within_s: float) -> T:
    """Wait for a true result of ``look`` and return it; raises TimeoutError."""
    until = time.monotonic() + within_s
    last: object = None
    while time.monotonic() < until:
        try:
            if result := look():
                return result
            last = result
        except NOT_YET as error:
            last = error
        time.sleep(POLL_S)
    raise TimeoutError(f"not within {within_s:.0f} s: {what}; last seen: {last!r}")


# --- making the stack -----------------------------------------------------------


@contextmanager
def soak_stack(project: str) -> Iterator[SoakStack]:
    """A stack, started and healthy, and a neighbour's stack with the same services."""
    with ExitStack() as exit_stack:
        neighbours = exit_stack.enter_context(Stack(f"{project}-neighbour"))
        stack = exit_stack.enter_context(Stack(project))
        inbox = exit_stack.enter_context(run_message_receiver(stack))
        whole = SoakStack(
            stack=stack,
            inbox=inbox,
            neighbour=neighbours.wallet(),
            wallets={
                Part.WALLET: stack.wallet(),
                Part.SECOND_WALLET: stack.wallet(SECOND_WALLET, shape="init"),
            },
            service=stack.service(),
            watcher=stack.sidecar(
                _config(inbox.url),
                env={"SIDECAR_LOG_LEVEL": "info"},
                restart_policy="unless-stopped",
            ),
        )
        wait_until("every target is healthy", whole.is_healthy, READY_S)
        yield whole


def _config(inbox_url: str) -> Json:
    wallet = wallet_target(PATIENCE, restart=RESTART)
    second_url = {**PATIENCE, "url": f"http://{SECOND_WALLET}:7777/"}
    return {
        "defaults": dict(QUICK),
        "targets": {
            WALLET: wallet,
            SECOND_WALLET: wallet_target(second_url, restart=RESTART),
            SERVICE: service_target(restart=RESTART),
        },
        "maintenance": {"retention": RETENTION},
        "notify": {"channels": {"ops": {"url": inbox_url}}},
    }
