"""The text of an answer's body: decompressed up to a limit, in its own charset."""

import codecs
import re
import zlib

from sidecar.probes.http_client.response import HttpResponse
from sidecar.probes.text import one_line

_CHARSET = re.compile(rb"""charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE)
_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""zlib's ``wbits`` for each content coding."""

_RAW_DEFLATE = -15
_WIDER = {"euc_kr": "cp949", "iso8859-1": "cp1252", "ascii": "utf-8"}
"""Charsets read as a wider one, as browsers do: servers often name the narrower one."""

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class ContentUnreadable(Exception):
    """The body cannot be judged; the text gives the reason and the remedy."""


def has_text(answer: HttpResponse, text: str, limit_bytes: int) -> bool:
    """Is ``text`` in the body? Of a compressed one ``limit_bytes`` are searched.

    Raises ContentUnreadable. May take milliseconds for a long body.
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
        return False  # the text is missing in every charset that includes ASCII
    if not _is_decodable(answer.body, charset or "utf-8"):
        charset_text = f"{charset}, which it is called" if charset else "UTF-8"
        raise ContentUnreadable(f"it is not {charset_text}")
    return False


def unpack(answer: HttpResponse, limit_bytes: int) -> HttpResponse:
    """The answer with its body decompressed, up to ``limit_bytes``.

    Raises ContentUnreadable.
    """
    coding = answer.headers.get(b"content-encoding", b"").decode("latin-1")
    coding = coding.strip().lower()
    if coding in {"", "identity"}:
        return answer
    if coding not in _WINDOWS:
        raise ContentUnreadable(
            f"it is compressed ({one_line(coding)}) though not asked to"
        )
    body, whole = _inflate(answer.body, _WINDOWS[coding], limit_bytes)
    cut = len(body) > limit_bytes or (answer.cut and not whole)
    if not cut and not whole:
        raise ContentUnreadable(f"what is called {coding} is damaged")
    return answer._replace(body=body[:limit_bytes], cut=cut)


def _inflate(packed: bytes, window: int, limit_bytes: int) -> tuple[bytes, bool]:
    """The decompressed body, at most one byte above the limit; is it complete?"""
    for bits in (window, _RAW_DEFLATE):
        machine = zlib.decompressobj(bits)
        try:
            body = machine.decompress(packed, limit_bytes + 1)
        except zlib.error:
            continue
        return body, machine.eof
    return b"", False


def _charset_of(answer: HttpResponse) -> str:
    """Python's name of the charset in the header, else of a byte-order mark, or ''."""
    match = _CHARSET.search(answer.headers.get(b"content-type", b""))
    if match is None:
        charsets = (name for mark, name in _MARKS if answer.body.startswith(mark))
        return next(charsets, "")
    name = match[1].decode("latin-1")
    try:
        codec_name = codecs.lookup(name).name
        b"x".decode(codec_name, "replace")  # LookupError of what is no text's encoding
    except (LookupError, UnicodeError):
        raise ContentUnreadable(f"its charset {name} is not known") from None
    return _WIDER.get(codec_name, codec_name)


def _is_decodable(body: bytes, charset: str) -> bool:
    try:
        body.decode(charset)
    except UnicodeDecodeError:
        return False
    return True
