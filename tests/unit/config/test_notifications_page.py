"""The settings on the page about notifications are accepted as they stand."""

import re
import textwrap
from pathlib import Path

import pytest

from tests.support.channel_credentials import (
    NTFY_TOPIC,
    ROUTING_KEY,
    TELEGRAM_TOKEN,
)
from tests.support.config_files import load_text
from tests.support.repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "notifications.md").read_text("utf-8")
EXAMPLES = re.findall(r"^[ \d.]*```yaml\n(.*?)^ *```", PAGE, re.DOTALL | re.MULTILINE)
SECRETS = {
    "telegram_token": TELEGRAM_TOKEN,
    "ntfy_topic": NTFY_TOPIC,
    "pagerduty_key": ROUTING_KEY,
    "pushover_url": "pover://user@token",
    "sidecar_hook": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
}


def test_page_has_an_example_of_each_kind() -> None:
    text = "".join(EXAMPLES)
    for kind in ("telegram", "ntfy", "pagerduty"):
        assert f"kind: {kind}" in text
    assert "secret_file" in text


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_of_the_page_is_accepted(example: str, tmp_path: Path) -> None:
    for name, secret in SECRETS.items():
        (tmp_path / name).write_text(f"{secret}\n")
    text = textwrap.dedent(example).replace("/run/secrets", str(tmp_path))
    notify = load_text(text, tmp_path).notify
    assert notify.channels or notify.hooks
