"""Reasons: every code has its text, and every use gives the parameters of it."""

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.english import ENGLISH
from sidecar.core.reason.reason import (
    NO_REASON,
    Reason,
    join_reasons,
    text_reason,
)
from sidecar.core.reason.reason_text import decode_reason, encode_reason, reason_facts
from tests.support.repository import REPOSITORY

SIDECAR = REPOSITORY / "sidecar"
OWN = {"core/reason/code.py", "core/reason/english.py"}
MODULES = [
    p for p in sorted(SIDECAR.rglob("*.py")) if str(p.relative_to(SIDECAR)) not in OWN
]


def parameters_of(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def codes_in(path: Path) -> Iterator[R]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in {
            "R",
            "ReasonCode",
        }:
            yield R[node.attr]


def reasons_built_in(path: Path) -> Iterator[tuple[R, set[str]]]:
    """Codes and parameters of the reasons that a module builds in place."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="Reason"), attr="of"),
                args=[ast.Attribute(attr=name)],
                keywords=keywords,
            ) if all(k.arg for k in keywords):
                yield R[name], {str(k.arg) for k in keywords}
            case _:
                pass


def test_every_code_has_an_english_text() -> None:
    assert ENGLISH.keys() == set(R)


def test_every_code_is_used() -> None:
    assert {code for path in MODULES for code in codes_in(path)} == set(R)


def test_each_reason_in_code_has_the_parameters_of_its_text() -> None:
    reasons = [reason for path in MODULES for reason in reasons_built_in(path)]
    assert len(reasons) > 200
    for code, parameters in reasons:
        assert parameters == parameters_of(ENGLISH[code]), code


REASONS = st.recursive(
    st.builds(text_reason, st.text(min_size=1))
    | st.builds(lambda n: Reason.of(R.NO_ANSWER, place="x", seconds=n), st.integers())
    | st.builds(lambda n: Reason.of(R.RESTARTED_LATELY, ago_s=n), st.floats(0.0, 1e6)),
    lambda inner: st.builds(
        lambda reason: Reason.of(R.FAILURES, count=2, reason=reason), inner
    ),
    max_leaves=4,
)


@given(REASONS)
def test_a_reason_is_read_back_as_it_was_written(reason: Reason) -> None:
    facts = reason_facts("reason", reason)
    assert facts["reason"] == str(reason)
    assert decode_reason(facts["reason_data"], "other") == reason


@pytest.mark.parametrize(
    "data",
    [
        "",
        "{",
        "null",
        "7",
        "[]",
        '["no_answer"]',
        '["of_tomorrow",[]]',
        '["no_answer",[]]',
        '["no_answer",[["place","x"],["seconds","soon"]]]',
        '["text",[["said",null]]]',
        '["failures",[["count",2],["reason",["no_answer",[]]]]]',
    ],
)
def test_data_that_holds_no_reason_gives_the_sentence_beside_it(data: str) -> None:
    assert decode_reason(data, "it is down") == text_reason("it is down")
    assert decode_reason(data) == NO_REASON


def test_a_reason_whose_parameters_do_not_fit_is_shown_by_its_code() -> None:
    damaged = Reason.of(R.NO_ANSWER, place="x")
    assert not damaged.is_complete
    assert str(damaged) == "no_answer: {'place': 'x'}"
    assert "no_answer" in str(Reason.of(R.FAILURES, count=1, reason=damaged))


def test_no_reason_is_false_and_empty() -> None:
    assert not NO_REASON
    assert str(NO_REASON) == encode_reason(NO_REASON) == ""
    assert text_reason("") is NO_REASON
    assert join_reasons(()) is NO_REASON


def test_join_reasons_makes_one_sentence() -> None:
    one, two = text_reason("it is down"), text_reason("so is all else")
    assert str(join_reasons((one, two))) == "it is down; so is all else"


def test_map_text_changes_every_text_of_a_reason() -> None:
    inner = Reason.of(R.RPC_ERROR, method="ping", code=-1, said="my secret")
    reason = Reason.of(R.FAILURES, count=3, reason=inner)
    masked = reason.map_text(lambda text: text.replace("secret", "***"))
    assert str(masked) == "failure 3: ping answered error -1: my ***"


@given(st.text(max_size=600), st.integers(80, 300))
def test_a_bound_reason_is_no_longer_than_its_limit(text: str, limit: int) -> None:
    reason = Reason.of(R.FAILURES, count=3, reason=text_reason(text))
    assert len(str(reason.bound(limit))) <= limit
