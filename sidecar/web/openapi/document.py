"""The OpenAPI document, made from the table of operations and the types."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from sidecar.api_types.words import SCHEMAS
from sidecar.web.openapi.operation import Content, Operation, Parameter, Text
from sidecar.web.openapi.operations import OPERATIONS
from sidecar.web.openapi.value_lists import VALUE_LISTS
from sidecar.web.session import COOKIE

Json = dict[str, Any]

_DESCRIPTION = (
    "The API of Sidecar; docs/http-api.md explains it. Errors are"
    ' {"error": "what is wrong and what to do"}. Every GET can be a HEAD. A client'
    " must ignore fields that it does not know, and accept values that are not listed"
    " here: a newer version can send them."
)
_BEARER = "token"
_SESSION = "session"
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


def build_document(version: str) -> Json:
    """The document, ready for JSON."""
    schemas, components = _make_schemas(OPERATIONS)
    paths: dict[str, Json] = {}
    for operation in OPERATIONS:
        of_path = paths.setdefault(operation.path, {})
        of_path[operation.method] = _describe(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sidecar",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                _BEARER: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of SIDECAR_API_TOKEN; a request over"
                    " the control socket needs none",
                },
                _SESSION: {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": COOKIE,
                    "description": "The session of the status page",
                },
            },
        },
    }


def _make_schemas(
    operations: Iterable[Operation],
) -> tuple[Mapping[type[msgspec.Struct], Json], Json]:
    """The schema of each type, and the shared components."""
    types = list(dict.fromkeys(kind for op in operations for kind in _types_of(op)))
    schemas, components = msgspec.json.schema_components(
        types, ref_template=f"{SCHEMAS}/{{name}}"
    )
    for name, values in VALUE_LISTS.items():
        components[name] = {"type": "string", "enum": [str(value) for value in values]}
    by_name = dict(sorted(components.items()))
    return dict(zip(types, schemas, strict=True)), by_name


def _types_of(operation: Operation) -> Iterator[type[msgspec.Struct]]:
    for content in (*operation.answers.values(), operation.body):
        if content is not None and not isinstance(content, Text):
            yield content


def _describe(
    operation: Operation, schemas: Mapping[type[msgspec.Struct], Json]
) -> Json:
    described: Json = {
        "operationId": _operation_id(operation),
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    if operation.parameters:
        described["parameters"] = [_parameter(p) for p in operation.parameters]
    if operation.body is not None:
        schema = schemas[operation.body]
        media_type = _FORM if operation.is_form else _JSON
        described["requestBody"] = {"content": {media_type: {"schema": schema}}}
        if operation.is_form or _has_required(operation.body):
            described["requestBody"]["required"] = True
    described["responses"] = {
        str(status): _answer(operation, status, content, schemas)
        for status, content in sorted(operation.answers.items())
    }
    security = list(_security(operation))
    if security:
        described["security"] = security
    if operation.is_deprecated:
        described["deprecated"] = True
    return described


def _security(operation: Operation) -> Iterator[Json]:
    """The credentials that the operation needs; the empty one: none is needed."""
    if operation.needs_token or operation.shows_more_with_token:
        yield {_BEARER: []}
    if operation.needs_session or operation.shows_more_with_session:
        yield {_SESSION: []}
    if operation.shows_more_with_token or operation.shows_more_with_session:
        yield {}


def _has_required(body: type[msgspec.Struct]) -> bool:
    """Does the body have a field that must be given?"""
    return any(field.required for field in msgspec.structs.fields(body))


def _operation_id(operation: Operation) -> str:
    words = re.findall(r"\w+", operation.path)
    return (
        "_".join((operation.method, *words)) if words else f"{operation.method}_index"
    )


def _parameter(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "in": "path" if parameter.is_in_path else "query",
        "required": parameter.is_in_path,
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }


_MEANINGS = {
    200: "The answer",
    202: "The restart was decided",
    303: "Done; the page is at Location",
    304: "The client has the answer already",
    400: "The body or a parameter cannot be used",
    401: "The token is missing or wrong; for the page: nobody is signed in",
    403: "Control is disabled: no token is configured; for the page: the request is "
    "not from the page of the session",
    404: "There is no such thing",
    409: "It is not possible now; the error says why",
    410: "It has moved",
    413: "The body is too large",
    415: "The body is no form",
    429: "Too many wrong tokens: try again after Retry-After",
    502: "The engine or the message's service refused; the error says why",
    503: "It does not work, or no answer can be given now",
}


def _answer(
    operation: Operation,
    status: int,
    content: Content | None,
    schemas: Mapping[type[msgspec.Struct], Json],
) -> Json:
    if content is None:
        return {"description": _MEANINGS[status]}
    if isinstance(content, Text):
        return {
            "description": content.description,
            "content": {kind: {} for kind in content.media_types},
        }
    pages: Json = {"text/html": {}} if operation.is_form or operation.has_pages else {}
    return {
        "description": _MEANINGS[status],
        "content": {_JSON: {"schema": schemas[content]}, **pages},
    }
