"""Narrates `scripts/demo story`, act by act, and checks each act.

calm         all targets are healthy
restarts     three restarts do not help, and the slow lane begins
escalation   nobody acknowledges, and a second channel gets a message
acknowledge  a person presses the button behind the link in the message
recovery     all targets work again, and both channels are informed
incident     prints the incident's id

Exit status 0: as expected; 1: not. Runs in the webhook's container, which reaches the
sidecar over the network as people do.
"""

import json
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SIDECAR = "http://sidecar:9787"
WEBHOOK = "http://127.0.0.1:8090"
WALLET = "electron-cash"
BUDGET = 3
DECIDED = {"hold": "waits", "page": "a person is needed"}
POLL_S = 0.3
REQUEST_DEADLINE_S = 5.0
# The next act continues printing at this position.
POSITION = Path("/tmp/position")  # noqa: S108 - the container's own

Json = dict[str, Any]


class UnexpectedCourse(Exception):
    """The demo did not take the expected course."""


@dataclass(frozen=True)
class Snapshot:
    """The sidecar's history and status, and all messages, at one moment."""

    history: list[Json]
    status: Json
    messages: list[Json]

    @property
    def restarts(self) -> int:
        """Number of decisions to restart the wallet daemon."""
        return sum(1 for entry in self.history if is_restart(entry))

    @property
    def wallet(self) -> Json:
        """The wallet daemon's status."""
        return next(t for t in self.status["targets"] if t["name"] == WALLET)

    @property
    def healthy(self) -> bool:
        """Whether all targets are healthy."""
        return all(t["state"] == "healthy" for t in self.status["targets"])

    def message_counts(self, channel: str) -> Counter[str]:
        """Number of messages of each kind that a channel got about the last incident.

        A slow start may have an incident of its own; ids are in order of time.
        """
        last = max((m["id"].partition("-")[0] for m in self.messages), default="")
        message_ids = [m["id"] for m in self.messages if m["channel"] == channel]
        return Counter(
            message_id.split("-")[2]
            for message_id in message_ids
            if message_id.startswith(last)
        )


# --- acts


def calm() -> None:
    """All targets are healthy."""
    watch("everything healthy", lambda s: s.healthy, 60.0)


def restarts() -> None:
    """Three restarts at growing intervals, and no more."""
    failed = Counter(opened=1, action_failed=BUDGET)
    snapshot = watch(
        "three restarts that do not help, each told, then the slow lane",
        lambda s: s.wallet["lane"] == "slow" and s.message_counts("ops") == failed,
        90.0,
    )
    expect(f"{BUDGET} restarts", BUDGET, snapshot.restarts)
    expect("messages to phone", Counter(), snapshot.message_counts("phone"))


def escalation() -> None:
    """The second channel gets one message, and there is no further restart."""
    snapshot = watch("an escalation", lambda s: bool(s.message_counts("phone")), 90.0)
    expect("messages to phone", Counter(escalated=1), snapshot.message_counts("phone"))
    expect(f"{BUDGET} restarts", BUDGET, snapshot.restarts)


def acknowledge() -> None:
    """Only the page's button acknowledges, not the page itself."""
    link = link_of_message(take_snapshot().messages[-1]["message"])
    say("you", f"open {link}")
    page = fetch_text(link)
    expect("buttons on the page", 1, page.count("<button>"))
    expect("acknowledged by looking", None, open_incident(take_snapshot())["acked_at"])
    say("you", "press the button")
    fetch_text(link, b"")
    snapshot = take_snapshot()
    print_news(snapshot)
    if open_incident(snapshot)["acked_at"] is None:
        raise UnexpectedCourse("the button did not acknowledge the incident")


def recovery() -> None:
    """Each channel with a message gets one message about the end."""
    snapshot = watch("everything healthy, and both channels told so", is_over, 60.0)
    ops = Counter(opened=1, action_failed=BUDGET, resolved=1)
    expect("messages to ops", ops, snapshot.message_counts("ops"))
    phone = Counter(escalated=1, resolved=1)
    expect("messages to phone", phone, snapshot.message_counts("phone"))


def is_over(snapshot: Snapshot) -> bool:
    """Whether all targets are healthy and both channels are informed."""
    is_reported = all(
        snapshot.message_counts(channel)["resolved"] for channel in ("ops", "phone")
    )
    return snapshot.healthy and is_reported


def incident() -> None:
    """Print the incident's id, for its post-mortem."""
    last, *_ = json.loads(fetch_text(f"{SIDECAR}/api/v1/incidents"))["incidents"]
    print(last["id"])


# --- watching


def watch(
    what: str, until: Callable[[Snapshot], object], deadline_s: float
) -> Snapshot:
    """Print news until the condition holds; raises UnexpectedCourse at the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        snapshot = take_snapshot()
        print_news(snapshot)
        if until(snapshot):
            return snapshot
        if time.monotonic() > end:
            raise UnexpectedCourse(f"not within {deadline_s:.0f} s: {what}")
        time.sleep(POLL_S)


def take_snapshot() -> Snapshot:
    """Read history and status first, then the messages, which refer to them."""
    history = json.loads(fetch_text(f"{SIDECAR}/api/v1/history?since=1h"))["entries"]
    status = json.loads(fetch_text(f"{SIDECAR}/api/v1/status"))
    return Snapshot(history, status, json.loads(fetch_text(f"{WEBHOOK}/messages")))


def fetch_text(url: str, body: bytes | None = None) -> str:
    """Text at an address; public links are requested from the sidecar directly."""
    parts = urlsplit(url)
    if parts.path.startswith("/ack/"):
        url = f"{SIDECAR}{parts.path}?{parts.query}"
    with urllib.request.urlopen(  # noqa: S310 - our own addresses
        url, body, REQUEST_DEADLINE_S
    ) as response:
        return str(response.read().decode())


def link_of_message(message: str) -> str:
    """The message's link to acknowledge."""
    words = [word for word in message.split() if "/ack/" in word]
    if not words:
        raise UnexpectedCourse("the message has no link to acknowledge")
    return words[-1]


def open_incident(snapshot: Snapshot) -> Json:
    """The only open incident."""
    (only,) = [
        incident
        for incident in snapshot.status["incidents"]
        if incident["resolved_at"] is None
    ]
    return dict(only)


def is_restart(entry: Json) -> bool:
    """Whether the entry is a decision to restart the wallet daemon."""
    decided = (entry["type"], entry.get("action")) == ("decision", "restart")
    return decided and entry["target"] == WALLET


def expect(what: str, wanted: object, found: object) -> None:
    """Compare values; raises UnexpectedCourse if they differ."""
    if found != wanted:
        raise UnexpectedCourse(f"{what}: expected {wanted}, found {found}")


# --- printing


def print_news(snapshot: Snapshot) -> None:
    """Print entries and messages that were not printed yet."""
    entries, messages = read_position()
    for number, entry in enumerate(snapshot.history[entries:], entries):
        nth = sum(map(is_restart, snapshot.history[: number + 1]))
        if is_printed(entry):
            say(
                "sidecar",
                f"{entry['target']}: {describe_entry(entry, nth)}",
                entry["at"],
            )
    for message in snapshot.messages[messages:]:
        say(message["channel"], message["title"])
        for line in message["message"].splitlines():
            print(f"{'':21}| {line}", flush=True)
    POSITION.write_text(json.dumps([len(snapshot.history), len(snapshot.messages)]))


def is_printed(entry: Json) -> bool:
    """Whether an entry is printed: no begin of a remedy; decisions of the root only."""
    if entry["type"] == "transition":
        return bool(entry["to"] != "recovering")
    return bool(entry["type"] != "decision" or entry["target"] == WALLET)


def read_position() -> tuple[int, int]:
    """Numbers of history entries and of messages that were printed."""
    if not POSITION.exists():
        return 0, 0
    entries, messages = json.loads(POSITION.read_text())
    return int(entries), int(messages)


def describe_entry(entry: Json, nth: int) -> str:
    """Text of one history entry."""
    reason = f": {entry['reason']}" if entry["reason"] else ""
    match entry["type"]:
        case "transition":
            return f"{entry['to']}{reason}"
        case "outcome":
            outcome = str(entry["outcome"]).replace("_", " ")
            return f"{entry['action']} ended: {outcome}{reason}"
        case "decision" if is_restart(entry):
            return f"restart {nth} of {BUDGET}{reason}"
        case "decision":
            return f"{DECIDED.get(entry['action'], entry['action'])}{reason}"
        case "balance":
            return str(entry["reason"])
        case _:
            return f"incident {entry['step']}{reason}"


def say(speaker: str, what: str, at: str = "") -> None:
    """Print one line; ``at`` is the time of the sidecar's record."""
    clock = at[11:19] or time.strftime("%H:%M:%S", time.gmtime())
    print(f"{clock}  {speaker:9}  {what}", flush=True)


ACTS = {
    act.__name__: act
    for act in (calm, restarts, escalation, acknowledge, recovery, incident)
}


def main(arguments: list[str]) -> int:
    """The exit status."""
    (name,) = arguments
    try:
        ACTS[name]()
    except (UnexpectedCourse, urllib.error.URLError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
