"""A time to wait, as words."""

import pytest

from sidecar.core.text import formatting


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1.0, "0 s"),
        (119.4, "119 s"),
        (120.0, "2 min"),
        (7199.0, "119 min"),
        (7200.0, "2.0 h"),
        (9000.0, "2.5 h"),
    ],
)
def test_format_wait_chooses_the_unit_by_length(seconds: float, text: str) -> None:
    assert formatting.format_wait(seconds) == text
