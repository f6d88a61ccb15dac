"""Reasons for a visitor of the page: nothing that others said or named is in them."""

import string

from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.reason.audience import AUDIENCES, Audience
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.english import ENGLISH
from sidecar.core.reason.public_reason import PUBLIC_TEXTS, public_reason
from sidecar.core.reason.reason import Parameter, Reason
from sidecar.notify.message_catalog import LANGUAGES, read_catalog

CATALOGS = [read_catalog(language) for language in LANGUAGES]
PLANTED = "planted-7f3a"
"""Text of a daemon, a log, a container's or a host's name."""

NUMBERS = frozenset(
    {
        "ago_s",
        "blocks",
        "count",
        "due_wall",
        "earliest_wall",
        "exit_code",
        "free_mib",
        "height",
        "lasted_s",
        "latest_wall",
        "limit_mib",
        "limit_s",
        "limit_wall",
        "megabytes",
        "mib_per_hour",
        "needed",
        "outages",
        "percent",
        "recover_s",
        "seconds",
        "share",
        "since_wall",
        "size",
        "times",
        "token",
        "top",
        "total",
        "tries",
        "unread_s",
        "used_mib",
        "until_wall",
        "wait_s",
        "window_s",
    }
)

REASONS_WITHIN = frozenset({"advice", "because", "note", "objection", "reason", "why"})
"""Parameters that are reasons themselves."""


def parameter_names(code: R) -> frozenset[str]:
    parts = string.Formatter().parse(ENGLISH[code])
    return frozenset(name for _, name, _, _ in parts if name)


def test_every_reason_has_decided_who_may_read_it() -> None:
    assert AUDIENCES.keys() == set(R)


def private_parameters(code: R) -> frozenset[str]:
    """Parameters of a reason that visitors may not see, if it has a public text."""
    if AUDIENCES[code] is Audience.OPERATORS:
        return frozenset()
    places = {"place"} if AUDIENCES[code] is Audience.WITHOUT_PLACE else set()
    return parameter_names(code) - PUBLIC_TEXTS - REASONS_WITHIN - NUMBERS - places


def test_public_reason_has_public_parameters_alone() -> None:
    """A new parameter of a public reason is named here, or the reason is private."""
    names_by_code = {code: private_parameters(code) for code in R}
    assert {code: names for code, names in names_by_code.items() if names} == {}


def reasons_with_planted_texts(depth: int = 3) -> st.SearchStrategy[Reason]:
    """Reasons in which each text that is not a public name is planted."""

    def build(code: R, inner: list[Reason], number: float) -> Reason:
        names = string.Formatter().parse(ENGLISH[code])
        values: dict[str, Parameter] = {}
        for nth, name in enumerate(name for _, name, _, _ in names if name):
            if name in REASONS_WITHIN and inner:
                values[name] = inner[nth % len(inner)]
            elif name in NUMBERS:
                values[name] = number
            else:
                values[name] = "known" if name in PUBLIC_TEXTS else PLANTED
        return Reason.of(code, **values)

    codes, numbers = st.sampled_from(R), st.integers(0, 10**6)
    reasons = st.builds(build, codes, st.just([]), numbers)
    for _ in range(depth):
        reasons = st.builds(build, codes, st.lists(reasons, max_size=3), numbers)
    return reasons


@given(reasons_with_planted_texts())
def test_planted_text_is_in_no_public_reason(reason: Reason) -> None:
    public = public_reason(reason)
    assert PLANTED not in repr(public)
    assert PLANTED not in str(public)
    for catalog in CATALOGS:
        assert PLANTED not in catalog.write_reason(public)


def test_parameter_that_the_text_does_not_have_makes_the_reason_private() -> None:
    reason = Reason.of(R.NOT_PROBED_YET, said=PLANTED)
    assert public_reason(reason) == Reason(R.NOT_SHOWN)


def test_address_is_left_out_of_a_refused_connection() -> None:
    refused = Reason.of(R.CONNECTION_REFUSED, place="electron-cash:7777")
    failures = Reason.of(R.FAILURES_OF, count=2, needed=3, reason=refused)
    assert str(public_reason(failures)) == (
        "failure 2 of 3: connection refused by the target"
    )
    _, korean = CATALOGS
    assert "(대상)" in korean.write_reason(public_reason(failures))


def test_words_of_a_daemon_are_replaced_within_a_decision() -> None:
    quoting_reason = Reason.of(R.STATUS_SAYS, status=500, said="disk of host-7 is full")
    decision = Reason.of(R.ACT_NOW, why=quoting_reason, action="restart")
    assert str(public_reason(decision)) == (
        "the details are shown to operators only: restart now"
    )
