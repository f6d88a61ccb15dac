"""The language of a request."""

from collections.abc import Iterator

LANGUAGES = ("en", "ko")
MAX_HEADER = 200
"""Characters of Accept-Language that are read."""


def choose_language(asked: str | None, accepted: str, default: str) -> str:
    """The language: that of ``?lang=``, else of Accept-Language, else the default."""
    if asked in LANGUAGES:
        return asked
    for language in _list_preferred(accepted[:MAX_HEADER]):
        if language in LANGUAGES:
            return language
    return default if default in LANGUAGES else LANGUAGES[0]


def _list_preferred(accepted: str) -> Iterator[str]:
    """The languages of the header, the best first, without their regions."""
    ranges = [part.strip() for part in accepted.split(",") if part.strip()]
    for language in sorted(ranges, key=_quality, reverse=True):
        if _quality(language) > 0.0:
            yield language.partition(";")[0].strip().lower().partition("-")[0]


def _quality(language: str) -> float:
    _, _, parameter = language.replace(" ", "").partition(";q=")
    try:
        return float(parameter) if parameter else 1.0
    except ValueError:
        return 0.0
