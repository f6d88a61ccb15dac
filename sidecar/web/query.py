"""What a request asks for behind its question mark."""

from aiohttp import web

from sidecar.web.response import RequestRefused

_MAX_SHOWN = 20


def parse_query(request: web.Request, **defaults: str) -> dict[str, str]:
    """The parameters by name, with ``defaults`` for those that are not given.

    Refusal where one is unknown or given twice: a misspelt ``windw=7d`` would
    otherwise be answered with the figures of another period.
    """
    given = dict(request.query)
    unknown = next((name for name in given if name not in defaults), None)
    if unknown is not None:
        allowed = ", ".join(defaults) or "none"
        raise RequestRefused(
            400, f"unknown parameter {unknown[:_MAX_SHOWN]}; possible: {allowed}"
        )
    if len(request.query) > len(given):
        raise RequestRefused(400, "a parameter is given more than once")
    return defaults | given
