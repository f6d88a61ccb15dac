"""What a message says, in the receiver's language. Whole sentences, no pieces."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from urllib.parse import quote as percent_encoded

from sidecar.core.budget import LaneName
from sidecar.core.decision import Action
from sidecar.core.outcome import CAUSES, Cause
from sidecar.core.printable import on_one_line
from sidecar.core.record import Message, MessageKind
from sidecar.core.run_log import AGAIN
from sidecar.core.target import Mode
from sidecar.notify.channel import Text
from sidecar.notify.quote import quote
from sidecar.notify.words import Catalogue

Sign = Callable[[str, str], str]

_MINUTE_S = 60
_MAX_REASON = 300
_NOBODY_NEEDED = frozenset(
    {
        MessageKind.RESOLVED,
        MessageKind.BALANCE,
        MessageKind.ENGINE_LOST,
        MessageKind.ENGINE_BACK,
        MessageKind.OWN_NETWORK_LOST,
        MessageKind.OWN_NETWORK_BACK,
        MessageKind.SETTINGS_REFUSED,
        MessageKind.SETTINGS_TAKEN,
        MessageKind.PLAN_SKIPPED,
        MessageKind.STORE_LOST,
        MessageKind.NOTICE,
        MessageKind.TEST,
    }
)
_BALANCE = (
    "line.confirmed",
    "line.unconfirmed",
    "line.unmatured",
    "advice.balance",
)
_OF_THEIR_OWN: Mapping[MessageKind, tuple[str, ...]] = {
    MessageKind.BALANCE: _BALANCE,
    MessageKind.ENGINE_LOST: ("line.measured", "advice.engine_lost"),
    MessageKind.ENGINE_BACK: (),
    MessageKind.OWN_NETWORK_LOST: ("line.measured", "advice.own_network_lost"),
    MessageKind.OWN_NETWORK_BACK: (),
    MessageKind.SETTINGS_REFUSED: ("line.faults", "advice.settings_refused"),
    MessageKind.SETTINGS_TAKEN: (),
    MessageKind.PLAN_SKIPPED: ("line.why", "advice.plan_skipped"),
    MessageKind.STORE_LOST: ("line.measured", "advice.store_lost"),
}
_LANES = {LaneName.SLOW: "done.slow", LaneName.DEAD_LETTER: "done.dead_letter"}
_ACTING = {
    Action.RESTART: "done.restart",
    Action.START: "done.start",
    Action.LOAD_WALLET: "done.load_wallet",
}


@dataclass(frozen=True, slots=True)
class Links:
    """Where people reach this sidecar; ``sign`` takes an incident and a channel."""

    public_url: str
    sign: Sign

    def ack(self, incident: str, channel: str) -> str:
        """Acknowledges the incident, once confirmed."""
        token = percent_encoded(self.sign(incident, channel), safe="")
        return f"{self.public_url}/ack/{incident}?t={token}"


class Renderer:
    """Texts of one language; times in one zone; without ``links``, no links."""

    def __init__(
        self, words: Catalogue, zone: tzinfo, links: Links | None = None
    ) -> None:
        self._words = words
        self._zone = zone
        self._links = links

    def __call__(self, message: Message) -> Text:
        """Title and body."""
        values = self._values(message)
        title = self._words(_title(message.kind, values), **values)
        body = "\n".join(self._lines(message, values))
        return Text(on_one_line(title), f"{body}\n\n[{message.id}]")

    def _values(self, message: Message) -> dict[str, str]:
        facts = message.facts
        opened = float(facts.get("opened_at_wall", message.created_wall))
        cause = facts.get("cause", Cause.PROBER_FAILED)
        next_try = facts.get("next_try_wall", "")
        again = facts.get("again_since_wall", "")
        quoted = {name: quote(said) for name, said in facts.items()}
        return {
            **quoted,
            "target": quoted.get("target", ""),
            "severity": message.severity.value,
            "problem": self._words(f"problem.{cause}"),
            "cause": cause,
            "since": self._time(opened),
            "lasted": self._duration(float(facts.get("seconds", "0"))),
            "remedies": facts.get("remedies", "0"),
            "loads": facts.get("loads", "0"),
            "faults": quoted.get("faults", ""),
            "container": quoted.get("container") or quoted.get("target", ""),
            "next_try": self._time(float(next_try)) if next_try else "",
            "again": self._time(float(again)) if again else "",
            "reason": self._reason(facts, "reason"),
            "last_reason": self._reason(facts, "last_reason"),
            "load_failure": self._reason(facts, "load_failure"),
            "log": self._log(facts.get("log", "")),
        }

    def _log(self, log: str) -> str:
        """Lines of others; what stands between two runs is ours."""
        again = self._words("log.again")
        lines = log.split("\n")
        return "\n".join(again if one == AGAIN else quote(one) for one in lines)

    def _reason(self, facts: Mapping[str, str], which: str) -> str:
        """Translated first: our sentences are known by their own characters."""
        return quote(self._words.reason(facts.get(which, "")))[:_MAX_REASON]

    def _lines(self, message: Message, values: Mapping[str, str]) -> Iterator[str]:
        yield self._words(f"body.{_form(message.kind, values)}", **values)
        if message.kind is not MessageKind.TEST:
            yield from (self._words(k, **values) for k in _keys(message.kind, values))
        if self._links is not None:
            yield from self._addresses(self._links, message)

    def _addresses(self, links: Links, message: Message) -> Iterator[str]:
        yield self._words("line.look", url=f"{links.public_url}/")
        if message.kind not in _NOBODY_NEEDED:
            url = links.ack(message.incident, message.channel)
            yield self._words("line.ack", url=url)

    def _time(self, wall: float) -> str:
        return f"{datetime.fromtimestamp(wall, self._zone):%Y-%m-%d %H:%M:%S %Z}"

    def _duration(self, seconds: float) -> str:
        minutes, rest = divmod(int(seconds), _MINUTE_S)
        hours, minutes = divmod(minutes, _MINUTE_S)
        if hours:
            return self._words("time.hours", hours=str(hours), minutes=str(minutes))
        if minutes:
            return self._words("time.minutes", minutes=str(minutes), seconds=str(rest))
        return self._words("time.seconds", seconds=str(rest))


def _title(kind: MessageKind, values: Mapping[str, str]) -> str:
    """Once quick tries are used up, the failure of one is a call for a person."""
    if kind is MessageKind.ACTION_FAILED and _lane(values) is not LaneName.FAST:
        return "title.slow"
    return f"title.{_form(kind, values)}"


def _form(kind: MessageKind, values: Mapping[str, str]) -> str:
    """What has happened once does not work again: it is closed."""
    if kind is not MessageKind.RESOLVED:
        return kind.value
    if values["cause"] == Cause.ADDRESSES_LOST:
        return "closed"
    return "relapsed" if values["again"] else kind.value


def _keys(kind: MessageKind, values: Mapping[str, str]) -> Iterator[str]:
    """The texts between the first sentence and the addresses."""
    if kind in _OF_THEIR_OWN:
        if values.get("incident"):
            yield "line.incident"
        yield from _OF_THEIR_OWN[kind]
        return
    yield from _dependents(values)
    if kind is MessageKind.RESOLVED:
        is_closed = _form(kind, values) == "closed"
        yield "line.measured" if is_closed else _healed(values)
        return
    if values["reason"]:
        yield "line.measured"
    yield from _last_words(values)
    if kind is not MessageKind.NOTICE:
        yield from _work(values)
    yield _advice(kind, values)


def _work(values: Mapping[str, str]) -> Iterator[str]:
    """Who is at it: we, and who has said so."""
    yield _done(values)
    if values.get("acked_by"):
        yield "line.acked"


def _dependents(values: Mapping[str, str]) -> Iterator[str]:
    if values.get("affected"):
        yield "line.affected"
    if values.get("followers"):
        yield "line.followers"


def _last_words(values: Mapping[str, str]) -> Iterator[str]:
    """A log that could not be read is not mentioned."""
    if values.get("log"):
        yield "line.log"
    elif values.get("is_silent"):
        yield "line.log_empty"


def _healed(values: Mapping[str, str]) -> str:
    """What we did while it lasted; a load of the wallet is no repair of the daemon."""
    if values["remedies"] == "0":
        return "healed.alone"
    if values["loads"] == "0":
        return "healed.tried"
    return "healed.loaded" if values["loads"] == values["remedies"] else "healed.both"


def _done(values: Mapping[str, str]) -> str:
    """What we did about it."""
    if values["mode"] == Mode.OBSERVE:
        return "done.observe"
    if _is_wallet_lost(values):
        return "done.load_failed"
    cause = Cause(values["cause"])
    if _is_started_later(values):
        return "done.loop_until"
    if CAUSES[cause].cure is None:
        return f"done.nothing.{cause}"
    return _tried(values)


def _tried(values: Mapping[str, str]) -> str:
    lane = _lane(values)
    if lane is LaneName.SLOW and values["next_try"]:
        return "done.slow_until"
    if lane is not LaneName.FAST:
        return _LANES[lane]
    if values["remedies"] != "0":
        return "done.tried"
    acting = _ACTING.get(Action(values["last_action"] or Action.HOLD))
    return acting or ("done.held" if values["last_reason"] else "done.none")


def _advice(kind: MessageKind, values: Mapping[str, str]) -> str:
    """What the receiver should do."""
    cause, lane = Cause(values["cause"]), _lane(values)
    if kind is MessageKind.DEAD_LETTER:
        return "advice.dead_letter"
    if _is_wallet_lost(values):
        return "advice.load_failed"
    if _is_started_later(values):
        return "advice.loop_recover"
    if CAUSES[cause].cure is None or lane is LaneName.FAST:
        return f"advice.{cause}"
    return f"advice.{lane}"


def _is_wallet_lost(values: Mapping[str, str]) -> bool:
    """The daemon answers, and it is its wallet that cannot be had."""
    if values["cause"] == Cause.ADDRESSES_LOST:
        return False
    return bool(values["load_failure"]) and _lane(values) is not LaneName.DEAD_LETTER


def _is_started_later(values: Mapping[str, str]) -> bool:
    """Is it in a crash loop of which nobody but Sidecar starts it again, and rarely?"""
    return values["cause"] == Cause.CRASH_LOOP and bool(values.get("next_try"))


def _lane(values: Mapping[str, str]) -> LaneName:
    return LaneName(values.get("lane") or LaneName.FAST)
