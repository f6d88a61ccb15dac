"""Time until a dead, exited or frozen daemon is detected, and until it serves again.

Each case has a stack of its own, all at once: they mostly wait. The fault comes at a
random moment of the interval between two checks, the same for both sides.

Beside Sidecar stands what the usual restarters give at best: Docker's HEALTHCHECK
and a process that hears of `unhealthy` at once and restarts at once.

detection   from the fault to the decision to restart: in Sidecar's log, or the
            engine's `health_status: unhealthy`
recovery    from the fault until the daemon's process answers again (and, for Sidecar,
            until its wallet is loaded: the other side loads none)
overhead    what Sidecar itself adds to threshold, stop and boot: from the end of the
            probe that made it certain, or of 3 s of silence, to the engine's first
            event; from the daemon's first answer to the first probe of it, less one
            fast interval; and from the end of that probe to the loaded wallet
"""

import json
import random
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from statistics import median
from typing import Any

from docker.models.containers import Container

from benchmarks import program
from benchmarks.lab import (
    CONTROL_PORT,
    LABEL,
    NANO,
    NO_HEALTHCHECK,
    SERVICE,
    SIDECAR_PORT,
    Lab,
    address,
    ask,
    lab,
    wait_for,
    wallet_probe,
)
from benchmarks.table import Row, fraction, spread

FAST_INTERVAL_S = 2.0
SILENCE_S = 3.0
STILL_SILENT = re.compile(r"no answer for ([0-9.]+) s so far")
OURS, IN_SIGHT, THEIRS = "Sidecar", "Sidecar with pid: host", "HEALTHCHECK"
DEFAULT_INTERVAL_S = {OURS: 5.0, IN_SIGHT: 5.0, THEIRS: 30.0}
SHORT_INTERVAL_S = 5.0
DOCKER_TIMEOUT_S = 30.0
RETRIES = 3
OWED_OVERHEAD_S = 1.0
OWED_RECOVERY_S = 10.0
MARGIN_S = 25.0
"""Seconds for the engine to stop and start a container after the last check."""
SEED = 20090103
ANSWER_FIRST_S = 0.1
"""Seconds that the stand-in waits between its answer and its death."""

# The stand-in's own port: its answer proves that the process runs.
CHECK = [
    "CMD",
    *("python", "-I", "-S", "healthcheck.py", "--timeout", "60"),
    *("--url", f"http://127.0.0.1:{CONTROL_PORT}/state"),
]


class Fault(StrEnum):
    """A fault of the daemon."""

    DIES = "a. daemon dies, its container stays"
    EXITS = "b. container exits"
    FREEZES = "c. daemon is stopped (SIGSTOP)"


OWED_IN_SIGHT_S = 0.2
"""Required detection time for the death of a followed process."""
OWED_DETECTION = {Fault.DIES: 1 / 12, Fault.EXITS: 1 / 4, Fault.FREEZES: 1 / 12}
"""Required fraction of the other side's time, both at default settings."""
SHAPE = {Fault.DIES: "wrapper", Fault.EXITS: "pid1", Fault.FREEZES: "wrapper"}
SWITCH = {Fault.DIES: "die", Fault.EXITS: "die", Fault.FREEZES: "stop_process"}


@dataclass
class Case:
    """One stack; ``None``: not seen within ``patience_s``. Seconds after the fault."""

    fault: Fault
    side: str
    interval_s: float | None
    phase: float
    patience_s: float
    wallet: Container
    sidecar: Container | None = None
    detected: float | None = None
    answered: float | None = None
    loaded: float | None = None
    overhead: float | None = None

    @property
    def every_s(self) -> float:
        """Seconds between two checks."""
        return self.interval_s or DEFAULT_INTERVAL_S[self.side]


@dataclass
class Events:
    """Events of our containers: (wall time, action), by container id."""

    lab: Lab
    actions: dict[str, list[tuple[float, str]]] = field(default_factory=dict)

    def follow(self) -> None:
        """Listen until the lab is closed, and restart unhealthy containers."""
        self._stream = self.lab.client.events(
            decode=True,
            filters={
                "label": f"{LABEL}={self.lab.run_id}",
                "event": ["kill", "die", "start", "restart", "health_status"],
            },
        )
        threading.Thread(target=self._read, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._stream.close()

    def first(self, container: Container, action: str, after: float) -> float | None:
        """Wall time of the first ``action`` after ``after``."""
        container_actions = self.actions.get(str(container.id), [])
        return next(
            (at for at, what in container_actions if what == action and at >= after),
            None,
        )

    def _read(self) -> None:
        for event in self._stream:
            container_id, action = event["Actor"]["ID"], event["Action"]
            self.actions.setdefault(container_id, []).append(
                (event["timeNano"] / NANO, action)
            )
            if action == "health_status: unhealthy":
                threading.Thread(
                    target=self._restart, args=(container_id,), daemon=True
                ).start()

    def _restart(self, container_id: str) -> None:
        self.lab.client.api.restart(container_id)


def measure(*, quick: bool) -> list[Row]:
    """Run all cases in parallel."""
    with lab() as opened:
        events = Events(opened)
        events.follow()
        try:
            cases = list(_cases(opened, quick=quick))
            with ThreadPoolExecutor(len(cases)) as threads:
                list(threads.map(lambda case: _run(case, events), cases))
        finally:
            events.close()
    return list(_rows(cases))


def _cases(opened: Lab, *, quick: bool) -> Iterator[Case]:
    rng = random.Random(SEED)
    times = 1 if quick else 3
    for interval_s in (None, SHORT_INTERVAL_S):
        for fault in Fault:
            if quick and interval_s is None and fault is Fault.FREEZES:
                continue  # it alone would take three minutes
            for number in range(times):
                phase = (number + rng.random()) / times
                for side in _sides(fault, interval_s):
                    yield _case(opened, fault, side, interval_s, phase)


def _sides(fault: Fault, interval_s: float | None) -> tuple[str, ...]:
    """The sides of a case; pid: host helps only where the container survives."""
    has_host_side = interval_s is None and fault is Fault.DIES
    return (OURS, THEIRS, IN_SIGHT) if has_host_side else (OURS, THEIRS)


def _case(
    opened: Lab, fault: Fault, side: str, interval_s: float | None, phase: float
) -> Case:
    kind = "in-sight" if side == IN_SIGHT else side
    name = f"{fault.name}-{kind}-{interval_s or 0:.0f}-{phase * 1000:.0f}".lower()
    stack = f"bench-{opened.run_id}-{name}"
    ours = side != THEIRS
    every_s = interval_s or DEFAULT_INTERVAL_S[THEIRS]
    health = {
        "test": CHECK,
        "interval": int(every_s * NANO),
        "timeout": int(DOCKER_TIMEOUT_S * NANO),
        "retries": RETRIES,
    }
    wallet = opened.wallet(
        f"{name}-wallet",
        stack,
        shape=SHAPE[fault],
        health=NO_HEALTHCHECK if ours else health,
    )
    patience_s = RETRIES * every_s + MARGIN_S
    if fault is Fault.FREEZES:
        patience_s += RETRIES * DOCKER_TIMEOUT_S
    case = Case(fault, side, interval_s, phase, patience_s, wallet)
    if ours:
        cadence = {} if interval_s is None else {"interval": f"{interval_s:g}s"}
        probe = wallet_probe(opened.full_name(f"{name}-wallet"))
        config = {
            "stack": stack,
            "defaults": cadence,
            "targets": {SERVICE: {"probe": probe}},
        }
        case.sidecar = opened.sidecar(
            f"{name}-sidecar", config, log_level="debug", sees_host=side == IN_SIGHT
        )
    return case


# --- one case -----------------------------------------------------------------


def _run(case: Case, events: Events) -> None:
    case.wallet.start()
    if case.sidecar is not None:
        case.sidecar.start()
    host = address(case.wallet)
    _wait_for_phase(case)
    ask(host, CONTROL_PORT, f"/faults/{SWITCH[case.fault]}", method="PUT")
    fault_at = time.time() + ANSWER_FIRST_S
    _observe(case, events, fault_at)
    if case.sidecar is None:
        unhealthy_at = events.first(case.wallet, "health_status: unhealthy", fault_at)
        case.detected = None if unhealthy_at is None else unhealthy_at - fault_at
    else:
        _read_log(case, events, fault_at)


def _wait_for_phase(case: Case) -> None:
    """Wait until ``phase`` of an interval has passed since the last check ended."""
    look = _last_probe if case.sidecar is not None else _last_check
    ended = wait_for("a healthy start", lambda: look(case), 120.0)
    due = ended + case.phase * case.every_s
    while due < time.time():
        due += case.every_s
    time.sleep(due - time.time())


def _last_probe(case: Case) -> float | None:
    assert case.sidecar is not None
    status = ask(address(case.sidecar), SIDECAR_PORT, "/api/v1/status")
    for target in status["targets"]:
        if target["state"] == "healthy":
            return _epoch(target["last_probe"]["at"])
    return None


def _last_check(case: Case) -> float | None:
    case.wallet.reload()
    health = case.wallet.attrs["State"]["Health"]
    if health["Status"] != "healthy":
        return None
    return _epoch(health["Log"][-1]["End"])


def _epoch(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def _observe(case: Case, events: Events, fault_at: float) -> None:
    """Note when the daemon answers again, and when its wallet is loaded.

    The daemon is asked only after its new start: a stopped daemon would keep our
    connections.
    """
    until = fault_at + case.patience_s
    while events.first(case.wallet, "start", fault_at) is None:
        if time.time() > until:
            return
        time.sleep(0.05)
    host = address(case.wallet)
    until = time.time() + 30.0
    while time.time() < until:
        state = _state(host)
        if state is not None:
            case.answered = case.answered or time.time() - fault_at
            if case.sidecar is None:
                return
            if state["wallets"]:
                case.loaded = time.time() - fault_at
                return
        time.sleep(0.05)


def _state(host: str) -> Any:  # noqa: ANN401
    try:
        return ask(host, CONTROL_PORT, "/state", timeout_s=1.0)
    except OSError:
        return None


# --- what Sidecar's log says ----------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One line of Sidecar's log."""

    at: float
    fields: dict[str, Any]

    @property
    def message(self) -> str:
        """The line's message."""
        return str(self.fields["message"])

    @property
    def is_probe(self) -> bool:
        """Whether the line is a probe's outcome."""
        return self.message.startswith("probe: ")

    @property
    def is_decision(self) -> bool:
        """Whether the line is the decision to restart or start."""
        return self.message.startswith(("restarting it: ", "starting it: "))

    @property
    def probe_s(self) -> float:
        """Duration of the probe."""
        return float(self.message.split(" in ")[1].split()[0])


def _read_log(case: Case, events: Events, fault_at: float) -> None:
    assert case.sidecar is not None
    lines = [line for line in read_lines(case.sidecar) if line.at >= fault_at]
    decision = next((line for line in lines if line.is_decision), None)
    if decision is None:
        return
    case.detected = decision.at - fault_at
    if case.answered is None or case.loaded is None:
        return
    verified = _first_answered(lines, fault_at + case.answered)
    if verified is None:
        return
    asked_at, ended_at = verified
    acting = _engine_acts(case, events, decision.at) - _certain_at(lines, decision)
    noticing = max(0.0, asked_at - fault_at - case.answered - FAST_INTERVAL_S)
    loading = max(0.0, fault_at + case.loaded - ended_at)
    case.overhead = acting + noticing + loading


def read_lines(sidecar: Container) -> Iterator[Line]:
    """All lines of the log so far."""
    for raw in sidecar.logs().splitlines():
        fields = json.loads(raw)
        yield Line(_epoch(fields["time"]), fields)


def _certain_at(lines: list[Line], decision: Line) -> float:
    """When the last probe before the decision, or its silence, was sufficient.

    The time of the decision if neither is known.
    """
    silent = STILL_SILENT.search(decision.message)
    if silent is not None:
        return decision.at - max(0.0, float(silent[1]) - SILENCE_S)
    probes = [line.at for line in lines if line.is_probe and line.at <= decision.at]
    return probes[-1] if probes else decision.at


def _engine_acts(case: Case, events: Events, decided: float) -> float:
    """When the engine first acted: it kills before it restarts.

    Without a process to kill: when it had started the container, which includes its
    own work.
    """
    action_times = [
        events.first(case.wallet, action, decided - 0.01)
        for action in ("kill", "start")
    ]
    return min(at for at in action_times if at is not None)


def _first_answered(lines: list[Line], ready_at: float) -> tuple[float, float] | None:
    """Beginning and end of the first probe that the new process answered."""
    silent = {"refused", "reset", "hung", "detached"}
    for line in lines:
        if (
            line.is_probe
            and line.at >= ready_at
            and line.fields.get("cause") not in silent
        ):
            return line.at - line.probe_s, line.at
    return None


# --- the table -----------------------------------------------------------------


def _rows(cases: list[Case]) -> Iterator[Row]:
    for interval_s in (None, SHORT_INTERVAL_S):
        label = (
            "at default settings" if interval_s is None else f"every {interval_s:g} s"
        )
        for fault in Fault:
            these = [c for c in cases if (c.fault, c.interval_s) == (fault, interval_s)]
            if not these:
                continue
            ours = [c for c in these if c.side == OURS]
            theirs = [c for c in these if c.side == THEIRS]
            yield _detection_row(f"{fault}; detection {label}", ours, theirs)
            yield _recovery_row(f"{fault}; recovery {label}", ours, theirs)
            in_sight = [c for c in these if c.side == IN_SIGHT]
            if in_sight:
                yield _in_sight_row(f"{fault}; detection with pid: host", in_sight)
    yield _overhead_row(cases)


def _detection_row(what: str, ours: list[Case], theirs: list[Case]) -> Row:
    mine = [c.detected for c in ours if c.detected is not None]
    other = [c.detected for c in theirs if c.detected is not None]
    owed = OWED_DETECTION[ours[0].fault] if ours[0].interval_s is None else None
    limit = f"≤ 1/{1 / owed:.0f}" if owed else ""
    if len(mine) < len(ours):
        return Row(what, "not by all", spread(other), owed=limit, is_met=False)
    if not other:
        least = fraction(max(mine), theirs[0].patience_s)
        is_met = True if owed else None
        return Row(what, spread(mine), _never(theirs), f"< {least}", limit, is_met)
    ratio = sum(mine) / len(mine) / (sum(other) / len(other))
    is_met = ratio <= owed if owed else None
    return Row(what, spread(mine), spread(other), f"{ratio:.3f}", limit, is_met)


def _in_sight_row(what: str, ours: list[Case]) -> Row:
    mine = [c.detected for c in ours if c.detected is not None]
    limit = f"< {OWED_IN_SIGHT_S:g} s, every time"
    is_met = len(mine) == len(ours) and max(mine) < OWED_IN_SIGHT_S
    return Row(what, spread(mine), owed=limit, is_met=is_met)


def _recovery_row(what: str, ours: list[Case], theirs: list[Case]) -> Row:
    mine = [c.loaded for c in ours if c.loaded is not None]
    other = [c.answered for c in theirs if c.answered is not None]
    if not mine or not other:
        return Row(what, spread(mine), spread(other) if other else _never(theirs))
    is_owed = ours[0].fault is Fault.DIES and ours[0].interval_s is None
    limit = f"median ≤ {OWED_RECOVERY_S:g} s" if is_owed else ""
    is_met = median(mine) <= OWED_RECOVERY_S if is_owed else None
    ratio = fraction(median(mine), median(other))
    return Row(what, spread(mine), spread(other), ratio, limit, is_met)


def _never(cases: list[Case]) -> str:
    return f"never (watched for {cases[0].patience_s:.0f} s)"


def _overhead_row(cases: list[Case]) -> Row:
    overheads = [c.overhead for c in cases if c.overhead is not None]
    case_count = sum(c.side != THEIRS for c in cases)
    is_met = len(overheads) == case_count and max(overheads) < OWED_OVERHEAD_S
    return Row(
        "overhead beyond threshold, stop and boot"
        f" ({len(overheads)} of {case_count} cases)",
        spread(overheads),
        owed=f"< {OWED_OVERHEAD_S:g} s, every time",
        is_met=is_met,
    )


if __name__ == "__main__":
    program.run(measure, __doc__, "each case once, SIGSTOP not at default settings")
