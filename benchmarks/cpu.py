"""CPU of one probe, compared with a Docker HEALTHCHECK of the same target.

Counted are the user and system seconds of every process but the target's own server,
which does the same work for whoever asks. For a HEALTHCHECK: dockerd, containerd, the
container's shim and all that it started and waited for (runc, curl, python), as used
for containers that check themselves once a second, less what the engine uses with
nothing to do. For Sidecar: its container's processes and the engine, which answers for
the targets' names, when it probes ten times a second, less when it hardly probes: with
ten targets, and with one, where a processor that slept meanwhile begins each probe with
cold caches. The CPU of an otherwise idle Sidecar is in the last row.

All this runs on an engine of its own, without other clients.
"""

import io
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import docker
from docker.models.containers import Container

from benchmarks import processes, program
from benchmarks.lab import (
    CONTROL_PORT,
    NANO,
    RPC_PASSWORD,
    RPC_PORT,
    SIDECAR_IMAGE,
    SIDECAR_PORT,
    WALLET_IMAGE,
    Lab,
    address,
    http_probe,
    lab,
    pid,
    wait_for,
    wallet_probe,
)
from benchmarks.quiet_engine import QuietEngine, quiet_engine
from benchmarks.table import Row, fraction
from tests.support.container_commands import run_in

MANY = 10
CHECKED = 3
"""Containers with a HEALTHCHECK once a second, at the same time."""
OFTEN, HARDLY = "100ms", "1h"
SETTLE_S = 2.0
OUR_INTERVAL_S, THEIR_INTERVAL_S = 5.0, 30.0
OWED_PRESENCE = 0.008

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

BASIC = b64encode(f"bchrpc:{RPC_PASSWORD}".encode()).decode()
LOAD_WALLET = f"""
from urllib.request import Request, urlopen
call = b'{{"id": 1, "method": "load_wallet", "params": []}}'
urlopen(Request("{RPC_URL}", call, {{"Authorization": "Basic {BASIC}"}}), timeout=5)
"""


class Probe(NamedTuple):
    """One of Sidecar's probes, the checks to compare with, and the required ratio."""

    kind: str
    label: str
    checks: tuple[str, str]
    owed: int


PROBES = (
    Probe("wallet", "wallet probe (three calls)", (WALLET_CURL, WALLET_PYTHON), 20),
    Probe("http", "http probe", (HTTP_CURL, HTTP_PYTHON), 50),
)

Counters = Mapping[str, Callable[[], float]]
Counted = dict[str, float]


def measure(*, quick: bool) -> list[Row]:
    """Measure all kinds of checks, one after the other."""
    seconds, alone_s = (8.0, 15.0) if quick else (20.0, 30.0)
    with (
        _curl_image(),
        quiet_engine((CURL_IMAGE, SIDECAR_IMAGE)) as engine,
        lab(engine.socket, "none") as apart,
        lab(engine.socket) as together,
    ):
        idle = _count(seconds, {"engine": engine.cpu_s})["engine"] / seconds
        checks = {
            name: _check_cost(_measure_checks(engine, apart, number, seconds), idle)
            for number, name in enumerate(CHECKS)
        }
        many = _measure_sidecars(engine, together, MANY, seconds)
        single = _measure_sidecars(engine, together, 1, alone_s)
    return list(_rows(checks, many, single, idle))


def _count(seconds: float, counters: Counters) -> Counted:
    """Growth of each counter in the next ``seconds``, and the real ``seconds``."""
    clocked = {**counters, "seconds": time.monotonic}
    before = {name: read() for name, read in clocked.items()}
    time.sleep(seconds)
    return {name: read() - before[name] for name, read in clocked.items()}


@contextmanager
def _curl_image() -> Iterator[None]:
    """The wallet's image with curl added; removed afterwards."""
    client = docker.from_env(timeout=300)
    try:
        context = io.BytesIO(CURL_DOCKERFILE.encode())
        client.images.build(fileobj=context, tag=CURL_IMAGE)
        yield
        client.images.remove(CURL_IMAGE)
    finally:
        client.close()


# --- Docker's own checks ----------------------------------------------------------


def _measure_checks(
    engine: QuietEngine, opened: Lab, number: int, seconds: float
) -> Counted:
    """CPU seconds of ``engine`` and ``others``, and number of ``checks``."""
    command = tuple(CHECKS.values())[number]
    health = {"test": ["CMD-SHELL", command], "interval": NANO, "retries": 3}
    names = [f"checked-{number}-{n}" for n in range(CHECKED)]
    containers = [
        opened.wallet(name, "checked", image=CURL_IMAGE, health=health)
        for name in names
    ]
    for container in containers:
        container.start()
        wait_for("a loaded wallet", partial(_load_wallet, container), 30.0)
    wait_for("good checks", lambda: all(map(_is_well, containers)), 60.0)
    shims = [processes.parent(pid(container)) for container in containers]
    with opened.count_events("exec_die") as checks:
        time.sleep(SETTLE_S)
        counted = _count(
            seconds,
            {
                "engine": engine.cpu_s,
                "others": lambda: sum(processes.cpu(shim).total for shim in shims),
                "checks": checks,
            },
        )
    for container in containers:
        container.kill()
    return counted


def _is_well(container: Container) -> bool:
    container.reload()
    return bool(container.attrs["State"]["Health"]["Status"] == "healthy")


def _load_wallet(container: Container) -> bool:
    """Load the wallet from inside, because the container has no network."""
    return run_in(container, ["python", "-c", LOAD_WALLET]).exit_code == 0


# --- Sidecar's probes -------------------------------------------------------------


def _measure_sidecars(
    engine: QuietEngine, opened: Lab, targets: int, seconds: float
) -> dict[str, Counted]:
    """Use of three Sidecars, each running alone: two probe often, one hardly."""
    stack = f"probed-{targets}"
    names = [f"{stack}-{n}" for n in range(1, targets + 1)]
    wallets = [opened.wallet(name, stack, image=CURL_IMAGE) for name in names]
    for wallet in wallets:
        wallet.start()
    hosts = [opened.full_name(name) for name in names]
    variants = {
        "wallet": (OFTEN, wallet_probe),
        "http": (OFTEN, http_probe),
        "hardly": (HARDLY, wallet_probe),
    }
    counted = {}
    for name, (interval, probe) in variants.items():
        config = {
            "stack": stack,
            "defaults": {"interval": interval, "fast_interval": OFTEN},
            "targets": {h: {"container": h, "probe": probe(h)} for h in hosts},
        }
        sidecar = opened.sidecar(f"{stack}-{name}", config)
        sidecar.start()
        counted[name] = _measure_probes(engine, sidecar, targets, seconds)
        sidecar.stop(timeout=5)
    for wallet in wallets:
        wallet.kill()
    return counted


def _measure_probes(
    engine: QuietEngine, sidecar: Container, targets: int, seconds: float
) -> Counted:
    """CPU seconds of ``engine`` and ``others``, and number of ``probes``."""
    url = f"http://{address(sidecar)}:{SIDECAR_PORT}/metrics"

    def values(metric: str) -> list[float]:
        lines = engine.get(url).splitlines()
        return [float(x.split()[-1]) for x in lines if x.startswith(f"{metric}{{")]

    up = [1.0] * targets
    wait_for("healthy targets", lambda: values("sidecar_target_up") == up, 90.0)
    time.sleep(SETTLE_S)
    pids = processes.tree(pid(sidecar))
    before = sum(values("sidecar_probes_total"))
    counted = _count(
        seconds,
        {
            "engine": engine.cpu_s,
            "others": lambda: sum(processes.cpu(pid_).own for pid_ in pids),
        },
    )
    return counted | {"probes": sum(values("sidecar_probes_total")) - before}


# --- the table -----------------------------------------------------------------


class Cost(NamedTuple):
    """CPU seconds of one check or probe."""

    engine_s: float
    others_s: float

    @property
    def total_s(self) -> float:
        """CPU seconds of all processes."""
        return self.engine_s + self.others_s


def _check_cost(counted: Counted, idle: float) -> Cost:
    """Cost of one Docker check; ``idle``: engine seconds per second without checks."""
    engine_s = counted["engine"] - idle * counted["seconds"]
    return Cost(engine_s / counted["checks"], counted["others"] / counted["checks"])


def _probe_cost(often: Counted, hardly: Counted) -> Cost:
    """Cost of one probe: the difference between often and hardly, per probe."""
    probes = often["probes"] - hardly["probes"]
    return Cost(
        (often["engine"] - hardly["engine"]) / probes,
        (often["others"] - hardly["others"]) / probes,
    )


def _rows(
    checks: Mapping[str, Cost],
    many: Mapping[str, Counted],
    alone_counted: Mapping[str, Counted],
    idle: float,
) -> Iterator[Row]:
    for probe in PROBES:
        ours = _probe_cost(many[probe.kind], many["hardly"])
        for check in probe.checks:
            what = f"{probe.label}, {MANY} targets"
            yield _ratio_row(what, ours, check, checks[check], probe.owed)
    alone = {
        p.kind: _probe_cost(alone_counted[p.kind], alone_counted["hardly"])
        for p in PROBES
    }
    for probe in PROBES:
        check = probe.checks[0]
        what = f"{probe.label}, one target"
        yield _ratio_row(what, alone[probe.kind], check, checks[check])
    hardly = alone_counted["hardly"]
    there = (hardly["others"] + hardly["engine"]) / hardly["seconds"] - idle
    probing = sum(cost.total_s for cost in alone.values()) / OUR_INTERVAL_S
    checking = sum(checks[p.checks[-1]].total_s for p in PROBES) / THEIR_INTERVAL_S
    yield _presence_row(there + probing, checking)


def _ratio_row(
    what: str, ours: Cost, check: str, theirs: Cost, owed: int | None = None
) -> Row:
    return Row(
        f"CPU of one {what}; beside it a HEALTHCHECK: {check}",
        f"{ours.total_s * 1e3:.2f} ms (engine {ours.engine_s * 1e3:.2f})",
        f"{theirs.total_s * 1e3:.0f} ms (engine {theirs.engine_s * 1e3:.0f})",
        fraction(ours.total_s, theirs.total_s),
        "" if owed is None else f"≤ 1/{owed}",
        None if owed is None else ours.total_s * owed <= theirs.total_s,
    )


def _presence_row(ours: float, theirs: float) -> Row:
    return Row(
        "all CPU for a wallet and an http target at default settings "
        f"(every {OUR_INTERVAL_S:.0f} s; HEALTHCHECK in Python, "
        f"every {THEIR_INTERVAL_S:.0f} s)",
        f"{ours * 100:.2f} % of a core",
        f"{theirs * 100:.2f} %",
        fraction(ours, theirs),
        f"≤ {OWED_PRESENCE * 100:g} % of a core",
        ours <= OWED_PRESENCE,
    )


if __name__ == "__main__":
    program.run(measure, __doc__, "shorter")
