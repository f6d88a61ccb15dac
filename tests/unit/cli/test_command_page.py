"""``docs/cli.md`` is up to date."""

from tests.support.command_page import page
from tests.support.repository import REPOSITORY


def test_command_page_is_up_to_date() -> None:
    document = REPOSITORY / "docs" / "cli.md"
    assert document.read_text("utf-8") == page(), "run scripts/commands"
