"""Any content of the file gives settings or a list of faults."""

import copy
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config.load import load
from sidecar.config.problem import ConfigError
from tests.support.config_files import write_whole_config

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["15s", "0s", "http", "electron-cash", "0 3 * * *", "http://[x"])
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3)
    ),
    max_leaves=8,
)


def assert_settings_or_faults(text: str) -> None:
    """Load the text; anything but settings and ConfigFaults is an error."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "sidecar.yaml")
        file.write_text(text, "utf-8", "surrogatepass")
        try:
            load({}, file)
        except ConfigError as error:
            faults, lines = error.faults, str(error).splitlines()
        else:
            return
    assert faults
    assert all(fault.path and fault.actual for fault in faults)
    assert len(lines) == len(faults)


@given(TREES)
def test_load_of_any_tree_gives_settings_or_faults(tree: object) -> None:
    assert_settings_or_faults(yaml.safe_dump(tree))


@given(st.text(max_size=200))
def test_load_of_any_text_gives_settings_or_faults(text: str) -> None:
    assert_settings_or_faults(text)


def places(node: dict[Any, Any] | list[Any]) -> list[tuple[Any, Any]]:
    """Every (container, key) of a tree."""
    keys = node.keys() if isinstance(node, dict) else range(len(node))
    own = [(node, key) for key in list(keys)]
    below = (node[key] for key in keys if isinstance(node[key], dict | list))
    return own + [place for inner in below for place in places(inner)]


with tempfile.TemporaryDirectory() as _folder:
    VALID: dict[str, Any] = yaml.load(
        write_whole_config(Path(_folder)), yaml.BaseLoader
    )


@given(st.data())
def test_load_of_changed_valid_file_gives_settings_or_faults(
    data: st.DataObject,
) -> None:
    tree = copy.deepcopy(VALID)
    for _ in range(data.draw(st.integers(1, 4))):
        node, key = data.draw(st.sampled_from(places(tree)))
        change = data.draw(st.sampled_from(["replace", "remove", "add", "rename"]))
        if change == "replace":
            node[key] = data.draw(TREES)
        elif change == "remove":
            del node[key]
        elif isinstance(node, dict):
            name = data.draw(st.text(max_size=5))
            node[name] = node.pop(key) if change == "rename" else data.draw(TREES)
    assert_settings_or_faults(yaml.safe_dump(tree))
