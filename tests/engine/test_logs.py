"""The ``log`` probe on the engine: matches, restarts, a terminal, a flood."""

import re

import pytest

from tests.engine.harness import QUICK_RESTART, Box, Json, SidecarBox, Stack, config

pytestmark = [pytest.mark.engine, pytest.mark.timeout(150)]

TALKER, TERMINAL, FLOOD, PLANNED = "talker", "terminal", "flood", "planned"
SPEAK = ["sh", "-c", "echo error: boot; trap 'exit 0' TERM; while :; do sleep 1; done"]
IDLE = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"]
WORDS = "w" * 999
FLOOD_S, FLOOD_BYTES = 4, 80_000_000
WRITE_FLOOD = (
    "import os, time\n"
    "out = os.open('/proc/1/fd/1', os.O_WRONLY)\n"
    f"block, end = ('{WORDS}\\n' * 64).encode(), time.time() + {FLOOD_S}\n"
    "sent = 0\n"
    f"while time.time() < end or sent < {FLOOD_BYTES}:\n"
    "    sent += os.write(out, block)\n"
    "print(sent)\n"
)


def log_target(**probe: object) -> Json:
    log = {"type": "log", "patterns": ["error"], "cooldown": "1h", **probe}
    probes = [{"type": "running"}, log]
    return {"probe": probes, "restart": dict(QUICK_RESTART)}


def say(box: Box, words: str) -> None:
    """Write a line into the container's log."""
    box.run("sh", "-c", f"echo '{words}' > /proc/1/fd/1")


def metric(watcher: SidecarBox, name: str, target: str) -> float:
    match = re.search(
        rf'^{name}{{target="{target}"}} (\S+)$', watcher.metrics(), re.MULTILINE
    )
    return float(match[1]) if match else -1.0


def count_matched(watcher: SidecarBox, target: str = TALKER) -> float:
    return metric(watcher, "sidecar_log_matched_lines_total", target)


def count_skipped(watcher: SidecarBox) -> float:
    return metric(watcher, "sidecar_log_skipped_bytes_total", FLOOD)


TARGETS = {
    TALKER: log_target(count=3, window="1h"),
    TERMINAL: log_target(patterns=["^fatal:"], on_match="fail"),
    FLOOD: log_target(),
    PLANNED: log_target(set=["disk_full"], on_match="planned_restart")
    | {"preventive": {"skip_if_restarted_within": "0s"}},
}


def test_log_is_followed_over_all_restarts_and_floods(stack: Stack) -> None:
    boxes = {
        name: Box(
            stack.container(
                "sidecar-base:local",
                name,
                command=SPEAK if name == TALKER else IDLE,
                tty=name == TERMINAL,
            )
        )
        for name in TARGETS
    }
    watcher = stack.sidecar(config(TARGETS))
    stack.wait_healthy(*TARGETS)
    check_flood(stack, watcher, boxes[FLOOD])
    check_restarts_of_both(stack, watcher, boxes[TALKER])
    check_restart_by_log(stack, boxes[TERMINAL], "fatal: cannot go on")
    stack.wait_healthy(TERMINAL)
    # The log of the sidecar comes to us after its answers.
    stack.wait_outcome(TERMINAL, "restart")
    check_restart_by_log(stack, boxes[PLANNED], "[Errno 28] No space left on device")


def check_flood(stack: Stack, watcher: SidecarBox, flood: Box) -> None:
    """A flood is left out beyond its limit, and the lines after it are read."""
    sent_bytes = int(flood.run("python3", "-c", WRITE_FLOOD))
    stack.wait_for(
        "what was left out is said",
        lambda: "were not judged" in str(watcher.target(FLOOD)["reason"]),
    )
    stack.wait_for("it is counted", lambda: count_skipped(watcher) > 0)
    skipped_bytes = count_skipped(watcher)
    assert skipped_bytes < 3 * sent_bytes, "an estimate, from half a second of it"
    say(flood, "error: after the flood")
    stack.wait_for("it is read on", lambda: count_matched(watcher, FLOOD) == 1)


def check_restarts_of_both(stack: Stack, watcher: SidecarBox, talker: Box) -> None:
    """Each of three lines counts once: three are a match, two are none."""
    stack.wait_for(
        "the line before Sidecar's start", lambda: count_matched(watcher) == 1
    )
    talker.docker.restart(timeout=5)
    stack.wait_for("the line of the new run", lambda: count_matched(watcher) == 2)
    stack.wait_probes(TALKER, 2)
    assert watcher.state(TALKER) == "healthy"

    watcher.docker.kill()
    say(talker, "error: while Sidecar is away, token=sesame-open-please")
    watcher.docker.start()
    target = stack.wait_state(TALKER, "degraded")
    assert "error: while Sidecar is away" in target["reason"]
    assert "sesame" not in str(target)
    stack.wait_for("a count", lambda: count_matched(watcher) > 0)
    assert count_matched(watcher) == 1, "only the new line is read"


def check_restart_by_log(stack: Stack, box: Box, words: str) -> None:
    """One line of the log restarts the container, once."""
    before = box.started_at
    say(box, words)
    stack.wait_for(f"{words} restarts it", lambda: box.started_at != before)
