"""Remedies of busy daemons, which must get none, and of hung daemons.

One Sidecar at default settings watches 96 wallet daemons: 0 to 3 callers in a loop, the
upstream well, slow, lost or mute, as a wrapper's child, under an init or as PID 1, with
both builds of the RPC library. None of them may be restarted, and no address that they
handed out may be lost. Beside them, each with a Sidecar of its own, are daemons that
hang for good, are stopped or die, and busy ones that an operator has restarted.

thread share   the time for which calls of Sidecar are served, of all time, in daemons
               that nobody else calls: their number times the median of one
"""

import contextlib
import itertools
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple

import requests
from docker.models.containers import Container

from benchmarks import program
from benchmarks.detection import Line, read_lines
from benchmarks.lab import (
    API_TOKEN,
    CONTROL_PORT,
    NO_HEALTHCHECK,
    RPC_PASSWORD,
    RPC_PORT,
    RPC_USER,
    SIDECAR_PORT,
    Lab,
    address,
    ask,
    lab,
    wait_for,
    wallet_probe,
)
from benchmarks.table import Row, at_most, spread

CALLERS = (0, 1, 2, 3)
UPSTREAMS = ("well", "slow", "lost", "mute")
SHAPES = ("wrapper", "init", "pid1")
LIBRARIES = ("pinned", "newest")

INTERVAL_S, HANG_AFTER_S, HANG_AFTER_OUTAGE_S = 5.0, 45.0, 300.0
TICK_S = 1.0
ENDLESS_S = 1e6
WATCHED_S = HANG_AFTER_OUTAGE_S + 3 * INTERVAL_S
QUICK_WATCHED_S = 120.0
HANDED_OUT = 4
OWED_SHARE = 0.001
STARTED_AT_ONCE = 6
READY_S = 300.0
CANCELLED_MESSAGE = "acted: it answered after another"
ASKED_S = 30.0


class Cell(NamedTuple):
    """The conditions of a busy daemon."""

    callers: int
    upstream: str
    shape: str
    library: str

    @property
    def name(self) -> str:
        """Its service."""
        return f"{self.upstream}-{self.callers}-{self.shape}-{self.library}"


@dataclass
class Daemon:
    """A wallet's stand-in, its new addresses, and its run."""

    container: Container
    handed_out: list[str] = field(default_factory=list)
    started_at: str = ""

    def control(self, method: str, path: str, body: Mapping[str, object]) -> None:
        """Ask the control port to do something."""
        url = f"http://{self.host}:{CONTROL_PORT}{path}"
        requests.request(method, url, json=body, timeout=ASKED_S).raise_for_status()

    def fault(self, name: str, **numbers: object) -> None:
        """Switch a fault on."""
        self.control("PUT", f"/faults/{name}", {"on": True, **numbers})

    def state(self) -> Any:  # noqa: ANN401
        """The process and its wallets."""
        return ask(self.host, CONTROL_PORT, "/state")

    def rpc(self, method: str) -> Any:  # noqa: ANN401
        """The result of one call."""
        url, login = f"http://{self.host}:{RPC_PORT}/", (RPC_USER, RPC_PASSWORD)
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": []}
        answer = requests.post(url, json=body, auth=login, timeout=ASKED_S)
        return answer.json()["result"]

    def start(self) -> None:
        """Start and load its wallet, as one Sidecar would load 96 sequentially."""
        self.container.start()
        wait_for("the wallet", lambda: self.rpc("load_wallet"), READY_S)

    def hand_out(self) -> None:
        """Make new addresses, and note them."""
        self.handed_out += [self.rpc("createnewaddress") for _ in range(HANDED_OUT)]

    @property
    def host(self) -> str:
        """Its address now."""
        return address(self.container)

    @property
    def run(self) -> str:
        """Start time, which identifies the container's run."""
        self.container.reload()
        return str(self.container.attrs["State"]["StartedAt"])

    def count_lost_addresses(self) -> int:
        """Number of created addresses that the daemon does not know any more."""
        known_addresses = set(
            wait_for("the wallet", lambda: self.state()["addresses"], READY_S)
        )
        return len([each for each in self.handed_out if each not in known_addresses])


@dataclass
class Case:
    """A daemon with its own Sidecar, its fault, and the results."""

    what: str
    daemon: Daemon
    sidecar: Container
    upstream: str = "well"
    callers: int = 0
    fault: str = ""
    seconds: float | None = None
    asked: bool = False
    detected: float | None = None
    ended: float | None = None


def measure(*, quick: bool) -> list[Row]:
    """Run everything in parallel, because it mostly waits."""
    with lab() as opened:
        cells = _cells(quick=quick)
        daemons = {cell: _daemon(opened, cell.name, "matrix", cell) for cell in cells}
        watcher = _sidecar(opened, "matrix", [cell.name for cell in cells])
        cases = list(_cases(opened, quick=quick))
        with ThreadPoolExecutor(STARTED_AT_ONCE) as threads:
            everybody = (*daemons.values(), *(case.daemon for case in cases))
            list(threads.map(lambda each: each.start(), everybody))
            watchers = (watcher, *(case.sidecar for case in cases))
            list(threads.map(lambda each: each.start(), watchers))
            list(threads.map(_wait_healthy, watchers))
            list(threads.map(lambda item: _make_busy(*item), daemons.items()))
        with ThreadPoolExecutor(len(cases)) as threads:
            running = [threads.submit(_run, case) for case in cases]
            time.sleep(QUICK_WATCHED_S if quick else WATCHED_S)
            rows = list(_matrix_rows(daemons, watcher))
            for each in running:
                each.result()
        rows += _case_rows(cases)
    return rows


# --- daemons and sidecars -------------------------------------------------------


def _cells(*, quick: bool) -> list[Cell]:
    cells = itertools.starmap(
        Cell, itertools.product(CALLERS, UPSTREAMS, SHAPES, LIBRARIES)
    )
    return list(cells)[:: 5 if quick else 1]


def _daemon(opened: Lab, name: str, stack: str, cell: Cell) -> Daemon:
    return Daemon(
        opened.member(
            name,
            f"bench-{opened.run_id}-{stack}",
            service=name,
            environment={
                "SHAPE": "wrapper" if cell.shape == "wrapper" else "pid1",
                "LIBRARY": cell.library,
            },
            init=cell.shape == "init",
            healthcheck=NO_HEALTHCHECK,
        )
    )


def _sidecar(opened: Lab, stack: str, services: list[str]) -> Container:
    targets = {
        name: {"probe": wallet_probe(opened.full_name(name))} for name in services
    }
    config = {"stack": f"bench-{opened.run_id}-{stack}", "targets": targets}
    return opened.sidecar(f"{stack}-sidecar", config)


def _cases(opened: Lab, *, quick: bool) -> Iterator[Case]:
    def case(what: str, shape: str, library: str = "pinned", **how: Any) -> Case:  # noqa: ANN401
        number = next(numbers)
        name = f"case-{number}"
        cell = Cell(how.get("callers", 0), how.get("upstream", ""), shape, library)
        daemon = _daemon(opened, name, name, cell)
        return Case(what, daemon, _sidecar(opened, name, [name]), **how)

    numbers = itertools.count()
    for_good: dict[str, Any] = {"fault": "network_call", "seconds": ENDLESS_S}
    for shape in SHAPES:
        yield case("hung", shape, **for_good)
        yield case("frozen", shape, upstream="lost", fault="stop_process")
        if not quick:
            yield case("hung in an outage", shape, upstream="lost", **for_good)
    for shape, upstream in zip(SHAPES, UPSTREAMS[1:], strict=True):
        yield case("busy", shape, upstream=upstream, callers=CALLERS[-1])
    for shape in ("wrapper", "pid1"):
        yield case("dead", shape, fault="die")
    for shape, library in itertools.product(SHAPES, LIBRARIES):
        upstream = "lost" if library == "pinned" else "mute"
        yield case("asked", shape, library, upstream=upstream, callers=2, asked=True)


# --- running --------------------------------------------------------------------


def _wait_healthy(sidecar: Container) -> None:
    def look() -> bool:
        targets = _status(sidecar)["targets"]
        return bool(targets) and all(t["state"] == "healthy" for t in targets)

    wait_for("healthy daemons", look, READY_S)


def _status(sidecar: Container) -> Any:  # noqa: ANN401
    return ask(address(sidecar), SIDECAR_PORT, "/api/v1/status", timeout_s=ASKED_S)


def _make_busy(cell: Cell, daemon: Daemon) -> None:
    _prepare(daemon, cell.upstream, cell.callers)


def _prepare(daemon: Daemon, upstream: str, callers: int) -> None:
    daemon.started_at = daemon.run
    if upstream != "well":
        daemon.fault(f"upstream_{upstream}")
    daemon.hand_out()
    daemon.control("DELETE", "/calls", {})
    if callers:
        daemon.fault("callers", count=callers)


def _run(case: Case) -> None:
    """Set the case's fault, and wait until its remedy has ended."""
    _prepare(case.daemon, case.upstream, case.callers)
    if case.what == "busy":
        return
    if case.upstream == "lost":
        wait_for("the loss is seen", lambda: _is_loss_seen(case.sidecar), READY_S)
    began_at = time.time()
    if case.asked:
        time.sleep(INTERVAL_S)
        began_at = time.time()
        _order_restart(case.sidecar)
    elif case.fault == "stop_process" and case.daemon.state()["pid"] == 1:
        # Its process cannot stop itself as PID 1.
        case.daemon.container.kill(signal="SIGSTOP")
    else:
        numbers = {} if case.seconds is None else {"seconds": case.seconds}
        case.daemon.fault(case.fault, **numbers)
    with contextlib.suppress(TimeoutError):
        wait_for(case.what, lambda: _update_case(case, began_at), 2 * WATCHED_S)


def _is_loss_seen(sidecar: Container) -> bool:
    return bool(_status(sidecar)["targets"][0]["cause"] == "upstream_lost")


def _order_restart(sidecar: Container) -> None:
    (target,) = _status(sidecar)["targets"]
    path = f"/api/v1/targets/{target['name']}/restart"
    url = f"http://{address(sidecar)}:{SIDECAR_PORT}{path}"
    token = {"Authorization": f"Bearer {API_TOKEN}"}
    requests.post(url, headers=token, timeout=ASKED_S).raise_for_status()


def _update_case(case: Case, began_at: float) -> bool:
    """Record the times of decision and recovery; returns whether it has recovered."""
    works = ("restart ended: recovered", "start ended: recovered")
    for line in read_lines(case.sidecar):
        if line.at < began_at:
            continue
        if line.is_decision and case.detected is None:
            case.detected = line.at - began_at
        if line.message.startswith(works):
            case.ended = line.at - began_at
    return case.ended is not None


# --- the table ------------------------------------------------------------------


def _matrix_rows(daemons: Mapping[Cell, Daemon], watcher: Container) -> Iterator[Row]:
    cells = len(daemons)
    restarted = [c.name for c, d in daemons.items() if d.run != d.started_at]
    lines = list(read_lines(watcher))
    decided = [line for line in lines if line.is_decision]
    cancelled = [line for line in lines if line.message.startswith(CANCELLED_MESSAGE)]
    waiting_targets = {
        line.fields["target"] for line in lines if _is_kept_waiting(line)
    }
    figure_text = f"{len(restarted)} of {cells}"
    yield _zero_row(
        f"wrong restarts of busy daemons, {cells} of them", figure_text, restarted
    )
    yield Row(
        "restarts of them that were decided on, and called off by an answer",
        f"{len(decided)}, {len(cancelled)}",
    )
    yield Row(
        "of them, silent for long and answered before their turn",
        str(len(waiting_targets)),
    )
    total = sum(len(daemon.handed_out) for daemon in daemons.values())
    lost_count = sum(daemon.count_lost_addresses() for daemon in daemons.values())
    yield _zero_row(
        "addresses lost by busy daemons", f"{lost_count} of {total}", lost_count
    )
    shares = [
        _share(daemon, address(watcher))
        for cell, daemon in daemons.items()
        if cell.callers == 0
    ]
    figure = f"{100 * median(shares):.3f} % (worst {100 * max(shares):.3f})"
    what = f"thread share of probing, {len(shares)} daemons that nobody else calls"
    yield at_most(what, figure, 100 * max(shares), 100 * OWED_SHARE, unit=" %")


def _is_kept_waiting(line: Line) -> bool:
    """Whether the line is a hold because another remedy is running."""
    return line.fields.get("guard") == "remedy_running"


def _zero_row(what: str, figure_text: str, failures: object) -> Row:
    return Row(what, figure_text, owed="0", is_met=not failures)


def _share(daemon: Daemon, sidecar: str) -> float:
    """Share of our calls in the time from the first of them to the last.

    By the median call: on a machine of two cores 130 containers delay each other.
    """
    connections = ask(daemon.host, CONTROL_PORT, "/calls")["connections"]
    ours = [each for each in connections if each["client"] == sidecar]
    lasted_s = ours[-1]["accepted_at"] - ours[0]["accepted_at"]
    return float(len(ours) * median(each["seconds"] for each in ours) / lasted_s)


def _case_rows(cases: list[Case]) -> Iterator[Row]:
    busy = [case.daemon for case in cases if case.what == "busy"]
    restarted = sum(daemon.run != daemon.started_at for daemon in busy)
    figure_text = f"{restarted} of {len(busy)}"
    what = "wrong restarts of daemons with 3 callers and a Sidecar of their own"
    yield _zero_row(what, figure_text, restarted)
    owed = {
        "hung": HANG_AFTER_S + INTERVAL_S + TICK_S,
        "hung in an outage": HANG_AFTER_OUTAGE_S + INTERVAL_S + TICK_S,
    }
    for what in ("hung", "hung in an outage", "frozen", "dead"):
        these = [case for case in cases if case.what == what]
        detection_times = [case.detected for case in these if case.detected is not None]
        if not these:
            continue
        figure_text = spread(detection_times)
        name = f"{what} for good" if what == "hung" else what
        if len(detection_times) < len(these):
            yield Row(f"{name}: detection", "not of all", is_met=False)
        elif what in owed:
            yield at_most(
                f"{name}: detection",
                figure_text,
                max(detection_times),
                owed[what],
                unit=" s",
            )
        else:
            yield Row(f"{name}: detection", figure_text)
    for what, name in (
        ("frozen", "frozen in an outage, then restarted"),
        ("asked", "busy in an outage, restarted by an operator"),
    ):
        these = [case for case in cases if case.what == what]
        total = sum(len(case.daemon.handed_out) for case in these)
        lost_count = sum(case.daemon.count_lost_addresses() for case in these)
        yield _zero_row(
            f"{name}: addresses lost", f"{lost_count} of {total}", lost_count
        )
        took = [case.ended for case in these if case.ended is not None]
        all_work = None if len(took) == len(these) else False
        yield Row(f"{name}: until it works again", spread(took), is_met=all_work)


if __name__ == "__main__":
    program.run(
        measure, __doc__, "a fifth of the daemons for two minutes, no hang in an outage"
    )
