"""The section ``balancer``."""

from pathlib import Path

import pytest

from tests.support.config_files import faults_of, load_text

TARGETS = "targets: {t: {probe: {type: docker}}}\n"


def test_agent_listens_at_the_address_of_the_file(tmp_path: Path) -> None:
    text = TARGETS + "balancer: {agent_listen: '[::]:9788'}"
    assert load_text(text, tmp_path).agent_address == ("::", 9788)
    assert load_text(TARGETS, tmp_path).agent_address is None
    assert load_text(TARGETS + "balancer: {}", tmp_path).agent_address is None


@pytest.mark.parametrize(
    "address", ["9788", "0.0.0.0", "0.0.0.0:0", "h:70000", "a b:1"]
)
def test_address_that_cannot_be_used_is_a_fault(address: str, tmp_path: Path) -> None:
    text = TARGETS + f"balancer: {{agent_listen: '{address}'}}"
    (fault,) = faults_of(text, tmp_path).values()
    assert fault.path == "balancer.agent_listen"
    assert address in fault.line
    assert "0.0.0.0:9788" in fault.line
