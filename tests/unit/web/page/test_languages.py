"""The language of a request."""

import pytest

from sidecar.notify.message_catalog import LANGUAGES as OF_MESSAGES
from sidecar.web.page.languages import LANGUAGES, choose_language


@pytest.mark.parametrize(
    ("asked", "accepted", "default", "language"),
    [
        ("ko", "en", "en", "ko"),
        ("de", "ko-KR,ko;q=0.9,en;q=0.8", "en", "ko"),
        (None, "de,en;q=0.5,ko;q=0.7", "en", "ko"),
        (None, "ko;q=0,en;q=0.1", "ko", "en"),
        (None, "de, fr;q=0.9", "ko", "ko"),
        (None, "", "ko", "ko"),
        (None, "ko;q=many", "en", "en"),
        (None, ",;q=,", "unknown", "en"),
    ],
)
def test_language_is_asked_then_accepted_then_default(
    asked: str | None, accepted: str, default: str, language: str
) -> None:
    assert choose_language(asked, accepted, default) == language


def test_languages_are_those_of_the_messages() -> None:
    assert LANGUAGES == OF_MESSAGES
