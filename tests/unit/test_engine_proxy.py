"""The example of an engine proxy allows exactly what docs/engine-access.md lists."""

import re
from typing import NamedTuple

import pytest

from tests.support.repository import REPOSITORY

PAGE = REPOSITORY / "docs" / "engine-access.md"
CONFIG = REPOSITORY / "compose" / "examples" / "haproxy.cfg"
RULE = re.compile(
    r"^ *(?P<off># )?http-request allow if METH_(?P<method>\w+) +"
    r"\{ path_reg (?P<path>\S+) \}(?: \{ query (?P<query>\S+) \})?$",
    re.MULTILINE,
)
REQUEST = re.compile(r"`([A-Z]+) (/[^`?]*)(?:\?([^`]*))?`")
CONTAINER, IMAGE = "f0c4e1a2b3d4", "sha256:0123456789abcdef"
ROOT_EQUIVALENT = (
    ("POST", "/containers/create", ""),
    ("POST", "/v1.45/containers/create", "name=x"),
    ("POST", "/v1.45/build", ""),
    ("POST", "/v1.45/images/create", ""),
    ("PUT", f"/v1.45/containers/{CONTAINER}/archive", "path=/"),
    ("DELETE", f"/v1.45/containers/{CONTAINER}", ""),
    ("POST", f"/v1.45/containers/{CONTAINER}/update", ""),
    ("POST", f"/v1.45/containers/{CONTAINER}/kill", "signal=SIGKILL"),
    ("POST", f"/v1.45/containers/{CONTAINER}/kill", ""),
    ("POST", f"/v1.45/containers/{CONTAINER}/exec", ""),
    ("GET", "/v1.45/containers/../secrets/json", ""),
    ("GET", f"/v1.45/containers/{CONTAINER}/json/../../secrets", ""),
    ("POST", "/v1.45/plugins/pull", ""),
)


class Rule(NamedTuple):
    """One line of the proxy's configuration; ``is_on`` False: it is a comment."""

    is_on: bool
    method: str
    path: re.Pattern[str]
    query: str | None

    def allows(self, method: str, path: str, query: str) -> bool:
        return (
            method == self.method
            and self.path.search(path) is not None
            and self.query in {None, query}
        )


RULES = [
    Rule(not line["off"], line["method"], re.compile(line["path"]), line["query"])
    for line in RULE.finditer(CONFIG.read_text())
]


def requests_of_page() -> list[tuple[str, str, str]]:
    """The requests in the first column of the table, with names filled in."""
    table = PAGE.read_text().split("## A proxy in front of the socket", 1)[1]
    rows = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    return [
        (
            method,
            path.replace("{id}", IMAGE if "/images" in path else CONTAINER).replace(
                "{name}", "shop_front"
            ),
            query,
        )
        for row in rows
        for method, path, query in REQUEST.findall(row)
    ]


@pytest.mark.parametrize(("method", "path", "query"), requests_of_page())
def test_request_of_the_page_has_its_line_in_the_proxy(
    method: str, path: str, query: str
) -> None:
    prefixes = [""] if path == "/version" else ["", "/v1.45"]
    for prefix in prefixes:
        lines = [rule for rule in RULES if rule.allows(method, prefix + path, query)]
        assert len(lines) == 1, f"{method} {path}: add a line to {CONFIG.name}"


def test_line_of_the_proxy_is_on_the_page() -> None:
    for rule in RULES:
        on_page = [asked for asked in requests_of_page() if rule.allows(*asked)]
        assert len(on_page) == 1, f"{rule.path.pattern}: add it to {PAGE.name}"


@pytest.mark.parametrize(("method", "path", "query"), ROOT_EQUIVALENT)
def test_request_that_gives_more_power_is_refused(
    method: str, path: str, query: str
) -> None:
    assert not [
        rule for rule in RULES if rule.is_on and rule.allows(method, path, query)
    ]


def test_last_rule_of_the_proxy_refuses() -> None:
    rules = re.findall(r"^ +http-request (\w+)", CONFIG.read_text(), re.MULTILINE)
    assert set(rules[:-1]) == {"allow"}
    assert rules[-1] == "deny"
    assert len(rules) == sum(rule.is_on for rule in RULES) + 1
