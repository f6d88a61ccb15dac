"""Any text of others through the mask, the log and a message."""

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
from tests.adapters.notify.test_markup import MARKUP
from tests.fuzz.inputs import SECRET, TEXTS
from tests.support.notify_receivers import PLACE, message

MASK = Mask([SECRET])
RENDERERS = [Renderer(read_catalog(it), ZoneInfo("UTC"), PLACE) for it in ("en", "ko")]
LONG = st.builds(lambda text, times: text * times, TEXTS, st.integers(1, 300))
SECONDS_PER_CHARACTER = 20e-6
"""A square would take a hundred times that of what is long."""


@given(TEXTS | LONG)
def test_the_mask(text: str) -> None:
    began = time.process_time()
    shown = MASK(text)
    taken = time.process_time() - began
    assert SECRET not in shown
    assert printable(shown) == shown
    assert taken < 0.05 + len(text) * SECONDS_PER_CHARACTER


@given(TEXTS | LONG, st.integers(0, 400))
def test_a_text_that_is_masked_and_cut(text: str, most: int) -> None:
    shown = MASK.cut(text, most)
    assert SECRET not in shown
    if SECRET[:7] not in text.replace(SECRET, ""):
        assert SECRET[:7] not in shown


@given(TEXTS | LONG, TEXTS, st.sampled_from(LogFormat))
def test_a_line_of_the_log(said: str, bound: str, log_format: LogFormat) -> None:
    stream = io.StringIO()
    configure("debug", log_format, MASK, stream)
    logger.bind(target=bound, value=said).warning("{}", said)
    written = stream.getvalue()
    written.encode()
    assert SECRET not in written
    assert len(written) < 10 * LONGEST_TEXT
    if log_format is LogFormat.JSON:
        (line,) = written.splitlines()
        shown = str(json.loads(line)["message"])
        assert printable(shown) == shown
    else:
        first, *rest = written.removesuffix("\n").split("\n")
        assert printable(written) == written
        assert " WARNING " in first
        assert all(line.startswith("  ") for line in rest)


@pytest.mark.parametrize("kind", [MessageKind.OPENED, MessageKind.CRASH_LOOP])
def test_a_message(kind: MessageKind) -> None:
    @given(TEXTS, TEXTS, TEXTS)
    def each(reason: str, log: str, target: str) -> None:
        facts = {"reason": MASK(reason), "log": MASK(log), "target": MASK(target)}
        sent = message(kind=kind, facts=facts)
        for render in RENDERERS:
            text = render(sent)
            said = f"{text.title}\n{text.body}"
            assert SECRET not in said
            assert printable(said) == said
            assert MARKUP.findall(said) == []
        hook_body(sent)

    each()
