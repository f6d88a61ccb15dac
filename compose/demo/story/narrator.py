"""Tells the story of `scripts/demo story`, act by act, and checks each act.

calm         everything is healthy
restarts     three restarts do not help, and the slow lane begins
escalation   nobody answers, and a second channel hears of it
acknowledge  somebody presses the button behind the link in the message
recovery     everything works again, and both channels hear so
incident     nothing happens; prints the incident's id

Exit status 0: it went so; 1: it did not. Runs beside the webhook, which sees the
sidecar as people on the network do.
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
# Where an act leaves off telling, the next goes on.
POSITION = Path("/tmp/position")  # noqa: S108 - the container's own

Json = dict[str, Any]


class NotSo(Exception):
    """The story took another course."""


@dataclass(frozen=True)
class Scene:
    """What there is to see now: the sidecar's history and status, what people got."""

    history: list[Json]
    status: Json
    messages: list[Json]

    @property
    def restarts(self) -> int:
        """How often the sidecar has decided to restart the wallet daemon."""
        return sum(1 for entry in self.history if is_restart(entry))

    @property
    def wallet(self) -> Json:
        """The wallet daemon's status."""
        return next(t for t in self.status["targets"] if t["name"] == WALLET)

    @property
    def healthy(self) -> bool:
        """All targets?"""
        return all(t["state"] == "healthy" for t in self.status["targets"])

    def told(self, channel: str) -> Counter[str]:
        """How many messages of each kind a channel got about the last incident.

        A slow start may have brought one of its own; ids are in order of time.
        """
        last = max((m["id"].partition("-")[0] for m in self.messages), default="")
        heard = [m["id"] for m in self.messages if m["channel"] == channel]
        return Counter(one.split("-")[2] for one in heard if one.startswith(last))


# --- acts


def calm() -> None:
    """As it should be."""
    watch("everything healthy", lambda s: s.healthy, 60.0)


def restarts() -> None:
    """Three, ever further apart, and no more."""
    failed = Counter(opened=1, action_failed=BUDGET)
    scene = watch(
        "three restarts that do not help, each told, then the slow lane",
        lambda s: s.wallet["lane"] == "slow" and s.told("ops") == failed,
        90.0,
    )
    expect(f"{BUDGET} restarts", BUDGET, scene.restarts)
    expect("messages to phone", Counter(), scene.told("phone"))


def escalation() -> None:
    """The second channel hears of it once, and there was no further restart."""
    scene = watch("an escalation", lambda s: bool(s.told("phone")), 90.0)
    expect("messages to phone", Counter(escalated=1), scene.told("phone"))
    expect(f"{BUDGET} restarts", BUDGET, scene.restarts)


def acknowledge() -> None:
    """Looking at the page does nothing, its button does."""
    link = link_in(look().messages[-1]["message"])
    say("you", f"open {link}")
    page = ask(link)
    expect("buttons on the page", 1, page.count("<button>"))
    expect("acknowledged by looking", None, open_incident(look())["acked_at"])
    say("you", "press the button")
    ask(link, b"")
    scene = look()
    tell(scene)
    if open_incident(scene)["acked_at"] is None:
        raise NotSo("the button did not acknowledge the incident")


def recovery() -> None:
    """Everybody who heard of it hears that it is over, once."""
    scene = watch("everything healthy, and both channels told so", is_over, 60.0)
    ops = Counter(opened=1, action_failed=BUDGET, resolved=1)
    expect("messages to ops", ops, scene.told("ops"))
    phone = Counter(escalated=1, resolved=1)
    expect("messages to phone", phone, scene.told("phone"))


def is_over(scene: Scene) -> bool:
    """Healthy, and said so."""
    told = all(scene.told(channel)["resolved"] for channel in ("ops", "phone"))
    return scene.healthy and told


def incident() -> None:
    """For whoever asks for its post-mortem."""
    last, *_ = json.loads(ask(f"{SIDECAR}/api/v1/incidents"))["incidents"]
    print(last["id"])


# --- looking


def watch(what: str, until: Callable[[Scene], object], deadline_s: float) -> Scene:
    """Tell what is new until it is so; raises NotSo when it is not in time."""
    end = time.monotonic() + deadline_s
    while True:
        scene = look()
        tell(scene)
        if until(scene):
            return scene
        if time.monotonic() > end:
            raise NotSo(f"not within {deadline_s:.0f} s: {what}")
        time.sleep(POLL_S)


def look() -> Scene:
    """The messages last: they tell of what is in the history already."""
    history = json.loads(ask(f"{SIDECAR}/api/v1/history?since=1h"))["entries"]
    status = json.loads(ask(f"{SIDECAR}/api/v1/status"))
    return Scene(history, status, json.loads(ask(f"{WEBHOOK}/messages")))


def ask(url: str, body: bytes | None = None) -> str:
    """The text at an address; a link for people is asked of the sidecar itself."""
    parts = urlsplit(url)
    if parts.path.startswith("/ack/"):
        url = f"{SIDECAR}{parts.path}?{parts.query}"
    with urllib.request.urlopen(  # noqa: S310 - our own addresses
        url, body, REQUEST_DEADLINE_S
    ) as response:
        return str(response.read().decode())


def link_in(message: str) -> str:
    """The link that acknowledges."""
    words = [word for word in message.split() if "/ack/" in word]
    if not words:
        raise NotSo("the message has no link to acknowledge")
    return words[-1]


def open_incident(scene: Scene) -> Json:
    """The only one."""
    (only,) = [one for one in scene.status["incidents"] if one["resolved_at"] is None]
    return dict(only)


def is_restart(entry: Json) -> bool:
    """A restart of the wallet daemon that was decided, not refused."""
    decided = (entry["type"], entry.get("action")) == ("decision", "restart")
    return decided and entry["target"] == WALLET


def expect(what: str, wanted: object, found: object) -> None:
    """Raises NotSo where it is otherwise."""
    if found != wanted:
        raise NotSo(f"{what}: expected {wanted}, found {found}")


# --- telling


def tell(scene: Scene) -> None:
    """What was not told yet."""
    entries, messages = position()
    for number, entry in enumerate(scene.history[entries:], entries):
        nth = sum(map(is_restart, scene.history[: number + 1]))
        if is_worth_telling(entry):
            say("sidecar", f"{entry['target']}: {in_words(entry, nth)}", entry["at"])
    for message in scene.messages[messages:]:
        say(message["channel"], message["title"])
        for line in message["message"].splitlines():
            print(f"{'':21}| {line}", flush=True)
    POSITION.write_text(json.dumps([len(scene.history), len(scene.messages)]))


def is_worth_telling(entry: Json) -> bool:
    """A remedy's beginning is told by its decision; refusals, of the root alone."""
    if entry["type"] == "transition":
        return bool(entry["to"] != "recovering")
    return bool(entry["type"] != "decision" or entry["target"] == WALLET)


def position() -> tuple[int, int]:
    """How much of the history and of the messages was told."""
    if not POSITION.exists():
        return 0, 0
    entries, messages = json.loads(POSITION.read_text())
    return int(entries), int(messages)


def in_words(entry: Json, nth: int) -> str:
    """One line of the history."""
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


def say(who: str, what: str, at: str = "") -> None:
    """One line; ``at`` is the time of the sidecar's records."""
    clock = at[11:19] or time.strftime("%H:%M:%S", time.gmtime())
    print(f"{clock}  {who:9}  {what}", flush=True)


ACTS = {
    act.__name__: act
    for act in (calm, restarts, escalation, acknowledge, recovery, incident)
}


def main(arguments: list[str]) -> int:
    """The exit status."""
    (name,) = arguments
    try:
        ACTS[name]()
    except (NotSo, urllib.error.URLError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
