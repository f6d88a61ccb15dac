"""The OpenAPI document: valid, complete, and the same as the committed one."""

import json
import re

from openapi_spec_validator import validate

from sidecar import __version__
from sidecar.web.openapi.document import build_document
from tests.support.api_services import ApiServiceFakes
from tests.support.openapi_page import page
from tests.support.public_server import public_server
from tests.support.repository import REPOSITORY

DOCS = REPOSITORY / "docs"


def test_document_is_valid_openapi() -> None:
    validate(json.loads(json.dumps(build_document(__version__))))


def test_committed_document_is_up_to_date() -> None:
    """Otherwise run scripts/openapi."""
    assert (DOCS / "openapi.json").read_text() == page()


def test_every_route_of_the_server_is_in_the_document_and_no_other() -> None:
    routes = {r for r in public_server(ApiServiceFakes()).routes if r[0] != "HEAD"}
    described = {
        (method.upper(), path)
        for path, operations in build_document(__version__)["paths"].items()
        for method in operations
    }
    assert described == routes


def test_every_operation_has_an_id_of_its_own() -> None:
    paths = build_document(__version__)["paths"].values()
    ids = [operation["operationId"] for path in paths for operation in path.values()]
    assert len(ids) == len(set(ids))


def test_every_path_is_named_on_the_page_of_the_api() -> None:
    """Names of the page: ``T``, ``TARGET`` and ``ID`` stand for parameters."""
    text = (DOCS / "http-api.md").read_text()
    for path, operations in build_document(__version__)["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", r"[A-Z0-9a-z]+", re.escape(path))
        for method, operation in operations.items():
            if operation.get("deprecated"):
                continue
            named = rf"`{method.upper()} {pattern}(?:\?[^`]*)?`"
            assert re.search(named, text), f"{method} {path}"
