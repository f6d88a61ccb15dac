"""Query parameters of a request."""

from aiohttp import web

from sidecar.web.response import RequestRefused

_MAX_SHOWN = 20
_SWITCH = {"0": False, "1": True}


def parse_query(request: web.Request, **defaults: str) -> dict[str, str]:
    """The parameters by name, with ``defaults`` for those that are not given.

    RequestRefused where one is unknown or given twice: a misspelt ``windw=7d`` would
    otherwise be answered with the figures of another period.
    """
    parameters = dict(request.query)
    unknown = next((name for name in parameters if name not in defaults), None)
    if unknown is not None:
        allowed = ", ".join(defaults) or "none"
        raise RequestRefused(
            400, f"unknown parameter {unknown[:_MAX_SHOWN]}; possible: {allowed}"
        )
    if len(request.query) > len(parameters):
        raise RequestRefused(400, "a parameter is given more than once")
    return defaults | parameters


def parse_switch(query: dict[str, str], name: str, meaning: str) -> bool:
    """The value of a parameter that is 1 or 0. RequestRefused for any other."""
    value = query[name]
    if value not in _SWITCH:
        raise RequestRefused(400, f"{name}={value[:_MAX_SHOWN]}: give 1 {meaning}")
    return _SWITCH[value]
