"""The list of engine calls: which requests are on it."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.engine.calls import CALLS, EngineCall, find_call
from sidecar.engine.features import Feature
from tests.support.engine_calls import VERSION, example_target, filter_rules
from tests.support.repository import REPOSITORY

ID = "a" * 64
ENGINE_SOURCES = sorted((REPOSITORY / "sidecar" / "engine").glob("*.py"))
PARTS = st.one_of(
    st.sampled_from(
        ["containers", "images", "exec", "json", "kill", "archive", "create", ID]
    ),
    st.sampled_from(["", ".", "..", "%2e%2e", "%2F", "v1.45", "..;", "\u202e", "\n"]),
    st.text(max_size=6),
)
REFUSED = (
    ("GET", "/v1.45/version"),
    ("GET", "/containers/json"),
    ("GET", "/v1.44/containers/json"),
    ("GET", "/v1.45//containers/json"),
    ("GET", "//v1.45/containers/json"),
    ("GET", "/v1.45/containers//json"),
    ("GET", "/v1.45/containers/json/"),
    ("GET", "/v1.45/containers/../json"),
    ("GET", "/v1.45/containers/./json"),
    ("GET", "/v1.45/containers/.hidden/json"),
    ("GET", f"/v1.45/containers/{ID}%2F..%2F../json"),
    ("GET", f"/v1.45/containers/{ID}/%6ason"),
    ("GET", f"/v1.45/containers/{ID}/json/../../../secrets"),
    ("GET", f"/v1.45/containers/{ID}/json?size=1"),
    ("GET", f"/v1.45/containers/{ID}/json\n"),
    ("get", f"/v1.45/containers/{ID}/json"),
    ("HEAD", f"/v1.45/containers/{ID}/archive?path=/"),
    ("POST", f"/v1.45/containers/{ID}/json"),
    ("POST", f"/v1.45/containers/{ID}/kill"),
    ("POST", f"/v1.45/containers/{ID}/kill?signal=SIGTERM"),
    ("POST", f"/v1.45/containers/{ID}/kill?signal=SIGCONT&signal=SIGKILL"),
    ("POST", f"/v1.45/containers/{ID}/kill?signal=SIGKILL&signal=SIGCONT"),
    ("POST", f"/v1.45/containers/{ID}/kill?signal=SIGCONT&x"),
    ("POST", f"/v1.45/containers/{ID}/restart?t=1&signal=SIGKILL"),
    ("POST", f"/v1.45/containers/{ID}/restart#?t=1"),
    ("POST", f"/v1.45/containers/{ID[:12]}/restart"),
    ("POST", f"/v1.45/containers/{ID}0/restart"),
    ("POST", "/v1.45/containers/wallet/restart"),
    ("POST", "/v1.45/containers/sidecar-restore-test-/start"),
    ("POST", "/v1.45/containers/sidecar-restore-test-../start"),
    ("POST", "/v1.45/containers/prune"),
    ("POST", f"/v1.45/containers/{ID}/exec?x=1"),
    ("POST", "/v1.45/exec/../start"),
    ("POST", "/v1.45/exec/0123/resize"),
    ("DELETE", "/v1.45/containers/wallet"),
    ("DELETE", f"/v1.45/images/{ID}"),
    ("GET", "/v1.45/images/debian/json"),
    ("POST", "/v1.45/networks/shop%2Ffront/connect"),
    ("POST", "/v1.45/networks/shop%2Ffront/disconnect"),
    ("GET", "/v1.45/events?until=1"),
    ("GET", ""),
    ("GET", "/"),
)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_call_of_the_list_is_found(call: EngineCall) -> None:
    assert find_call(call.method, example_target(call), VERSION) is call


@pytest.mark.parametrize(("method", "target"), REFUSED)
def test_request_that_is_not_on_the_list_is_not_found(method: str, target: str) -> None:
    assert find_call(method, target, VERSION) is None


@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    st.lists(PARTS, max_size=6),
    st.text(max_size=12),
)
def test_whatever_is_found_has_no_part_that_a_server_could_read_otherwise(
    method: str, parts: list[str], query: str
) -> None:
    target = "/v1.45/" + "/".join(parts) + (f"?{query}" if query else "")
    if find_call(method, target, VERSION) is not None:
        path = target.partition("?")[0]
        assert path.isascii()
        assert path.isprintable()
        assert "%" not in path
        assert not {"", ".", ".."} & set(path.split("/")[1:])


@given(st.sampled_from(["GET", "POST", "PUT", "DELETE"]), st.lists(PARTS, max_size=5))
def test_rules_of_a_filter_allow_the_calls_of_the_list_and_no_more(
    method: str, parts: list[str]
) -> None:
    target = "/v1.45/" + "/".join(parts)
    if "?" not in target:
        allowed = [rule.call for rule in filter_rules() if rule.allows(method, target)]
        call = find_call(method, target, VERSION)
        assert allowed == ([call] if call is not None else [])


def test_every_feature_has_a_call() -> None:
    assert {call.feature for call in CALLS} == set(Feature)


def test_texts_of_features_fit_in_a_table() -> None:
    for feature in Feature:
        rule = feature.rule
        for text in (rule.use, rule.without):
            assert text
            assert "|" not in text.replace("\\|", "")
            assert "\n" not in text
        assert "\n" not in rule.caution


def test_required_feature_is_never_gated() -> None:
    assert not [f for f in Feature if f.rule.is_required and f.rule.is_gated]


@pytest.mark.parametrize("path", ENGINE_SOURCES, ids=lambda path: path.name)
def test_only_the_client_can_send(path: Path) -> None:
    """A second way out would not be checked."""
    tree = ast.parse(path.read_text())
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    ways = {"socket", "http.client", "urllib.request", "aiohttp", "websocket"}
    if path.name == "socket_pool.py":
        ways.remove("socket")  # the client's own connections to the engine's socket
    assert not imported & ways
    if path.name == "client.py":
        return
    used = {
        ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)
    }
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for name in (
        "APIClient",
        "DockerClient",
        "from_env",
        "Session",
        "adapters",
        "PoolManager",
    ):
        assert name not in names
        assert not [text for text in used if text.split(".")[-1] == name]
    if "requests" in imported:
        calls = {"get", "post", "put", "delete", "head", "patch", "request", "session"}
        assert not {f"requests.{call}" for call in calls} & used
