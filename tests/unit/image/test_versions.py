"""The image's label has the version of the package."""

import re
import tomllib

from tests.support.repository import REPOSITORY


def test_dockerfile_has_the_version_of_the_package() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    assert re.findall(r"^ARG VERSION=(.*)$", dockerfile, re.MULTILINE) == [
        project["version"]
    ]
