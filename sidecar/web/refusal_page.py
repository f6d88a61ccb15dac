"""Refusals of the page's forms: a page for people, JSON for programs."""

from aiohttp import hdrs, web

from sidecar.web.form_texts import form_text
from sidecar.web.page_services import PageHandler, PageServices
from sidecar.web.plain_page import link, paragraph, plain_page
from sidecar.web.response import (
    RequestRefused,
    add_retry_after,
    html_response,
    refusal_response,
)


def wants_json(request: web.BaseRequest) -> bool:
    """Does the request come from a program, such as the script of the page?"""
    return "application/json" in request.headers.get(hdrs.ACCEPT, "")


def with_refusal_page(page: PageServices, handler: PageHandler) -> PageHandler:
    """The handler; a person whose request it refuses reads the reason on a page."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except RequestRefused as refusal:
            if wants_json(request):
                return refusal_response(refusal)
            answer = refusal_page(
                page.language_of(request), refusal.status, refusal.error
            )
            add_retry_after(answer, refusal)
            return answer

    return handle


def refusal_page(language: str, status: int, error: str) -> web.Response:
    """The page with the reason of a refusal."""
    title = form_text(language, "refused.title")
    parts = [paragraph(error), link("/", form_text(language, "back"))]
    return html_response(plain_page(language, title, parts), status)
