"""Operations of the API: what each request takes and what it answers."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from msgspec import Struct

from sidecar.api_types.control import EmptyBody
from sidecar.api_types.health import ErrorAnswer


class Text(NamedTuple):
    """An answer that is not JSON, by its media types."""

    media_types: tuple[str, ...]
    description: str


Content = type[Struct] | Text
"""Content of an answer: a type of ``api_types``, or a text."""


class Parameter(NamedTuple):
    """A parameter of the path or of the query; ``schema`` is its JSON Schema."""

    name: str
    description: str
    schema: Mapping[str, Any]
    is_in_path: bool = False


class Operation(NamedTuple):
    """One request. ``answers`` by status; None: an answer without content.

    ``is_form``: the body is a form, and each answer that has content can be a page.
    ``has_pages``: each answer can be a page.
    """

    method: str
    path: str
    tag: str
    summary: str
    answers: Mapping[int, Content | None]
    parameters: tuple[Parameter, ...] = ()
    body: type[Struct] | None = None
    needs_token: bool = False
    shows_more_with_token: bool = False
    is_deprecated: bool = False
    is_form: bool = False
    has_pages: bool = False
    needs_session: bool = False
    shows_more_with_session: bool = False


def refuse(*statuses: int) -> dict[int, Content | None]:
    """Answers that are errors."""
    return dict.fromkeys(statuses, ErrorAnswer)


def read(
    path: str,
    tag: str,
    summary: str,
    content: Content,
    *taken: Parameter,
    errors: Iterable[int] = (),
) -> Operation:
    """A request that changes nothing."""
    answers: dict[int, Content | None] = {200: content, **refuse(*errors, 503)}
    return Operation("get", path, tag, summary, answers, taken)


def check(
    path: str, summary: str, content: type[Struct], *taken: Parameter
) -> Operation:
    """A question about health: the content is the same with 200 and 503."""
    answers: dict[int, Content | None] = {200: content, 503: content}
    if taken:
        answers |= refuse(404)
    if any(not parameter.is_in_path for parameter in taken):
        answers |= refuse(400)
    return Operation("get", path, "health", summary, answers, taken)


def publish(path: str, summary: str, content: Content, *taken: Parameter) -> Operation:
    """An answer for everybody, which may be kept: 304 to who has it already."""
    answers: dict[int, Content | None] = {200: content, 304: None, **refuse(503)}
    if taken:
        answers |= refuse(404)
    return Operation("get", path, "public", summary, answers, taken)


def change(
    path: str,
    summary: str,
    content: type[Struct],
    *taken: Parameter,
    body: type[Struct] | None = EmptyBody,
    done: int = 200,
    more: dict[int, Content | None] | None = None,
) -> Operation:
    """A request that changes something: it must be authorised."""
    answers: dict[int, Content | None] = {
        done: content,
        **refuse(400, 401, 403, 413, 503),
        **(refuse(404) if taken else {}),
        **(more or {}),
    }
    return Operation(
        "post", path, "control", summary, answers, taken, body, needs_token=True
    )
