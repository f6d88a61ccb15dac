"""Message texts in the receiver's language, in whole sentences."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from urllib.parse import quote as percent_encoded

from sidecar.core.model.cause import Cause
from sidecar.core.model.completed_remedy import read_completed_remedies
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.transition import RemedyOutcome
from sidecar.core.reason.code import ReasonCode
from sidecar.core.reason.reason import Reason
from sidecar.core.reason.reason_text import decode_reason
from sidecar.core.status.run_log import RUN_SEPARATOR
from sidecar.core.text.printable import on_one_line
from sidecar.core.text.time_texts import Times
from sidecar.notify import message_lines
from sidecar.notify.command_values import command_values
from sidecar.notify.fault_texts import write_faults
from sidecar.notify.installation import Installation
from sidecar.notify.message_catalog import MessageCatalog
from sidecar.notify.message_text import Text
from sidecar.notify.message_urgency import asks_for_person
from sidecar.notify.quoting import quote
from sidecar.notify.task_values import task_values

Sign = Callable[[str, str], str]

SHOWN_DEEDS = 3
_MAX_REASON = 300
_TOLD_LATER_S = 1.0
_BY_LINK = "link sent to "
"""Prefix of ``acked_by`` for an acknowledgement by a link; the channel follows."""
_AT_FIRST = frozenset({MessageKind.OPENED, MessageKind.NOTICE})
"""First messages about a problem; later ones report its current state."""
_ALWAYS = dict.fromkeys(
    (
        *("incident", "target", "about", "affected", "mode", "payments_of"),
        *("first_cause", "known_cause", "doing", "guard", "lane", "load_lane"),
        *("log", "is_silent", "followers", "faults", "payments"),
        *("payments_by", "network", "dependents", "is_wallet", "drill", "fault"),
    ),
    "",
)


@dataclass(frozen=True, slots=True)
class Links:
    """Links to this sidecar; ``sign`` takes an incident and a channel."""

    public_url: str
    sign: Sign

    def ack(self, incident: str, channel: str) -> str:
        """The link that acknowledges the incident, after confirmation."""
        token = percent_encoded(self.sign(incident, channel), safe="")
        return f"{self.public_url}/ack/{incident}?t={token}"

    @property
    def look(self) -> str:
        """The link to the first page of this sidecar."""
        return f"{self.public_url}/"

    def postmortem(self, incident: str) -> str:
        """The link to the post-mortem of the incident, as far as it has come."""
        return f"{self.public_url}/api/v1/incidents/{incident}/postmortem"


class Renderer:
    """Writes messages in one language and time zone; ``links`` None: without links."""

    def __init__(
        self,
        words: MessageCatalog,
        zone: tzinfo,
        installation: Installation,
        links: Links | None = None,
    ) -> None:
        self._words = words
        self._times = Times(words, zone)
        self._links = links
        self._installation = installation

    def __call__(self, message: Message) -> Text:
        """Title and body."""
        values = self.values_of(message)
        title = self._words(message_lines.title(message.kind, values), **values)
        if values["drill"]:
            title = self._words("title.of_drill", title=title)
        body = "\n".join(self._lines(message, values))
        return Text(on_one_line(title), f"{body}\n\n[{message.id}]")

    def describe_ack(self, by: str, acked_wall: float, since_wall: float) -> str:
        """The line that says who takes care of an incident that began then."""
        facts = {"acked_by": by, "acked_at_wall": f"{acked_wall:.3f}"}
        return self._words("line.acked", acked=self._describe_ack(facts, since_wall))

    def _lines(self, message: Message, values: Mapping[str, str]) -> Iterator[str]:
        yield self._words(f"body.{message_lines.form(message.kind, values)}", **values)
        for key in message_lines.keys(message.kind, values):
            yield self._words(key, **values)
        if self._links is not None:
            yield from self._addresses(self._links, message)

    def _addresses(self, links: Links, message: Message) -> Iterator[str]:
        yield self._words("line.look", url=links.look)
        if asks_for_person(message):
            url = links.ack(message.incident, message.channel)
            yield self._words(message_lines.acknowledgement(message.facts), url=url)

    def values_of(self, message: Message) -> dict[str, str]:
        """The values of the placeholders of the message's texts."""
        facts = message.facts
        quoted = {name: quote(text) for name, text in facts.items()}
        about = quoted.get("about") or quoted.get("target", "")
        return {
            **_ALWAYS,
            **quoted,
            **self._values_of_time(message),
            **command_values(facts, about, self._installation),
            **self._values_of_cause(facts),
            "about": about,
            "what": self._name_with_place(about),
            "place": self._place(),
            "severity": message.severity.value,
            "remedies": facts.get("remedies", "0"),
            "attempt": facts.get("attempt") or "0",
            "attempts": facts.get("attempts") or "0",
            "log": self._log(facts.get("log", "")),
            "next_attempt": str(int(facts.get("attempt") or "0") + 1),
            "reason": self._reason(facts, "reason"),
            "faults": write_faults(facts.get("faults", ""), self._words),
            "last_reason": self._write(_within_plan(_reason_of(facts, "last_reason"))),
            "held": self._write(_without_measurement(_reason_of(facts, "last_reason"))),
            "load_failure": self._reason(facts, "load_failure"),
            **task_values(facts, self._words, self._write),
        }

    def _values_of_time(self, message: Message) -> dict[str, str]:
        facts = message.facts
        as_of_wall = float(facts.get("as_of_wall") or message.created_wall)
        opened_wall = float(facts.get("opened_at_wall", as_of_wall))
        since_wall = float(facts.get("since_wall") or opened_wall)
        resolved = facts.get("resolved_at_wall")
        due = facts.get("next_wall")

        def beside(name: str) -> str:
            wall = facts.get(name)
            return self._times.beside(float(wall), since_wall) if wall else ""

        began = self._times.full(since_wall)
        at = self._times.beside(as_of_wall, since_wall)
        later = not resolved and as_of_wall - since_wall >= _TOLD_LATER_S
        how = "time.told" if message.kind in _AT_FIRST else "time.as_of"
        return {
            "began": began,
            "since": self._words(how, since=began, told=at) if later else began,
            "ended": self._times.beside(float(resolved or as_of_wall), since_wall),
            "lasted": self._times.duration(float(facts.get("seconds") or "0")),
            "next_try": beside("next_try_wall"),
            "next": self._times.soon_after(float(due), since_wall) if due else "",
            "begun": beside("doing_wall"),
            "until": beside("until_wall"),
            "again": beside("again_since_wall"),
            "acked": self._describe_ack(facts, since_wall),
            "lasted_from_to": self._from_to(facts, as_of_wall, since_wall),
            "deeds": self._deeds(facts, since_wall),
            "helped": "yes" if _has_helped(facts) else "",
        }

    def _values_of_cause(self, facts: Mapping[str, str]) -> dict[str, str]:
        cause = facts.get("cause") or Cause.PROBER_FAILED
        first_cause = facts.get("first_cause") or cause
        known_cause = facts.get("known_cause") or cause
        reason = _reason_of(facts, "reason")
        return {
            "cause": cause,
            "first_cause": first_cause,
            "known_cause": known_cause,
            "method": quote(str(reason.get("method") or "")),
            "lost": quote(str(reason.get("lost") or "")),
            "code": reason.code.value,
            "problem": self._problem(cause, reason),
            "known_problem": self._words(f"problem.{known_cause}"),
            "first_was": self._words(f"was.{first_cause}"),
            "was": self._was(first_cause, known_cause),
        }

    def _was(self, first_cause: str, known_cause: str) -> str:
        """The past problem; where the cause changed, both in order of time."""
        began = self._words(f"was.{first_cause}")
        if known_cause == first_cause:
            return began
        later = self._words(f"was.{known_cause}")
        return self._words("then.later", first_was=began, known_was=later)

    def _from_to(
        self, facts: Mapping[str, str], ended_wall: float, since_wall: float
    ) -> str:
        """The duration of a past problem, where its start is known."""
        if not facts.get("from_wall"):
            return self._words("time.over", since=self._times.full(since_wall))
        began_wall = float(facts["from_wall"])
        return self._words(
            "time.from_to",
            began=self._times.full(began_wall),
            ended=self._times.beside(ended_wall, began_wall),
            lasted=self._times.between(began_wall, ended_wall),
        )

    def _problem(self, cause: str, reason: Reason) -> str:
        """The problem's text; with numbers where a wallet has lost addresses."""
        if reason.code is not ReasonCode.ADDRESSES_LOST:
            return self._words(f"problem.{cause}")
        remaining, had = str(reason.get("left")), str(reason.get("had"))
        return self._words("problem.addresses_lost.counted", left=remaining, had=had)

    def _describe_ack(self, facts: Mapping[str, str], since: float) -> str:
        """Time and author of the acknowledgement, as far as known; empty: none."""
        by, wall = facts.get("acked_by", ""), facts.get("acked_at_wall")
        link = by.removeprefix(_BY_LINK)
        how = "acked.link" if link != by else "acked.by"
        when = self._times.beside(float(wall), since) if wall else ""
        if not by:
            return when
        author = self._words(how, name=quote(link))
        return self._words("acked.at", at=when, how=author) if when else author

    def _place(self) -> str:
        stack, host = self._installation.stack, self._installation.host
        key = "place.host" if host else "place.stack"
        return self._words(key, stack=stack, host=host) if stack else host

    def _name_with_place(self, about: str) -> str:
        place = self._place()
        return f"{about} ({place})" if place else about

    def _deeds(self, facts: Mapping[str, str], since: float) -> str:
        """One line for each of the last remedies; of other targets with the name."""
        deeds = read_completed_remedies(facts.get("deeds", ""))
        lines = []
        for deed in deeds[-SHOWN_DEEDS:]:
            when = self._times.beside(deed.began_wall, since)
            text = self._words(f"deed.{deed.action}", name=quote(deed.name))
            lines.append(f"- {when} {text}: {self._words(f'helped.{deed.outcome}')}")
        earlier = deeds[:-SHOWN_DEEDS]
        count = max(len(deeds), int(facts.get("remedies") or "0")) - len(lines)
        if lines and count > 0:
            helped = any(deed.outcome is RemedyOutcome.RECOVERED for deed in earlier)
            in_vain = count == len(earlier) and not helped
            key = "deed.earlier_in_vain" if in_vain else "deed.earlier"
            lines.insert(0, f"- {self._words(key, count=str(count))}")
        return "\n".join(lines)

    def _log(self, log: str) -> str:
        """Quoted log lines; the separator of two runs is our own text."""
        again = self._words("log.again")
        lines = (
            again if line == RUN_SEPARATOR else quote(line) for line in log.split("\n")
        )
        return self._times.in_zone("\n".join(lines))

    def _reason(self, facts: Mapping[str, str], name: str) -> str:
        return self._write(_reason_of(facts, name))

    def _write(self, reason: Reason) -> str:
        """A reason in the language; foreign text in it is neutralised."""
        text = self._times.in_words(self._words.write_reason(reason))
        return self._times.in_zone(quote(text))[:_MAX_REASON]


def _reason_of(facts: Mapping[str, str], name: str) -> Reason:
    return decode_reason(facts.get(f"{name}_data", ""), facts.get(name, ""))


def _without_measurement(reason: Reason) -> Reason:
    """The objection alone: the measurement has a line of its own."""
    objection = reason.get("objection") if reason.code is ReasonCode.HELD else None
    return objection if isinstance(objection, Reason) else reason


def _within_plan(reason: Reason) -> Reason:
    """The reason for skipping a planned restart; the title already names the skip."""
    why = reason.get("reason") if reason.code is ReasonCode.PLAN_SKIPPED else None
    return why if isinstance(why, Reason) else reason


def _has_helped(facts: Mapping[str, str]) -> bool:
    deeds = read_completed_remedies(facts.get("deeds", ""))
    return any(deed.outcome is RemedyOutcome.RECOVERED for deed in deeds)
