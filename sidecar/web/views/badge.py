"""Badges: small SVG pictures with a label and a word on a colour."""

import html
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from sidecar.core.model.state import State
from sidecar.core.model.target_state import TargetState

if TYPE_CHECKING:
    from sidecar.core.reporting.availability import Report

GREEN, AMBER, RED, BLUE, GREY = "#1a7f37", "#8a5a00", "#c21e2b", "#0969da", "#57606a"
_LABEL_COLOUR = "#33383d"

STATE_COLOURS = {
    TargetState.UNKNOWN: GREY,
    TargetState.STARTING: BLUE,
    TargetState.HEALTHY: GREEN,
    TargetState.DEGRADED: AMBER,
    TargetState.FAILING: AMBER,
    TargetState.DOWN: RED,
    TargetState.DRAINING: BLUE,
    TargetState.RECOVERING: BLUE,
    TargetState.CRASH_LOOP: RED,
    TargetState.DEAD_LETTER: RED,
    TargetState.STOPPED: GREY,
    TargetState.MISSING: RED,
}

_GOOD_SHARE, _FAIR_SHARE = 0.999, 0.99

_FONT_SIZE = 11
_PADDING = 6
_WIDTHS = (
    *(318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337),
    *(636, 636, 636, 636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531),
    *(1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863, 748, 787),
    *(603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500),
    *(500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612),
    *(635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838),
)
"""Widths of the printable ASCII characters in DejaVu Sans, in thousandths of the font
size. Verdana, which viewers without that font use, has nearly the same.
"""
_FIRST = ord(" ")
_WIDE = 1000
"""Width of other characters, such as Hangul."""

_TEMPLATE = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" \
aria-label="{title}">
<title>{title}</title>
<rect width="{split}" height="20" fill="{label_colour}"/>
<rect x="{split}" width="{word_box}" height="20" fill="{colour}"/>
<g fill="#fff" font-family="DejaVu Sans,Verdana,Geneva,sans-serif" font-size="11">
<text x="{label_x}" y="14" textLength="{label_width}">{label}</text>
<text x="{word_x}" y="14" textLength="{word_width}">{word}</text>
</g>
</svg>
"""


Shares = Mapping[str, float | None]
"""Availability by the name of a target or of a replica; None: no data."""


class Badge(NamedTuple):
    """The texts of a badge, and the colour of the word's field."""

    label: str
    word: str
    colour: str


def measure_text(text: str) -> int:
    """The width of a text in pixels, rounded up."""
    thousandths = sum(
        _WIDTHS[ord(c) - _FIRST] if " " <= c <= "~" else _WIDE for c in text
    )
    return math.ceil(thousandths * _FONT_SIZE / 1000)


def write_badge(badge: Badge) -> str:
    """The badge as SVG."""
    label_width, word_width = measure_text(badge.label), measure_text(badge.word)
    split = label_width + 2 * _PADDING
    word_box = word_width + 2 * _PADDING
    label, word = html.escape(badge.label), html.escape(badge.word)
    return _TEMPLATE.format(
        width=split + word_box,
        split=split,
        word_box=word_box,
        title=f"{label}: {word}",
        label_colour=_LABEL_COLOUR,
        colour=badge.colour,
        label=label,
        label_x=_PADDING,
        label_width=label_width,
        word=word,
        word_x=split + _PADDING,
        word_width=word_width,
    )


def choose_colour(share: float | None) -> str:
    """The colour of an availability; grey: no data."""
    if share is None:
        return GREY
    if share >= _GOOD_SHARE:
        return GREEN
    return AMBER if share >= _FAIR_SHARE else RED


def format_share(share: float) -> str:
    """An availability in percent, rounded down: 100 % means no outage at all."""
    hundredths = math.floor(round(share * 10_000, 6))
    return f"{hundredths / 100:.2f} %" if hundredths < 10_000 else "100 %"  # noqa: PLR2004 - 100 %


def find_shares(report: "Report", state: State) -> Shares:
    """The availability of each target and replica; a target's is of all replicas."""
    from sidecar.core.reporting.totals import Totals  # noqa: PLC0415 - loaded with the report

    shares = {
        name: figures.now.availability for name, figures in report.targets.items()
    }
    for target in state.targets:
        total = Totals()
        for replica in state.replicas(target):
            if replica.name in report.targets:
                total.add(report.targets[replica.name].now)
        shares[target] = total.availability
    return shares
