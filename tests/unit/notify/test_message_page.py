"""``docs/messages.md`` is up to date, and has every kind of message."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.message import MessageKind
from tests.support.message_page import FENCE, SECTIONS, page
from tests.support.repository import REPOSITORY

DOCUMENT = REPOSITORY / "docs" / "messages.md"


def test_message_page_is_up_to_date() -> None:
    assert DOCUMENT.read_text("utf-8") == page(), "run scripts/messages"


def test_the_page_has_every_kind_and_every_cause() -> None:
    text = DOCUMENT.read_text("utf-8")
    for kind in MessageKind:
        assert f"\n### {kind}\n" in text, kind
    titles = "\n".join(title for title, _ in SECTIONS)
    causes_in_stories = {Cause.REFUSED, Cause.UPSTREAM_LOST}
    for cause in set(Cause) - causes_in_stories:
        assert f"`{cause}`" in titles, cause


def test_each_message_is_there_in_both_languages() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert text.count("\n### ") * 4 == text.count(FENCE)
