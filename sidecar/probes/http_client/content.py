"""The text of an answer's body: decompressed within bounds, in its own charset."""

import codecs
import re
import zlib

from sidecar.probes.http_client.response import HttpResponse
from sidecar.probes.text import brief

_CHARSET = re.compile(rb"""charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE)
_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""How zlib is told of a format."""

_RAW_DEFLATE = -15
_WIDER = {"euc_kr": "cp949", "iso8859-1": "cp1252", "ascii": "utf-8"}
"""As browsers read them: what is sent under the narrower name is often the wider."""

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class ContentUnreadable(Exception):
    """It may be as expected or not; the text says why, and what to do."""


def has_text(answer: HttpResponse, text: str, limit_bytes: int) -> bool:
    """Is ``text`` in the body? Of what is compressed, ``limit_bytes`` are looked at.

    CannotBeJudged. May take milliseconds for a long body.
    """
    answer = unpack(answer, limit_bytes)
    charset = _charset_of(answer)
    if text in answer.body.decode(charset or "utf-8", "replace"):
        return True
    if answer.cut:
        raise ContentUnreadable(
            f"it is longer than {limit_bytes} bytes; see max_body_bytes"
        )
    if text.isascii() and b"\0" not in answer.body:
        return False  # whatever ASCII-like charset it is in, the text is not there
    if not _fits(answer.body, charset or "utf-8"):
        named = f"{charset}, which it is called" if charset else "UTF-8"
        raise ContentUnreadable(f"it is not {named}")
    return False


def unpack(answer: HttpResponse, limit_bytes: int) -> HttpResponse:
    """The answer with its body decompressed, up to ``limit_bytes``. CannotBeJudged."""
    coding = answer.headers.get(b"content-encoding", b"").decode("latin-1")
    coding = coding.strip().lower()
    if coding in {"", "identity"}:
        return answer
    if coding not in _WINDOWS:
        raise ContentUnreadable(
            f"it is compressed ({brief(coding)}) though not asked to"
        )
    body, whole = _inflate(answer.body, _WINDOWS[coding], limit_bytes)
    cut = len(body) > limit_bytes or (answer.cut and not whole)
    if not cut and not whole:
        raise ContentUnreadable(f"what is called {coding} is damaged")
    return answer._replace(body=body[:limit_bytes], cut=cut)


def _inflate(packed: bytes, window: int, limit_bytes: int) -> tuple[bytes, bool]:
    """At most one byte above the limit; was it the whole?"""
    for bits in (window, _RAW_DEFLATE):
        machine = zlib.decompressobj(bits)
        try:
            body = machine.decompress(packed, limit_bytes + 1)
        except zlib.error:
            continue
        return body, machine.eof
    return b"", False


def _charset_of(answer: HttpResponse) -> str:
    """Python's name of what the answer names, or begins with; '' for nothing."""
    named = _CHARSET.search(answer.headers.get(b"content-type", b""))
    if named is None:
        found = (name for mark, name in _MARKS if answer.body.startswith(mark))
        return next(found, "")
    name = named[1].decode("latin-1")
    try:
        known = codecs.lookup(name).name
        b"x".decode(known, "replace")  # LookupError of what is no text's encoding
    except (LookupError, UnicodeError):
        raise ContentUnreadable(f"its charset {name} is not known") from None
    return _WIDER.get(known, known)


def _fits(body: bytes, charset: str) -> bool:
    try:
        body.decode(charset)
    except UnicodeDecodeError:
        return False
    return True
