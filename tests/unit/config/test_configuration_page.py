"""The page on the configuration explains every key and every variable."""

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from msgspec import structs

from sidecar.config.environment import KNOWN
from sidecar.config.file.setting_types import Section
from sidecar.config.labels.label_rules import BOUNDS
from sidecar.config.load import load
from sidecar.config.reference.tables import (
    KINDS,
    TEXTS,
    MissingTextError,
    described_schema,
    rows_of,
    sections,
)
from tests.support.configuration_page import page, sections_on_page
from tests.support.repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "configuration.md").read_text()


@pytest.mark.parametrize("name", sections())
def test_every_key_of_the_file_has_a_text_and_a_default(name: str) -> None:
    keys = [field.encode_name for field in structs.fields(sections()[name])]
    texts = {row.key: row for common in KINDS for row in rows_of(common)}
    texts |= {row.key: row for row in rows_of(sections()[name])}
    assert set(keys) <= texts.keys()
    for key in keys:
        assert texts[key].meaning
        assert texts[key].default


def test_a_key_without_a_text_or_a_default_is_named() -> None:
    class NewSection(Section):
        interval: str = ""

    with pytest.raises(MissingTextError, match=r"NewSection\.interval: it has no text"):
        rows_of(NewSection)


def test_every_text_is_of_a_key_of_the_file() -> None:
    for section, texts in TEXTS.items():
        fields = {field.encode_name for field in structs.fields(section)}
        assert texts.keys() <= fields, section


def test_every_section_has_its_table_on_the_page_once() -> None:
    names = [name for name, section in sections().items() if rows_of(section)]
    assert sorted(sections_on_page()) == sorted(names), "add a heading and its markers"


def test_the_tables_of_the_page_are_up_to_date() -> None:
    assert page() == PAGE, "run scripts/configuration"


def test_the_schema_for_editors_describes_every_key() -> None:
    described: Any = described_schema()
    Draft202012Validator.check_schema(described)
    for name, part in described["$defs"].items():
        for key, below in part["properties"].items():
            assert key == "type" or "; default: " in below["description"], (name, key)
    window = described["$defs"]["RestartSection"]["properties"]["window"]
    assert window["description"].endswith("; default: `15m`")


def test_every_variable_is_on_the_page() -> None:
    assert {name for name in KNOWN if f"`{name}`" not in PAGE} == set()


def test_the_example_is_accepted(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    secret = tmp_path / "secret"
    secret.write_text("x")
    file = tmp_path / "sidecar.yaml"
    file.write_text(re.sub(r"/run/secrets/\w+", str(secret), example))
    assert len(load({}, file).targets) == 2


def test_every_bound_of_a_label_is_on_the_page() -> None:
    for key in BOUNDS:
        assert f"\n| `{key}` | " in PAGE.partition("<!-- keys of labels -->")[2]
