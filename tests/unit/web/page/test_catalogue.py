"""The page's texts: complete in both languages, with the same placeholders."""

import re
from string import Formatter

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import Comparison, IncidentStep, RemedyOutcome
from sidecar.notify.message_catalog import LANGUAGES, read_page_catalog
from tests.support.repository import REPOSITORY

ENGLISH, KOREAN = (read_page_catalog(language).texts for language in LANGUAGES)
PAGE_KEYS = sorted(key for key in ENGLISH if key.startswith("page."))
FOLDER = REPOSITORY / "sidecar" / "web" / "page"
LITERAL = re.compile(
    r"\b(?:t|texts|self\.texts|self\._texts|self)\(\s*f?['\"]([a-z_.]+)['\"{]"
)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys() -> None:
    assert ENGLISH.keys() == KOREAN.keys()


@pytest.mark.parametrize("key", PAGE_KEYS)
def test_text_has_the_same_placeholders_in_both_languages(key: str) -> None:
    assert placeholders(ENGLISH[key]) == placeholders(KOREAN[key])


@pytest.mark.parametrize("key", PAGE_KEYS)
def test_korean_text_is_translated(key: str) -> None:
    words = re.sub(r"\{\w+\}|\W", "", ENGLISH[key])
    assert not words or re.search(r"[가-힣]|ms", KOREAN[key])


def expected_keys() -> set[str]:
    """Keys that the code makes from public names."""
    remedies = [action for action in Action if action.changes_something]
    return {
        *(f"page.state.{state}" for state in TargetState),
        *(f"page.decision.{action}" for action in Action),
        *(f"page.step.{step}" for step in IncidentStep),
        *(f"page.balance.{comparison}" for comparison in Comparison),
        *(f"page.doing.{action}" for action in remedies),
        *(f"page.doing.verify_{a}" for a in remedies if a is not Action.DRAIN),
        *(f"page.summary.{level}" for level in ("bad", "busy", "warn", "idle")),
        *(f"page.component.{word}" for word in ("ok", "bad")),
        *(f"problem.{cause}" for cause in Cause),
        *(f"helped.{outcome}" for outcome in RemedyOutcome),
    }


def used_keys() -> set[str]:
    """Keys that the templates and the code name."""
    keys: set[str] = set()
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix in {".html", ".py"}:
            keys |= {f"page.{key}" for key in LITERAL.findall(path.read_text())}
    return {key for key in keys if not key.endswith((".", "_"))}


def test_every_public_name_has_its_text() -> None:
    assert expected_keys() - ENGLISH.keys() == set()


def test_every_key_that_is_used_has_its_text() -> None:
    prefixes = {key.rsplit(".", 1)[0] for key in ENGLISH}
    assert used_keys() - ENGLISH.keys() - prefixes == set()


def test_every_text_is_used() -> None:
    sources = "".join(
        path.read_text()
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in {".html", ".py"}
    )
    unused = [
        key
        for key in PAGE_KEYS
        if key not in expected_keys()
        and not key.startswith(("page.part.", "page.act.", "page.doing."))
        and f"'{key.removeprefix('page.')}'" not in sources
        and f'"{key.removeprefix("page.")}"' not in sources
    ]
    assert unused == []
