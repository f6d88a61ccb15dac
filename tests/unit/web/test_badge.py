"""Badges: width, colours, rounding, escaping."""

from xml.etree import ElementTree as ET

import pytest

from sidecar.core.model.target_state import TargetState
from sidecar.notify.message_catalog import LANGUAGES, read_catalog
from sidecar.web.routes.public import WINDOWS
from sidecar.web.views.badge import (
    STATE_COLOURS,
    Badge,
    choose_colour,
    format_share,
    measure_text,
    write_badge,
)

SVG = "{http://www.w3.org/2000/svg}"


def luminance(colour: str) -> float:
    """The relative luminance of ``#rrggbb``, as WCAG defines it."""
    parts = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
    ]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_badge_says_its_title_to_screen_readers() -> None:
    root = ET.fromstring(write_badge(Badge("electron-cash", "healthy", "#1a7f37")))
    assert root.get("role") == "img"
    assert root.get("aria-label") == "electron-cash: healthy"
    assert root.findtext(f"{SVG}title") == "electron-cash: healthy"
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts == ["electron-cash", "healthy"]


def test_badge_boxes_fit_their_texts_and_fill_the_width() -> None:
    root = ET.fromstring(write_badge(Badge("electron-cash, 30일", "담당자", "#57606a")))
    label_box, word_box = root.findall(f"{SVG}rect")
    label, word = root.iter(f"{SVG}text")
    widths = [int(str(box.get("width"))) for box in (label_box, word_box)]
    assert sum(widths) == int(str(root.get("width")))
    for text, width in zip((label, word), widths, strict=True):
        assert int(str(text.get("textLength"))) == width - 12
    assert int(str(word_box.get("x"))) == widths[0]
    assert int(str(word.get("textLength"))) == 33


def test_text_width_is_that_of_its_characters() -> None:
    assert measure_text("iiii") == 13
    assert measure_text("MMMM") == 38
    assert measure_text("한글") == 22
    assert measure_text("") == 0


def test_badge_escapes_what_it_shows() -> None:
    picture = write_badge(Badge('"><script>&', "<b>", "#57606a"))
    root = ET.fromstring(picture)
    assert root.get("aria-label") == '"><script>&: <b>'
    assert "<script" not in picture


@pytest.mark.parametrize("state", TargetState)
def test_every_state_has_a_colour_and_a_word(state: TargetState) -> None:
    for language in LANGUAGES:
        assert read_catalog(language)(f"public.state.{state}")
    white = 1.05
    assert white / (luminance(STATE_COLOURS[state]) + 0.05) >= 4.5


def test_every_window_has_its_words() -> None:
    for language in LANGUAGES:
        for window in WINDOWS:
            assert "electron-cash" in read_catalog(language)(
                f"public.window.{window}", target="electron-cash"
            )


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (1.0, "100 %"),
        (0.999999, "99.99 %"),
        (0.9999, "99.99 %"),
        (0.5, "50.00 %"),
        (0.0, "0.00 %"),
    ],
)
def test_share_is_rounded_down(share: float, expected: str) -> None:
    assert format_share(share) == expected


def test_colour_of_a_share_gets_worse_with_it() -> None:
    colours = [choose_colour(share) for share in (1.0, 0.999, 0.99, 0.98, None)]
    assert colours[0] == colours[1] == STATE_COLOURS[TargetState.HEALTHY]
    assert colours[2] == STATE_COLOURS[TargetState.DEGRADED]
    assert colours[3] == STATE_COLOURS[TargetState.DOWN]
    assert colours[4] == STATE_COLOURS[TargetState.UNKNOWN]
