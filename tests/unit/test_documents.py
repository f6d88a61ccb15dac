"""Documents: links lead somewhere, marked blocks run, sections have all their parts."""

import os
import re
from pathlib import Path

import click
import pytest

from sidecar.cli.main import sidecar
from sidecar.core.model.cause import Cause
from tests.support.alert_rules import RUNBOOKS, read_rules
from tests.support.documents import (
    PARTS,
    RUNNABLE,
    RUNNABLE_IN_STACK,
    Block,
    anchors_of,
    blocks_of,
    commands_of,
    documents,
    links_of,
    markers_of,
    parts_of,
    runnable_blocks,
    sections_of,
)
from tests.support.readme_steps import run_as_root
from tests.support.repository import REPOSITORY

CAUSES = REPOSITORY / "docs" / "causes.md"
INDEX = REPOSITORY / "docs" / "README.md"
ANY_COMMAND = "COMMAND"
MENTION = re.compile(r"\b(docs/[\w-]+\.md)(?:#([\w-]+))?")


def name_of(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_every_link_of_a_document_leads_to_a_file_and_a_heading(
    document: Path,
) -> None:
    for link in links_of(document):
        assert link.file.exists(), f"{link.label}: there is no such file"
        if link.anchor:
            assert link.anchor in anchors_of(link.file), (
                f"{link.label}: no such heading"
            )


def test_every_mention_of_a_document_in_code_leads_to_a_heading() -> None:
    for folder, pattern in (("sidecar", "*.py"), ("sidecar", "*.po"), ("compose", "*")):
        for file in (REPOSITORY / folder).rglob(pattern):
            if not file.is_file() or file.suffix in {".pyc", ".mo"}:
                continue
            for page, anchor in MENTION.findall(file.read_text("utf-8")):
                document = REPOSITORY / page
                assert document.exists(), f"{name_of(file)}: {page}"
                has_heading = not anchor or anchor in anchors_of(document)
                assert has_heading, f"{name_of(file)}: {page}#{anchor}"


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_every_command_of_a_document_exists_with_its_options(document: Path) -> None:
    for text in commands_of(document):
        assert command_fault(text) == "", f"{name_of(document)}: sidecar {text}"


@pytest.mark.parametrize(
    "text", ["statsu", "config inspect", "restart TARGET --soon", "status TARGET MORE"]
)
def test_command_that_does_not_exist_is_a_fault(text: str) -> None:
    assert command_fault(text)


def command_fault(text: str) -> str:
    """Fault of a command in a document; empty: it has none."""
    command: click.Command = sidecar
    words = re.sub(r"[\[\]]|\.\.\.", "", text).split()
    while words and isinstance(command, click.Group) and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    if words and (default := getattr(command, "default", "")):
        assert isinstance(command, click.Group)
        command = command.commands[default]
    options = {name: p for p in command.params for name in p.opts + p.secondary_opts}
    arguments = 0
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            arguments += 1
        elif word.partition("=")[0] not in {*options, "--help", "-h"}:
            return f"there is no option {word}"
        elif (option := options.get(word)) and not getattr(option, "is_flag", False):
            del words[:1]
    counts = [p.nargs for p in command.params if isinstance(p, click.Argument)]
    is_limited = -1 not in counts and text.split(maxsplit=1)[0] != ANY_COMMAND
    is_too_long = is_limited and arguments > sum(counts)
    return f"at most {sum(counts)} arguments" if is_too_long else ""


def test_index_of_the_documents_links_to_every_document() -> None:
    linked = {link.file for link in links_of(INDEX)}
    pages = set((REPOSITORY / "docs").glob("*.md")) - {INDEX}
    assert {name_of(page) for page in pages - linked} == set()


@pytest.mark.parametrize("cause", Cause)
def test_section_of_a_cause_has_all_parts(cause: Cause) -> None:
    (section,) = (
        text
        for heading, text in sections_of(CAUSES).items()
        if cause in heading.split(", ")
    )
    assert_all_parts(section, f"docs/causes.md, {cause}")


@pytest.mark.parametrize("alert", [rule.alert for rule in read_rules() if rule.alert])
def test_section_of_an_alert_has_all_parts(alert: str) -> None:
    assert_all_parts(sections_of(RUNBOOKS)[alert], f"docs/runbooks.md, {alert}")


def assert_all_parts(section: str, where: str) -> None:
    parts = parts_of(section)
    expected = ", ".join(f"**{part}.**" for part in PARTS)
    assert tuple(parts) == PARTS, f"{where}: it must have {expected}"
    for part, text in parts.items():
        assert text, f"{where}: **{part}.** is empty"


def test_every_marker_is_known_and_stands_before_a_shell_block() -> None:
    for document in documents():
        markers = markers_of(document)
        assert set(markers) <= {RUNNABLE, RUNNABLE_IN_STACK}, name_of(document)
        assert len(markers) == len(blocks_of(document)), name_of(document)
    for marker in (RUNNABLE, RUNNABLE_IN_STACK):
        assert runnable_blocks(marker), marker


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")
@pytest.mark.parametrize(
    "block", runnable_blocks(RUNNABLE), ids=lambda block: block.label
)
def test_runnable_block_ends_well(block: Block, tmp_path: Path) -> None:
    for folder in ("secrets", "sidecar"):
        (tmp_path / folder).mkdir()
    run_as_root(block.code, tmp_path)
