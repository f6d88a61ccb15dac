"""Does a request come from a page of this server, or from another site?"""

from urllib.parse import urlsplit

from aiohttp import hdrs, web

from sidecar.web.response import RequestRefused

_OWN_SITES = frozenset({"same-origin", "none"})
"""Sec-Fetch-Site of a page of this server, and of an address that a person typed."""


def refuse_other_site(request: web.BaseRequest) -> None:
    """RequestRefused where another site made the browser send this request.

    Browsers say where a request comes from: ``Sec-Fetch-Site`` over HTTPS, else
    ``Origin``. A program that is no browser sends neither and is not refused.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get(hdrs.ORIGIN)
    if site is not None:
        is_own = site in _OWN_SITES
    else:
        is_own = origin is None or _host_of(origin) in _own_hosts(request)
    if not is_own:
        raise RequestRefused(
            403,
            "the request comes from another site: open the page of this sidecar and "
            "use its own buttons",
        )


def is_https(request: web.BaseRequest) -> bool:
    """Did the browser use HTTPS, as a proxy before this server says?

    A client that lies about it gets a cookie that it does not send over HTTP.
    """
    return request.headers.get("X-Forwarded-Proto", "").strip().lower() == "https"


def _host_of(origin: str) -> str | None:
    """Host and port of an origin; None: it names none, such as ``null``."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _own_hosts(request: web.BaseRequest) -> frozenset[str]:
    """The hosts by which this server was called.

    A proxy may replace ``Host`` and keep the browser's in ``X-Forwarded-Host``; a page
    of another site cannot set either.
    """
    names = (request.headers.get(name) for name in (hdrs.HOST, "X-Forwarded-Host"))
    return frozenset(name.strip().lower() for name in names if name)
