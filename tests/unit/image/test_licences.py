"""Licences of the shipped packages."""

from importlib.metadata import Distribution
from pathlib import Path

import pytest

from image.licences import find_licence, is_allowed
from tests.support.licence_page import PAGE, page, rows


def test_each_shipped_package_has_an_allowed_licence() -> None:
    licences = {row.name: row.licence for row in rows()}

    assert {"aiohttp", "minio", "certifi"} <= set(licences)
    refused = {
        name: licence
        for name, licence in licences.items()
        if licence is None or not is_allowed(licence)
    }
    assert refused == {}, "read the licence, then see image/licences.py"


def test_licence_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run scripts/licences"


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("License-Expression: Apache-2.0 AND MIT", "Apache-2.0 AND MIT"),
        ("License: Apache 2.0", "Apache-2.0"),
        ("License: ISC\nClassifier: License :: OSI Approved :: BSD License", "ISC"),
        ("Classifier: License :: OSI Approved :: MIT License", "MIT"),
        ("Classifier: License :: OSI Approved :: BSD License", None),
        ("License: Copyright (c) somebody. All rights reserved.", None),
    ],
)
def test_licence_is_found_where_metadata_names_it(
    tmp_path: Path, metadata: str, expected: str | None
) -> None:
    (tmp_path / "METADATA").write_text(f"Name: sample\nVersion: 1\n{metadata}\n")
    assert find_licence(Distribution.at(tmp_path)) == expected


def test_expression_is_allowed_only_if_each_of_its_licences_is() -> None:
    assert is_allowed("MIT OR Apache-2.0")
    assert not is_allowed("MIT AND AGPL-3.0-only")
    assert not is_allowed("GPL-2.0-or-later")
