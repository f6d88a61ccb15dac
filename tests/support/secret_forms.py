"""Secrets of any characters, and the forms in which tools write them."""

import base64
import html
import json
import shlex
import string
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus

from hypothesis import strategies as st

from sidecar.core.text.printable import on_one_line

Form = Callable[[str], str]


def _lower_percent_codes(quoted: str) -> str:
    """Percent codes in small letters, everything else unchanged."""
    head, *codes = quoted.split("%")
    return head + "".join(f"%{code[:2].lower()}{code[2:]}" for code in codes)


def _to_decimal_entities(secret: str) -> str:
    return "".join(c if c.isalnum() and c.isascii() else f"&#{ord(c)};" for c in secret)


def _to_hex_entities(secret: str) -> str:
    return "".join(
        c if c.isalnum() and c.isascii() else f"&#x{ord(c):x};" for c in secret
    )


def _escape_with_backslashes(secret: str) -> str:
    """Backslashes as ``printf %q`` writes them before printable characters."""
    return "".join(c if c.isalnum() else f"\\{c}" for c in secret)


def _to_octal_escapes(secret: str) -> str:
    return "".join(
        chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\{byte:03o}"
        for byte in secret.encode()
    )


def _to_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


FORMS: Mapping[str, Form] = {
    "plain": str,
    "percent": lambda s: quote(s, safe=""),
    "percent, / safe": quote,
    "percent, many safe": lambda s: quote(s, safe="/:@!$'()*,;~-._"),
    "percent, small": lambda s: _lower_percent_codes(quote(s, safe="")),
    "percent, twice": lambda s: quote(quote(s, safe=""), safe=""),
    "plus": quote_plus,
    "html": html.escape,
    "html, quotes left": lambda s: html.escape(s, quote=False),
    "html, numbers": _to_decimal_entities,
    "html, hex numbers": _to_hex_entities,
    "json": lambda s: json.dumps(s)[1:-1],
    "json, unicode left": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "json, / escaped": lambda s: json.dumps(s)[1:-1].replace("/", "\\/"),
    "json in json": lambda s: json.dumps(json.dumps(s))[3:-3],
    "repr": lambda s: repr(s)[1:-1],
    "ascii": lambda s: ascii(s)[1:-1],
    "repr of bytes": lambda s: repr(s.encode())[2:-1],
    "shell": lambda s: shlex.quote(s).removeprefix("'").removesuffix("'"),
    "shell, backslashes": _escape_with_backslashes,
    "octal": _to_octal_escapes,
    "base64": lambda s: _to_base64(s.encode()),
    "base64 for addresses": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "base64 of user and password": lambda s: _to_base64(f"bob:{s}".encode()),
    "base64 of a longer user": lambda s: _to_base64(f"alice:{s}".encode()),
    "base64 of more around": lambda s: _to_base64(f"{{'u':'{s}'}}".encode()),
    "base64 in lines": lambda s: base64.encodebytes(f"rpcuser:{s}".encode()).decode(),
    "hex": lambda s: s.encode().hex(),
    "hex, capitals": lambda s: s.encode().hex().upper(),
}

CHARS = st.characters(exclude_categories=("Cc", "Cs", "Cn", "Co", "Zl", "Zp"))
SECRETS = st.builds(
    lambda head, middle, tail: head + middle + tail,
    st.sampled_from(string.ascii_letters + string.digits + "#!/é"),
    st.text(CHARS, min_size=6, max_size=60),
    st.sampled_from(string.ascii_letters + string.digits + "$%\\'\"가"),
).filter(lambda s: s == on_one_line(s))
