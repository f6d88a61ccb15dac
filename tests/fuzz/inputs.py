"""Hostile input: strategies that several fuzz tests share."""

import json

from hypothesis import strategies as st

SECRET = "Zq7Xv9Kp3-Wd5!"
PIECES = (
    *("\x1b[2J", "\x1b]0;t\x07", "\u202e", "\u2066", "\ud800", "\x00", "\r\n", "\n"),
    *("password=", "password ", "://a:b@c", "basic ", "eyJ", "xprv", '"', "'", "\\"),
    *(
        "%",
        "&#",
        "<!channel>",
        "@everyone",
        "[x](http://a)",
        "```",
        "a" * 200,
        "한국어",
    ),
    *(SECRET, SECRET[:7], "Zq7Xv9Kp3-Wd5%21", "Zq7Xv9Kp3-Wd5&#33;", " " * 50),
)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
TEXTS = st.lists(ANY_TEXT | st.sampled_from(PIECES), max_size=12).map("".join)
NUMBERS = (
    st.integers()
    | st.floats()
    | st.sampled_from([0, -1, 10**18, 2**63, 10**400, 1e308, float("nan")])
)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
    ),
    max_leaves=12,
)


def to_json_bytes(value: object) -> bytes:
    """JSON as a lenient server writes it, NaN and lone surrogates included."""
    return json.dumps(value).encode()
