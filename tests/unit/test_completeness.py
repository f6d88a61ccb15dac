"""Each cause, guard and probe type has all its entries; a missing entry fails here."""

import re
from typing import get_args

import pytest

from sidecar.config.file.model import Probe
from sidecar.core.model.cause import Cause, CauseSource
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_settings import ProbeSettings
from sidecar.core.policy.guards.table import GUARDS
from sidecar.probes.prober import PROBES
from tests.support.repository import REPOSITORY

DOCS = REPOSITORY / "docs"
KINDS = get_args(ProbeSettings)


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text()


def table_keys(text: str) -> list[str]:
    """The names in the first column of the tables of a page."""
    return re.findall(r"^\| `(\w+)`", text, re.MULTILINE)


def test_every_guard_that_is_asked_has_its_function_in_order() -> None:
    asked = [guard for guard in Guard if guard.rule.is_asked]
    assert [guard for guard, _ in GUARDS] == asked


def test_every_guard_is_a_row_of_the_behaviour_page() -> None:
    text = page("behaviour")
    begin = text.index("these are asked in turn")
    rows = table_keys(text[begin : text.index("Three other reasons")])
    by_itself = {guard for guard in Guard if not guard.rule.is_asked}
    assert set(rows) == set(Guard) - by_itself
    for guard in by_itself - {Guard.NONE}:
        assert f"`{guard}`" in text


def test_every_cause_has_its_row() -> None:
    assert CAUSES.keys() == set(Cause)


@pytest.mark.parametrize("cause", Cause)
def test_cause_rule_has_its_required_texts(cause: Cause) -> None:
    rule = CAUSES[cause]
    assert rule.advice
    assert rule.was
    assert rule.next_steps
    needs_reason = rule.remedy is None or cause is Cause.WALLET_NOT_LOADED
    assert bool(rule.why_not) is needs_reason or cause is Cause.NOT_RUNNING


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_is_explained_on_the_page_of_causes(cause: Cause) -> None:
    assert re.search(rf"^## .*\b{cause}\b", page("causes"), re.MULTILINE), cause


def test_causes_of_unknown_results_are_never_treated() -> None:
    for cause, rule in CAUSES.items():
        if rule.source is CauseSource.UNKNOWN_PROBE:
            assert rule.remedy is None, cause


def test_every_probe_kind_has_a_section_of_the_same_type() -> None:
    tags = {str(section.__struct_config__.tag) for section in get_args(Probe)}
    assert tags == {kind.TYPE for kind in KINDS}


def test_every_probe_kind_has_its_probe() -> None:
    assert PROBES.keys() == set(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.TYPE)
def test_every_probe_kind_is_explained_on_the_page_of_probes(
    kind: type[ProbeSettings],
) -> None:
    assert f"`{kind.TYPE}`" in page("probes")
