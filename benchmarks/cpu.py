"""What one probe costs, beside a Docker HEALTHCHECK of the same target.

Counted are the user and system seconds of every process but the target's own server,
which does the same work for whoever asks. For a HEALTHCHECK: dockerd, containerd, the
container's shim and all that it started and waited for (runc, curl, python), as used
for containers that check themselves once a second, less what the engine uses with
nothing to do. For Sidecar: its container's processes, when it probes often, less when
it hardly probes; its wallet and http probes ask nothing of the engine. What it takes to
be there at all, the engine's part included, is in the last row.

All this runs on an engine of its own, which works for nobody else meanwhile.
"""

import argparse
import io
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import docker
from docker.models.containers import Container

from benchmarks import processes
from benchmarks.lab import (
    CONTROL_PORT,
    NANO,
    RPC_PASSWORD,
    RPC_PORT,
    SIDECAR_IMAGE,
    WALLET_IMAGE,
    Lab,
    Place,
    ask_text,
    free_port,
    http_probe,
    lab,
    pid,
    wait_for,
    wallet_probe,
)
from benchmarks.quiet_engine import QuietEngine, quiet_engine
from benchmarks.table import Row, fraction, markdown

CHECKED = 3
"""Containers that check themselves at the same time, once a second each."""
OFTEN, HARDLY = "100ms", "1h"
OWED_WALLET, OWED_HTTP = 20, 50
SETTLE_S = 2.0
PRESENT_S = 30.0
"""As long as from one of Sidecar's listings of the containers to the next."""
OUR_INTERVAL_S, THEIR_INTERVAL_S = 15.0, 30.0

CURL_IMAGE = "sidecar-benchmark-curl:local"
CURL_DOCKERFILE = f"""\
FROM {WALLET_IMAGE}
USER root
RUN apt-get update -qq && apt-get install -qq --no-install-recommends curl >/dev/null
USER wallet
"""

PING = '{"id":1,"method":"ping","params":[]}'
RPC_URL = f"http://127.0.0.1:{RPC_PORT}/"
STATE_URL = f"http://127.0.0.1:{CONTROL_PORT}/state"
CURL = "curl -fsS -m 10 -o /dev/null"
PYTHON = "python -I -S healthcheck.py"
WALLET_CURL, WALLET_PYTHON = "curl, one call of the three", "Python, all three calls"
HTTP_CURL, HTTP_PYTHON = "curl", "Python"
CHECKS = {
    WALLET_CURL: f"{CURL} -u bchrpc:{RPC_PASSWORD} -d '{PING}' {RPC_URL}",
    WALLET_PYTHON: (
        f"{PYTHON} --rpc {RPC_URL} --user bchrpc --password-file /data/rpc_password"
    ),
    HTTP_CURL: f"{CURL} {STATE_URL}",
    HTTP_PYTHON: f"{PYTHON} --url {STATE_URL}",
}

Counters = Mapping[str, Callable[[], float]]
Counted = dict[str, float]


def measure(*, quick: bool) -> list[Row]:
    """Every way to check, in turns, and the medians."""
    seconds, rounds = (8.0, 1) if quick else (15.0, 2)
    with (
        _curl_image(),
        quiet_engine((CURL_IMAGE, SIDECAR_IMAGE)) as engine,
        lab(engine.socket, "none") as alone,
        lab(engine.socket, "host") as together,
    ):
        checked = {
            name: Checked(alone, f"checked-{number}", command)
            for number, (name, command) in enumerate(CHECKS.items())
        }
        probing = _probing(together)
        found = [
            Round(
                _count(seconds, {"engine": engine.cpu_s})["engine"] / seconds,
                {name: one.cost(engine, seconds) for name, one in checked.items()},
                _present(engine, probing),
            )
            for _ in range(rounds)
        ]
    return list(_rows(found, seconds))


def _count(seconds: float, counters: Counters) -> Counted:
    """By how much each grows in the next ``seconds``."""
    before = {name: read() for name, read in counters.items()}
    time.sleep(seconds)
    return {name: read() - before[name] for name, read in counters.items()}


@contextmanager
def _curl_image() -> Iterator[None]:
    """The wallet's image with curl in it, thrown away afterwards."""
    client = docker.from_env(timeout=300)
    try:
        context = io.BytesIO(CURL_DOCKERFILE.encode())
        client.images.build(fileobj=context, tag=CURL_IMAGE)
        yield
        client.images.remove(CURL_IMAGE)
    finally:
        client.close()


# --- Docker's own checks ----------------------------------------------------------


class Checked:
    """Containers with a HEALTHCHECK, running only while they are measured."""

    def __init__(self, opened: Lab, name: str, command: str) -> None:
        health = {"test": ["CMD-SHELL", command], "interval": NANO, "retries": 3}
        self._opened = opened
        self._containers = [
            opened.wallet(f"{name}-{n}", name, image=CURL_IMAGE, health=health)
            for n in range(CHECKED)
        ]

    def cost(self, engine: QuietEngine, seconds: float) -> Counted:
        """CPU seconds of ``engine`` and ``others``, and ``checks``, in a while."""
        for container in self._containers:
            container.start()
            wait_for("a loaded wallet", partial(_load_wallet, container), 30.0)
        wait_for("good checks", self._all_well, 60.0)
        shims = [processes.parent(pid(container)) for container in self._containers]
        counters: dict[str, Callable[[], float]] = {
            "engine": engine.cpu_s,
            "others": lambda: sum(processes.cpu(shim).total for shim in shims),
        }
        with self._opened.counting("exec_die") as checks:
            time.sleep(SETTLE_S)
            counted = _count(seconds, {**counters, "checks": checks})
        for container in self._containers:
            container.kill()
        return counted

    def _all_well(self) -> bool:
        for container in self._containers:
            container.reload()
        states = [c.attrs["State"]["Health"]["Status"] for c in self._containers]
        return all(state == "healthy" for state in states)


BASIC = b64encode(f"bchrpc:{RPC_PASSWORD}".encode()).decode()
LOAD_WALLET = f"""
from urllib.request import Request, urlopen
call = b'{{"id": 1, "method": "load_wallet", "params": []}}'
urlopen(Request("{RPC_URL}", call, {{"Authorization": "Basic {BASIC}"}}), timeout=5)
"""


def _load_wallet(container: Container) -> bool:
    """From inside: it has no network."""
    code, _ = container.exec_run(["python", "-c", LOAD_WALLET])
    return bool(code == 0)


# --- Sidecar's probes -------------------------------------------------------------


class Probing:
    """One Sidecar and its only target."""

    def __init__(self, opened: Lab, name: str, config: Mapping[str, Any]) -> None:
        self._port = free_port()
        container = opened.sidecar(name, config, port=self._port)
        container.start()
        wait_for(f"a healthy target of {name}", self._is_up, 60.0)
        self._pids = processes.tree(pid(container))

    def cpu_s(self) -> float:
        """What its container's processes have used."""
        return sum(processes.cpu(one).own for one in self._pids)

    def probes(self) -> float:
        """How many it has made."""
        return sum(self._values("sidecar_probes_total"))

    def _is_up(self) -> bool:
        return self._values("sidecar_target_up") == [1.0]

    def _values(self, metric: str) -> list[float]:
        lines = ask_text("127.0.0.1", self._port, "/metrics").splitlines()
        return [float(x.split()[-1]) for x in lines if x.startswith(f"{metric}{{")]


def _probing(opened: Lab) -> dict[str, Probing]:
    """Two that probe often, and one that hardly does."""
    place = Place("localhost", free_port(), free_port())
    opened.wallet("probed", "probed", image=CURL_IMAGE, place=place).start()
    wanted = {
        "wallet": (OFTEN, wallet_probe(place)),
        "http": (OFTEN, http_probe(place)),
        "hardly": (HARDLY, wallet_probe(place)),
    }
    return {
        name: Probing(opened, name, _config(interval, probe))
        for name, (interval, probe) in wanted.items()
    }


def _config(interval: str, probe: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "stack": "probed",
        "defaults": {"interval": interval, "fast_interval": OFTEN},
        "targets": {"electron-cash": {"probe": probe}},
    }


def _present(engine: QuietEngine, probing: Mapping[str, Probing]) -> Counted:
    """CPU seconds and probes of each, and the engine's seconds for all of them."""
    counters: dict[str, Callable[[], float]] = {"engine": engine.cpu_s}
    for name, one in probing.items():
        counters |= {name: one.cpu_s, f"{name} probes": one.probes}
    return _count(PRESENT_S, counters)


# --- the table -----------------------------------------------------------------


class Round(NamedTuple):
    """Engine seconds per second when idle; what each check cost; Sidecars at work."""

    idle: float
    checks: Mapping[str, Counted]
    present: Counted

    def check_cost(self, name: str, seconds: float) -> "Cost":
        """Of one check."""
        counted = self.checks[name]
        engine = counted["engine"] - self.idle * seconds
        return Cost(engine / counted["checks"], counted["others"] / counted["checks"])

    def probe_cost(self, kind: str) -> float:
        """CPU seconds of one probe: often less hardly, by the probes between."""
        now = self.present
        probes = now[f"{kind} probes"] - now["hardly probes"]
        return (now[kind] - now["hardly"]) / probes

    def presence(self) -> float:
        """CPU seconds per second of one Sidecar that hardly probes, engine included."""
        engine = max(0.0, self.present["engine"] / PRESENT_S - self.idle) / 3
        return self.present["hardly"] / PRESENT_S + engine


class Cost(NamedTuple):
    """CPU seconds of one check."""

    engine_s: float
    others_s: float

    @property
    def total_s(self) -> float:
        """Of all processes."""
        return self.engine_s + self.others_s


def _rows(rounds: list[Round], seconds: float) -> Iterator[Row]:
    theirs = {name: _median_cost(rounds, name, seconds) for name in CHECKS}
    wallet = median(one.probe_cost("wallet") for one in rounds)
    http = median(one.probe_cost("http") for one in rounds)
    for name in (WALLET_CURL, WALLET_PYTHON):
        what = "wallet probe, three calls"
        yield _ratio_row(what, wallet, name, theirs[name], OWED_WALLET)
    for name in (HTTP_CURL, HTTP_PYTHON):
        yield _ratio_row("http probe", http, name, theirs[name], OWED_HTTP)
    ours = median(one.presence() for one in rounds) + (wallet + http) / OUR_INTERVAL_S
    checks = theirs[WALLET_PYTHON].total_s + theirs[HTTP_PYTHON].total_s
    yield _presence_row(ours, checks / THEIR_INTERVAL_S)


def _median_cost(rounds: list[Round], name: str, seconds: float) -> Cost:
    costs = [one.check_cost(name, seconds) for one in rounds]
    return Cost(median(c.engine_s for c in costs), median(c.others_s for c in costs))


def _ratio_row(what: str, ours: float, name: str, theirs: Cost, owed: int) -> Row:
    return Row(
        f"CPU of one {what}; beside it a HEALTHCHECK: {name}",
        f"{ours * 1e3:.2f} ms",
        f"{theirs.total_s * 1e3:.0f} ms (engine {theirs.engine_s * 1e3:.0f})",
        fraction(ours, theirs.total_s),
        f"≤ 1/{owed}",
        ours * owed <= theirs.total_s,
    )


def _presence_row(ours: float, theirs: float) -> Row:
    return Row(
        "all CPU with two targets at default settings, "
        f"every {OUR_INTERVAL_S:.0f} s; HEALTHCHECK in Python, "
        f"every {THEIR_INTERVAL_S:.0f} s",
        f"{ours * 100:.2f} % of a core",
        f"{theirs * 100:.2f} %",
        fraction(ours, theirs),
    )


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="shorter, and once")
    print(markdown(measure(quick=parser.parse_args().quick)))


if __name__ == "__main__":
    main()
