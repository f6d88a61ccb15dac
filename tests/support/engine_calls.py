"""The list of engine calls as examples of requests, and as expressions of filters."""

import re
from functools import cache
from typing import NamedTuple

from sidecar.engine.calls import CALLS, SEGMENTS, EngineCall

VERSION = "1.45"
EXAMPLES = {
    "{id}": "0" * 62 + "c1",
    "{name}": "shop-wallet-1",
    "{test}": "sidecar-restore-test-0123456789abcdef",
    "{image}": "sha256:" + "0" * 64,
    "{exec}": "e" * 64,
    "{network}": "shop_front",
    "{service}": "s" * 25,
}
_PREFIX = "/v1[.][0-9]+"


def example_target(call: EngineCall) -> str:
    """A path and query of the call, as Sidecar sends it."""
    path = call.path
    for part, example in EXAMPLES.items():
        path = path.replace(part, example)
    names = "&".join(f"{name}=x" for name in call.query)
    query = call.fixed_query or names
    prefix = f"/v{VERSION}" if call.versioned else ""
    return f"{prefix}{path}?{query}" if query else f"{prefix}{path}"


def path_expression(call: EngineCall) -> str:
    """An expression for the call's path with its version; for PCRE, Go and Python."""
    path = call.path
    for part, expression in SEGMENTS.items():
        path = path.replace(part, expression)
    return f"{_PREFIX}{path}" if call.versioned else path


class FilterRule(NamedTuple):
    """The rule of a filter before the engine that allows a call."""

    call: EngineCall
    method: str
    path: re.Pattern[str]

    def allows(self, method: str, target: str) -> bool:
        """Does the rule allow the request?"""
        path, _, query = target.partition("?")
        return (
            method == self.method
            and self.path.fullmatch(path) is not None
            and self.call.fixed_query in {"", query}
        )


@cache
def filter_rules() -> tuple[FilterRule, ...]:
    """A rule for each call of the list."""
    return tuple(
        FilterRule(call, call.method, re.compile(path_expression(call)))
        for call in CALLS
    )
