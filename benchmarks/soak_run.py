"""One stack under faults, one after the other: each is begun, watched and ended."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from benchmarks.soak_faults import STEPS
from benchmarks.soak_plan import (
    SIDECAR_KILL,
    SPACED_S,
    WALLETS,
    Beside,
    FaultKind,
    PlannedFault,
    plan_round,
)
from benchmarks.soak_stack import NOT_YET, SoakStack, wait_until
from benchmarks.soak_verdict import FaultRecord, Outcome, StackRecord

SAMPLE_S = 3.0
CLEAN_UP_S = 30.0
DELIVERED_S = 60.0
ENGINE_LOST_S = 4.0
BESIDE_S = {Beside.NOTHING: 0.0, Beside.ENGINE_LOST: 20.0, Beside.SIDECAR_KILLED: 40.0}
"""Seconds that an event beside a fault may add to its treatment.

The engine may still be at a restart that a killed Sidecar has asked for: the next one
waits for the stop timeout and 30 s (sidecar/core/recovery/takeover.py), and restarts.
"""
KILLS_UNTIL = 0.25
"""Share of the time in which Sidecar itself is killed."""
PATIENCE = 3.0
"""How many times the bound a fault is waited for, before the soak gives it up."""


@dataclass
class SoakRun:
    """The faults of one stack. ``slack_s`` is added to each bound."""

    stack: SoakStack
    seed: str
    kinds: tuple[FaultKind, ...]
    slack_s: float
    stopping: threading.Event
    report: Callable[[FaultRecord], None]
    records: list[FaultRecord] = field(default_factory=list)

    def run_for(self, minutes: float) -> None:
        """Run faults until the time is over; the one under way is ended first."""
        began = time.monotonic()
        ends = began + 60.0 * minutes
        kills_until = began + 60.0 * minutes * KILLS_UNTIL
        number = 0
        while time.monotonic() < ends:
            kills = time.monotonic() < kills_until
            plan = plan_round(self.seed, number, self.kinds, kills=kills)
            if not self.run_faults(plan, ends):
                return
            number += 1

    def run_faults(
        self, plan: Iterator[PlannedFault], ends: float = float("inf")
    ) -> bool:
        """Run these faults until ``ends``; False once one is not healed in time."""
        with self._measure_beside():
            for planned in plan:
                pause_s = self._pause_before(planned)
                if self.stopping.wait(pause_s) or time.monotonic() > ends:
                    return False
                record = self._run_fault(planned)
                self.records.append(record)
                self.report(record)
                if record.outcome is Outcome.FAILED and not self._is_calm():
                    return False
        return True

    def result(self) -> StackRecord:
        """The observations; the last measurement follows the last messages."""
        with contextlib.suppress(TimeoutError):
            wait_until(
                "the messages are delivered",
                lambda: self.stack.count_outbox() == 0.0,
                DELIVERED_S,
            )
        self.stack.sample()
        return StackRecord(
            faults=tuple(self.records),
            acts=self.stack.acts(),
            samples=tuple(self.stack.samples),
            handed_out=self.stack.handed_out,
            given_up=self.stack.given_up,
            lost_addresses=tuple(self.stack.lost_addresses),
        )

    def _pause_before(self, planned: PlannedFault) -> float:
        if not planned.kind.ends_container:
            return planned.pause_s
        part = planned.kind.part
        earlier = (r.kind for r in self.records if r.kind.part is part)
        if not any(kind.ends_container for kind in earlier):
            return planned.pause_s
        due_at = self.stack.run_began_at(part) + SPACED_S
        return max(planned.pause_s, due_at - time.time())

    # --- one fault

    def _run_fault(self, planned: PlannedFault) -> FaultRecord:
        """A fault from its begin until all targets are healthy after its end."""
        kind = planned.kind
        bound_s = kind.bound_s + BESIDE_S[planned.beside] + self.slack_s
        began_at, began = time.time(), time.monotonic()
        outcome, took_s, note = Outcome.FAILED, 0.0, ""
        try:
            self._prepare(kind)
            began_at, began = time.time(), time.monotonic()
            STEPS[kind.name].begin(self.stack)
            if kind.is_healed:
                outcome, took_s = self._watch_healing(planned, began, bound_s)
            else:
                outcome, took_s = self._watch_leaving(kind, bound_s)
            if took_s > bound_s:
                note = self.stack.last_log_lines()
        except (TimeoutError, *NOT_YET) as error:
            took_s = time.monotonic() - began
            note = f"{error}\n{self.stack.last_log_lines()}"
            with contextlib.suppress(*NOT_YET):
                STEPS[kind.name].end(self.stack)
        return FaultRecord(
            kind=kind,
            beside=planned.beside,
            began_at=began_at,
            ended_at=time.time(),
            outcome=outcome,
            took_s=took_s,
            bound_s=bound_s,
            note=note,
        )

    def _prepare(self, kind: FaultKind) -> None:
        self.stack.is_forced = False
        if kind.part in WALLETS:
            self.stack.hand_out_addresses(kind.part)
            self.stack.wait_saved(kind.part)
        if kind.is_healed:
            self.stack.run_before = self.stack.box(kind.part).started_at

    def _watch_healing(
        self, planned: PlannedFault, began: float, bound_s: float
    ) -> tuple[Outcome, float]:
        """Wait for health in a new run; order the restart if the limit holds it."""
        part, steps = planned.kind.part, STEPS[planned.kind.name]
        began = time.monotonic() if planned.kind.name == "freeze-in-outage" else began
        self._happen_beside(planned)

        def look() -> bool:
            nonlocal began
            if not self.stack.is_forced and self.stack.is_limited(part):
                self.stack.order_restart_now(part)
                began = time.monotonic()
            return self.stack.has_new_run(part) and steps.is_healed(self.stack)

        wait_until(f"{planned.kind.what}: healed", look, PATIENCE * bound_s)
        took_s = time.monotonic() - began
        steps.end(self.stack)
        self._wait_calm(bound_s)
        outcome = Outcome.ORDERED if self.stack.is_forced else Outcome.HEALED
        return outcome, took_s

    def _watch_leaving(self, kind: FaultKind, bound_s: float) -> tuple[Outcome, float]:
        """Wait until it is seen, let it last, end it, and wait for health."""
        steps = STEPS[kind.name]
        began = time.monotonic()
        seen_s = 0.0
        if steps.is_seen is not None:
            is_seen = steps.is_seen
            wait_until(f"{kind.what}: seen", lambda: is_seen(self.stack), bound_s)
            seen_s = time.monotonic() - began
        if kind.name == SIDECAR_KILL:
            self._wait_calm(bound_s)
            return Outcome.LEFT, time.monotonic() - began
        time.sleep(kind.lasts_s)
        steps.end(self.stack)
        ended = time.monotonic()
        self._wait_calm(bound_s)
        return Outcome.LEFT, max(seen_s, time.monotonic() - ended)

    def _wait_calm(self, bound_s: float) -> None:
        """Wait until all is healthy, and look whether the addresses are there."""
        what = "every target is healthy again"
        wait_until(what, self.stack.is_healthy, PATIENCE * bound_s)
        self.stack.check_addresses()

    def _is_calm(self) -> bool:
        with contextlib.suppress(TimeoutError):
            wait_until("health", self.stack.is_healthy, 60.0 + self.slack_s)
            return True
        return False

    def _happen_beside(self, planned: PlannedFault) -> None:
        if planned.beside is Beside.NOTHING:
            return
        time.sleep(planned.beside_after_s)
        if planned.beside is Beside.SIDECAR_KILLED:
            self.stack.kill_sidecar()
        else:
            self.stack.stack.proxy.shut()
            time.sleep(ENGINE_LOST_S)
            self.stack.stack.proxy.reopen()

    # --- beside the faults

    @contextlib.contextmanager
    def _measure_beside(self) -> Iterator[None]:
        """Measure Sidecar, and order its clean-up, in a thread."""
        over = threading.Event()

        def watch() -> None:
            next_clean_up = time.monotonic() + CLEAN_UP_S
            while not over.wait(SAMPLE_S):
                self.stack.sample()
                if time.monotonic() > next_clean_up:
                    next_clean_up += CLEAN_UP_S
                    self.stack.clean_up()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(timeout=10.0)
