"""The requests of the status page."""

from msgspec import Struct

from sidecar.api_types import control, page
from sidecar.web.openapi import parameters
from sidecar.web.openapi.operation import (
    Content,
    Operation,
    Parameter,
    Text,
    read,
    refuse,
)

_HTML = Text(("text/html",), "A page")
_EVENTS = Text(
    ("text/event-stream",),
    "Server-sent events of the kind page; the data are the content of the page. After "
    "the first event they have a base, and html has only the parts that differ from it",
)
_FILES = Text(
    ("text/css", "text/javascript", "image/svg+xml"), "A file that the page loads"
)


def _view(
    path: str,
    summary: str,
    content: Content,
    *taken: Parameter,
    more: dict[int, Content | None] | None = None,
) -> Operation:
    """A part of the page: 404 where the page is off."""
    operation = read(path, "page", summary, content, *taken, errors=(404,))
    return operation._replace(answers={**operation.answers, **(more or {})})


def _submit(
    path: str,
    summary: str,
    form: type[Struct],
    answers: dict[int, Content | None],
) -> Operation:
    """A form of the page: people get pages, and programs get JSON."""
    return Operation(
        "post",
        path,
        "page",
        summary,
        {303: None, **answers, **refuse(400, 401, 403, 404, 413, 415, 503)},
        (parameters.LANGUAGE,),
        form,
        is_form=True,
    )


def _order(
    name: str,
    summary: str,
    form: type[Struct],
    content: type[Struct],
    more: dict[int, Content | None] | None = None,
) -> Operation:
    """An order of an operator, who is signed in."""
    answers: dict[int, Content | None] = {200: content, **refuse(409), **(more or {})}
    operation = _submit(f"/page/act/{name}", summary, form, answers)
    return operation._replace(needs_session=True)


_VIEWS = (
    _view(
        "/incidents/{id}",
        "The page of an incident",
        _HTML,
        parameters.INCIDENT,
        parameters.LANGUAGE,
        more=refuse(400),
    )._replace(has_pages=True, shows_more_with_session=True),
    _view("/static/{name}", "A file of the page", _FILES, parameters.FILE),
    _view(
        "/page/state.json",
        "The content of the page",
        page.PageState,
        parameters.LANGUAGE,
        more=refuse(400),
    )._replace(shows_more_with_session=True),
    _view(
        "/page/stream",
        "The content of the page, and its changes",
        _EVENTS,
        parameters.LANGUAGE,
        more=refuse(400),
    )._replace(shows_more_with_session=True),
)

_SESSION = (
    _view(
        "/login", "The form to sign in", _HTML, parameters.LANGUAGE, more={403: _HTML}
    ),
    _submit(
        "/login",
        "Sign in with the API token; the answer sets the cookie of the session",
        page.SignInForm,
        refuse(429),
    ),
    _submit("/logout", "End the session", page.SignOutForm, {})._replace(
        needs_session=True
    ),
)

_ORDERS = (
    _order("ack", "Acknowledge an incident", page.AckForm, control.AckAnswer),
    _order(
        "restart",
        "Restart a replica, or learn which guards would object",
        page.RestartForm,
        page.RestartQuestion,
        {202: control.DecisionAnswer, 409: control.Objection},
    ),
    _order("pause", "Stop acting on a target", page.PauseForm, control.DecisionAnswer),
    _order("resume", "Act again", page.TargetForm, control.DecisionAnswer),
    _order("recover", "Forget used tries", page.TargetForm, control.DecisionAnswer),
    _order(
        "skip", "Skip the next planned restart", page.TargetForm, control.SkipAnswer
    ),
)

PAGE_OPERATIONS = (*_VIEWS, *_SESSION, *_ORDERS)
