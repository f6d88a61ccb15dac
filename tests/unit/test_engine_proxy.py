"""The page and the example of a filter before the engine are those of the list."""

import re
from typing import NamedTuple

import pytest
import yaml

from sidecar.engine.calls import CALLS, EngineCall
from tests.support.engine_access_page import FILTER, PAGE, texts
from tests.support.engine_calls import example_target, filter_rules
from tests.support.repository import REPOSITORY

RULE = re.compile(
    r"^ *(?P<off># )?http-request allow if METH_(?P<method>\w+) +"
    r"\{ path_reg (?P<path>\S+) \}(?: \{ query (?P<query>\S+) \})?$",
    re.MULTILINE,
)
ID = "a" * 64
POWERFUL = (
    ("POST", "/containers/create"),
    ("POST", "/v1.45/containers/create?name=x"),
    ("POST", "/v1.45/build"),
    ("POST", "/v1.45/images/create"),
    ("PUT", f"/v1.45/containers/{ID}/archive?path=/"),
    ("DELETE", f"/v1.45/containers/{ID}"),
    ("POST", f"/v1.45/containers/{ID}/update"),
    ("POST", f"/v1.45/containers/{ID}/kill?signal=SIGKILL"),
    ("POST", f"/v1.45/containers/{ID}/kill"),
    ("POST", f"/v1.45/containers/{ID}/exec"),
    ("GET", "/v1.45/containers/../secrets/json"),
    ("GET", f"/v1.45/containers/{ID}/json/../../secrets"),
    ("POST", "/v1.45/plugins/pull"),
)
every_call = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)


class Rule(NamedTuple):
    """One line of the proxy's configuration; ``is_on`` False: it is a comment."""

    is_on: bool
    method: str
    path: re.Pattern[str]
    query: str | None

    def allows(self, method: str, target: str) -> bool:
        path, _, query = target.partition("?")
        return (
            method == self.method
            and self.path.search(path) is not None
            and self.query in {None, query}
        )


RULES = [
    Rule(not line["off"], line["method"], re.compile(line["path"]), line["query"])
    for line in RULE.finditer(FILTER.read_text())
]


def go_options() -> list[tuple[str, re.Pattern[str]]]:
    """Method and expression of each option of the page's other proxy."""
    block = PAGE.read_text().split("### Another proxy", 1)[1]
    text = re.findall(r"```yaml\n(.*?)```", block, re.DOTALL)[0]
    options = [option.split("=", 1) for option in yaml.safe_load(text)["command"]]
    return [(name.removeprefix("-allow"), re.compile(path)) for name, path in options]


@pytest.mark.parametrize("name", texts())
def test_file_is_that_of_the_list(name: str) -> None:
    assert (REPOSITORY / name).read_text() == texts()[name], "run scripts/engine-access"


@every_call
def test_call_has_one_line_in_the_proxy(call: EngineCall) -> None:
    (rule,) = [r for r in RULES if r.allows(call.method, example_target(call))]
    assert rule.is_on is not bool(call.feature.rule.caution)


@every_call
def test_call_is_an_option_of_the_other_proxy_unless_it_gives_much_power(
    call: EngineCall,
) -> None:
    """It does not look at the query, which the page says."""
    path = example_target(call).partition("?")[0]
    allowed = [m for m, p in go_options() if m == call.method and p.fullmatch(path)]
    same = [c for c in CALLS if (c.method, c.path) == (call.method, call.path)]
    assert bool(allowed) is any(not c.feature.rule.caution for c in same)


@pytest.mark.parametrize(("method", "target"), POWERFUL)
def test_request_that_gives_more_power_is_refused(method: str, target: str) -> None:
    assert not [rule for rule in RULES if rule.is_on and rule.allows(method, target)]


def test_the_proxy_has_no_rule_beside_the_list() -> None:
    assert len(RULES) == len(filter_rules())
    rules = re.findall(r"^ +http-request (\w+)", FILTER.read_text(), re.MULTILINE)
    assert set(rules[:-1]) == {"allow"}
    assert rules[-1] == "deny"
    assert len(rules) == sum(rule.is_on for rule in RULES) + 1
