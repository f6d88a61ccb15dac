"""The examples in compose/examples: their configurations, and names in both files."""

import re
from pathlib import Path

import pytest

from sidecar.config.load import load
from sidecar.core.status.traffic import parse_question
from tests.support.repository import REPOSITORY

EXAMPLES = REPOSITORY / "compose" / "examples"
FILES = sorted(EXAMPLES.rglob("sidecar.yaml"))
PROXIED = ("haproxy-replicas", "haproxy-wallets", "high-availability")
SENT = re.compile(r'(?:agent-send|tcp-check send) "(.*)\\n"')


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_configuration_of_an_example_has_no_fault_and_no_warning(file: Path) -> None:
    assert load({}, file, reads_secrets=False).warnings == ()


@pytest.mark.parametrize("name", PROXIED)
def test_servers_of_haproxy_are_targets_of_the_configuration(name: str) -> None:
    file = EXAMPLES / name / "sidecar.yaml"
    settings = load({}, file, reads_secrets=False)
    targets = {target.name for target in settings.targets}
    lines = SENT.findall((EXAMPLES / f"{name}.yml").read_text())
    assert lines
    for line in lines:
        question = parse_question(line)
        assert question is not None, line
        names = {question.name.partition("/")[0], question.other} - {""}
        assert names <= targets
    assert settings.agent_address == ("0.0.0.0", 9788)
