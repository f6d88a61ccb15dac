"""The schema of CycloneDX 1.5, as cyclonedx-python-lib 11.12 has it (Apache-2.0)."""

import json
from typing import Any

from jsonschema import Draft7Validator
from referencing import Registry, Resource

from tests.support.repository import REPOSITORY

FOLDER = REPOSITORY / "tests" / "data" / "cyclonedx"


def find_faults(document: dict[str, Any]) -> list[str]:
    """The faults of a document, by the schema."""
    schemas = {
        path.name: json.loads(path.read_text()) for path in FOLDER.glob("*.json")
    }
    # The files refer to each other by their names, beside the id of the main one.
    registry: Registry[Any] = Registry().with_resources(
        (f"http://cyclonedx.org/schema/{name}", Resource.from_contents(schema))
        for name, schema in schemas.items()
    )
    validator = Draft7Validator(
        schemas["bom-1.5.SNAPSHOT.schema.json"], registry=registry
    )
    return [
        f"{error.json_path}: {error.message}"
        for error in validator.iter_errors(document)
    ]
