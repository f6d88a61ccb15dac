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
        "service": quote(facts.get("service", "")) or about,
        "url_variable": _url_variable(facts.get("is_wallet", "")),
        "container": container,
        "network": plain_command(facts.get("network", "")),
        "wallet": plain_command(facts.get("wallet", "")),
        "dependents": plain_command(facts.get("dependents", "")),
    }


def _url_variable(is_wallet: str) -> str:
    """The variable in .env for the address of a check; both where it is not known."""
    both = "ELECTRON_CASH_URL, BCH_SERVICE_URL"
    return {"yes": "ELECTRON_CASH_URL", "no": "BCH_SERVICE_URL"}.get(is_wallet, both)
