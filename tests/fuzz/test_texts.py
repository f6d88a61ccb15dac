"""Any foreign text through the mask, the log and a message."""

import io
import json
import time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from sidecar.core.model.message import MessageKind
from sidecar.core.text.printable import printable
from sidecar.notify.hooks import hook_body
from sidecar.notify.message_catalog import read_catalog
from sidecar.notify.render import Renderer
from sidecar.telemetry.log import LONGEST_TEXT, LogFormat, configure
from sidecar.telemetry.secret_mask import Mask
from tests.fuzz.inputs import SECRET, TEXTS
from tests.support.message_text import MARKUP
from tests.support.notify_receivers import PLACE, message
from tests.support.quickest import find_quickest_s

MASK = Mask([SECRET])
RENDERERS = [Renderer(read_catalog(it), ZoneInfo("UTC"), PLACE) for it in ("en", "ko")]
LONG = st.builds(lambda text, times: text * times, TEXTS, st.integers(1, 300))
SECONDS_PER_CHARACTER = 20e-6
"""Quadratic time would be a hundred times as much for a long text."""


@given(TEXTS | LONG)
async def test_mask_of_any_text_hides_the_secret_in_linear_time(text: str) -> None:
    async def measure() -> float:
        began = time.process_time()
        MASK(text)
        return time.process_time() - began

    masked = MASK(text)
    assert SECRET not in masked
    assert printable(masked) == masked
    limit_s = 0.05 + len(text) * SECONDS_PER_CHARACTER
    assert await find_quickest_s(measure, limit_s) < limit_s


@given(TEXTS | LONG, st.integers(0, 400))
def test_masked_and_cut_text_has_no_part_of_the_secret(text: str, most: int) -> None:
    masked = MASK.cut(text, most)
    assert SECRET not in masked
    if SECRET[:7] not in text.replace(SECRET, ""):
        assert SECRET[:7] not in masked


@given(TEXTS | LONG, TEXTS, st.sampled_from(LogFormat))
def test_log_line_of_any_text_is_printable_without_secrets(
    text: str, bound: str, log_format: LogFormat
) -> None:
    stream = io.StringIO()
    configure("debug", log_format, MASK, stream)
    logger.bind(target=bound, value=text).warning("{}", text)
    output = stream.getvalue()
    output.encode()
    assert SECRET not in output
    assert len(output) < 10 * LONGEST_TEXT
    if log_format is LogFormat.JSON:
        (line,) = output.splitlines()
        message_text = str(json.loads(line)["message"])
        assert printable(message_text) == message_text
    else:
        first, *rest = output.removesuffix("\n").split("\n")
        assert printable(output) == output
        assert " WARNING " in first
        assert all(line.startswith("  ") for line in rest)


@pytest.mark.parametrize("kind", [MessageKind.OPENED, MessageKind.CRASH_LOOP])
def test_rendered_message_of_any_text_is_printable_without_markup(
    kind: MessageKind,
) -> None:
    @given(TEXTS, TEXTS, TEXTS)
    def check_example(reason: str, log: str, target: str) -> None:
        facts = {"reason": MASK(reason), "log": MASK(log), "target": MASK(target)}
        outgoing = message(kind=kind, facts=facts)
        for render in RENDERERS:
            text = render(outgoing)
            rendered = f"{text.title}\n{text.body}"
            assert SECRET not in rendered
            assert printable(rendered) == rendered
            assert MARKUP.findall(rendered) == []
        hook_body(outgoing)

    check_example()
