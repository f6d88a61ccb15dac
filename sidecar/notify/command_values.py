"""Commands in a message that a person pastes into a shell of the host."""

from collections.abc import Mapping

from sidecar.notify.installation import Installation
from sidecar.notify.quoting import plain_command, quote


def command_values(
    facts: Mapping[str, str], about: str, installation: Installation
) -> dict[str, str]:
    """Commands and their parts: exact, or left out."""
    compose = plain_command(facts.get("compose", "")) or "docker compose"
    container = quote(facts.get("container", "")) or about
    return {
        "reload": installation.reload,
        "restart": installation.restart(about, container),
        "recover": installation.restart(about, container, recover=True),
        "sidecar": installation.command,
        "own": installation.container,
        "own_up": installation.up(compose),
        "disk": installation.disk_space,
        "compose": compose,
        "container": container,
        "network": plain_command(facts.get("network", "")),
        "wallet": plain_command(facts.get("wallet", "")),
        "dependents": plain_command(facts.get("dependents", "")),
    }
