"""The page on the configuration names every key and every variable."""

import re
from pathlib import Path
from typing import Any

from sidecar.config.environment import KNOWN
from sidecar.config.file.schema import schema
from sidecar.config.labels import label_rules
from sidecar.config.load import load
from tests.support.repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "configuration.md").read_text()


def test_every_key_of_the_file_is_on_the_page() -> None:
    definitions: Any = schema()["$defs"]
    keys = {key for part in definitions.values() for key in part["properties"]}
    named = set(re.findall(r"`([a-z_]+)`", PAGE))
    assert keys - named - {"P0", "P1", "P2", "P3"} == set()


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
    for key, (least, most) in label_rules.BOUNDS.items():
        assert f"| `{key}` | {least} | {most} |" in PAGE
