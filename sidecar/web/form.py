"""Forms of the page, as browsers send them."""

from urllib.parse import parse_qsl

from aiohttp import web

from sidecar.web.response import RequestRefused

_CONTENT_TYPE = "application/x-www-form-urlencoded"
_MAX_FIELDS = 20


async def read_form(request: web.Request) -> dict[str, str]:
    """The fields of the form in the body. RequestRefused where it is no form."""
    if request.content_type != _CONTENT_TYPE:
        raise RequestRefused(415, f"the body must be a form: {_CONTENT_TYPE}")
    body = await request.read()
    try:
        fields = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS
        )
    except ValueError as fault:
        raise RequestRefused(400, f"the form cannot be read: {fault}") from fault
    values = dict(fields)
    if len(values) < len(fields):
        raise RequestRefused(400, "a field of the form is given more than once")
    return values
