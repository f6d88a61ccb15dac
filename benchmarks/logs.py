"""A log that grows by 50 MB/s, with a ``log`` probe: python -m benchmarks.logs.

Sidecar in its container watches a wallet daemon, and a container that writes so much,
in lines of 1,000 bytes, and then of 100. The engine rotates the log. Beside it: the
same before the flood.

probes late   the worst of Sidecar's own measurements of how late a probe began
left out      Sidecar's estimate, beside all that was written
"""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from docker.models.containers import Container
from docker.types import LogConfig

from benchmarks import processes, program
from benchmarks.lab import (
    SERVICE,
    SIDECAR_PORT,
    Lab,
    address,
    ask_text,
    find_sample,
    lab,
    pid,
    wait_for,
    wallet_probe,
)
from benchmarks.table import Row, at_most
from tests.support.container_commands import run_in

BYTES_PER_S = 50_000_000
SECONDS = 60.0
QUIET_S = 20.0
OWED_MB = 75.0
OWED_CORE = 0.15
OWED_LATE_S = 0.5
FOUND_WITHIN_S = 60.0
FLOOD, STACK = "flood", "bench-logs"
_WRITER = """
import os, signal, sys, time
size, rate = int(sys.argv[1]), int(sys.argv[2])
line = b"w" * (size - 1) + b"\\n"
block = line * (250_000 // size)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
signal.sigwait([signal.SIGUSR1])
began, seconds, sent = time.time(), float(sys.argv[3]), 0
while (now := time.time()) < began + seconds:
    if sent > (now - began) * rate:
        time.sleep(0.002)
        continue
    sent += os.write(1, block)
os.write(1, b"error: the flood is over\\n")
open("/tmp/sent", "w").write(str(sent))
signal.pause()
"""


class _Flood(NamedTuple):
    """One flood. ``late_s``: the worst lateness of a probe.

    ``found_s``: from the end of the flood until its last line was found.
    """

    sent_bytes: int
    memory: processes.Memory
    quiet_memory: processes.Memory
    cores: float
    quiet_cores: float
    late_s: float
    found_s: float
    left_out_bytes: float


def measure(*, quick: bool) -> Iterator[Row]:
    """Flood a log with long lines, and with short ones."""
    for line_bytes in (1000,) if quick else (1000, 100):
        yield from _rows(
            line_bytes, _flood(line_bytes, SECONDS / 2 if quick else SECONDS)
        )


def _flood(line_bytes: int, seconds: float) -> _Flood:
    with lab() as opened:
        sidecar, flood = _start(opened, line_bytes, seconds)
        host = address(sidecar)
        wait_for("both are watched", lambda: "error" not in _metrics(host), 30.0)
        time.sleep(QUIET_S)
        quiet_cores, quiet_memory = _measure(sidecar, QUIET_S)
        flood.kill("SIGUSR1")
        ended = time.monotonic() + seconds
        late_s, began, used_s = 0.0, time.monotonic(), _cpu_s(sidecar)
        memory = quiet_memory
        while time.monotonic() < ended:
            time.sleep(1.0)
            late_s = max(late_s, _metric(host, "sidecar_loop_lag_seconds", ""))
            memory = max(memory, _memory(sidecar))
        cores = (_cpu_s(sidecar) - used_s) / (time.monotonic() - began)
        sent_bytes = wait_for(
            "the writer's count", lambda: _read_sent_bytes(flood), 60.0
        )
        wait_for("the last line matches", lambda: _has_match(host), FOUND_WITHIN_S, 0.1)
        found_s = time.monotonic() - ended
        left_out = _metric(host, "sidecar_log_skipped_bytes_total", FLOOD)
    return _Flood(
        sent_bytes, memory, quiet_memory, cores, quiet_cores, late_s, found_s, left_out
    )


def _start(opened: Lab, line_bytes: int, seconds: float) -> tuple[Container, Container]:
    wallet = opened.wallet("wallet", STACK)
    rotated = LogConfig(type="json-file", config={"max-size": "100m", "max-file": "2"})
    arguments = [str(line_bytes), str(BYTES_PER_S), str(seconds)]
    flood = opened.member(
        FLOOD,
        STACK,
        service=FLOOD,
        entrypoint=["python3", "-c", _WRITER, *arguments],
        healthcheck={"test": ["NONE"]},
        init=False,
        log_config=rotated,
    )
    host = opened.full_name("wallet")
    probes: list[dict[str, Any]] = [
        {"type": "running"},
        {"type": "log", "patterns": ["^error"], "set": ["disk_full", "out_of_memory"]},
    ]
    targets = {
        SERVICE: {"container": host, "probe": wallet_probe(host)},
        FLOOD: {"container": opened.full_name(FLOOD), "probe": probes},
    }
    sidecar = opened.sidecar("sidecar", {"stack": STACK, "targets": targets})
    for container in (wallet, flood, sidecar):
        container.start()
    return sidecar, flood


def _measure(sidecar: Container, seconds: float) -> tuple[float, processes.Memory]:
    used_s = _cpu_s(sidecar)
    time.sleep(seconds)
    return (_cpu_s(sidecar) - used_s) / seconds, _memory(sidecar)


def _cpu_s(sidecar: Container) -> float:
    return sum(processes.cpu(pid_).total for pid_ in processes.tree(pid(sidecar)))


def _memory(sidecar: Container) -> processes.Memory:
    return max(processes.memory(pid_) for pid_ in processes.tree(pid(sidecar)))


def _metrics(host: str) -> str:
    return ask_text(host, SIDECAR_PORT, "/metrics")


def _metric(host: str, name: str, target: str) -> float:
    return find_sample(_metrics(host), name, target) or 0.0


def _has_match(host: str) -> bool:
    return _metric(host, "sidecar_log_matched_lines_total", FLOOD) > 0


def _read_sent_bytes(flood: Container) -> int:
    status, output = run_in(flood, ["cat", "/tmp/sent"])
    return int(output) if status == 0 else 0


def _rows(line_bytes: int, flood: _Flood) -> Iterator[Row]:
    load = f"a log of {BYTES_PER_S / 1e6:.0f} MB/s, lines of {line_bytes} bytes"
    memory, quiet = flood.memory, flood.quiet_memory
    text = f"{memory.rss:.0f} MB (PSS {memory.pss:.0f})"
    row = at_most(f"memory, {load}", text, memory.rss, OWED_MB, unit=" MB")
    yield row._replace(beside=f"{quiet.rss:.0f} MB while it is quiet")
    text = f"{flood.cores * 100:.1f} % of a core"
    row = at_most(f"CPU, {load}", text, flood.cores, OWED_CORE, unit=" core")
    yield row._replace(beside=f"{flood.quiet_cores * 100:.1f} % while it is quiet")
    text = f"{flood.late_s * 1e3:.0f} ms"
    yield at_most(
        f"probes late (worst), {load}", text, flood.late_s, OWED_LATE_S, unit=" s"
    )
    text = f"{flood.found_s:.1f} s"
    yield at_most(
        f"its last line found after, {load}",
        text,
        flood.found_s,
        FOUND_WITHIN_S,
        unit=" s",
    )
    yield Row(
        f"left out and counted, {load}",
        f"{flood.left_out_bytes / 1e6:.0f} MB",
        f"{flood.sent_bytes / 1e6:.0f} MB were written",
    )


if __name__ == "__main__":
    program.run(measure, __doc__, "long lines alone, for half the time")
