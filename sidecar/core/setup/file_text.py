"""Text of the proposed ``sidecar.yaml``, with the reason for each line."""

import re
from collections.abc import Iterator

from sidecar.core.setup.proposal import (
    HttpTarget,
    NativeTarget,
    ProposedTarget,
    SetupProposal,
    WalletTarget,
)
from sidecar.core.text.printable import mark_unprintable, on_one_line

SECRETS_FOLDER = "/run/secrets"
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WORDS_OF_YAML = frozenset(
    {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
)
_LONGEST = 200

_HEAD = """\
# Configuration of Sidecar, written by `sidecar init` from {source}.
# After a change: `sidecar config check`, then `sidecar reload`.
# DECIDE marks what only you can know.

# Sidecar only reports what it would do. When you agree with its decisions, write act.
mode: observe

targets:
"""


def write_file(
    proposal: SetupProposal, source: str, secrets_folder: str = SECRETS_FOLDER
) -> str:
    """The whole file; ``source`` says what was read."""
    lines = [_HEAD.format(source=comment_text(source))]
    for target in proposal.targets:
        lines += [f"{line}\n" for line in _target_lines(target, secrets_folder)]
        lines.append("\n")
    lines += [f"# {line}\n" for line in _unwatched_lines(proposal)]
    return "".join(lines).rstrip("\n") + "\n"


def _unwatched_lines(proposal: SetupProposal) -> Iterator[str]:
    if proposal.unwatched:
        yield "Not watched; docs/probes.md has the kinds of probe for them:"
    for name, why in proposal.unwatched:
        yield f"{comment_text(name)}: {comment_text(why)}"


def _target_lines(target: ProposedTarget, secrets_folder: str) -> Iterator[str]:
    yield f"  # Watched because {comment_text(target.why)}."
    yield f"  {scalar(target.service.name)}:"
    if target.depends_on:
        for evidence in target.depends_on:
            why = comment_text(f"{evidence.name} comes first: {evidence.why}")
            yield f"    # {why}."
        names = ", ".join(scalar(evidence.name) for evidence in target.depends_on)
        yield f"    depends_on: [{names}]"
    yield "    probe:"
    for line in _probe_lines(target, secrets_folder):
        yield f"      {line}"


def _probe_lines(target: ProposedTarget, secrets_folder: str) -> Iterator[str]:
    match target.probe:
        case WalletTarget():
            yield from _wallet_lines(target.service.name, target.probe, secrets_folder)
        case HttpTarget():
            yield from _http_lines(target.service.name, target.probe)
        case NativeTarget():
            yield "# The result of the container's own HEALTHCHECK; the engine runs it."
            yield "type: docker"


def _wallet_lines(name: str, probe: WalletTarget, secrets_folder: str) -> Iterator[str]:
    yield "# Sends the requests of a payment; the daemon answers one at a time."
    yield "type: electron_cash"
    yield f"# The port: {_describe_source(probe.port.why, probe.port.is_certain)}"
    yield f"url: {scalar(f'http://{name}:{probe.port.value}/')}"
    yield f"# The rpcuser: {_describe_source(probe.user.why, probe.user.is_certain)}"
    yield f"username: {scalar(probe.user.value)}"
    yield "# You make this file; no password is written here. See compose.sidecar.yaml."
    yield f"password_file: {scalar(f'{secrets_folder}/{probe.secret}')}"
    yield "# After a start the daemon has no wallet loaded: Sidecar loads it again."
    yield "load_wallet: true"


def _describe_source(why: str, is_certain: bool) -> str:  # noqa: FBT001
    text = comment_text(why)
    return f"{text}." if is_certain else f"DECIDE, {text}."


def _http_lines(name: str, probe: HttpTarget) -> Iterator[str]:
    yield "# GET of this address has to succeed."
    yield "type: http"
    yield f"# The address: {comment_text(probe.address.why)}."
    yield f"url: {scalar(probe.address.url(name))}"
    if probe.statuses:
        yield "# DECIDE: no health address is known. Any of these answers shows that it"
        yield "# serves; write its health address above and remove this line."
        yield f"expect_status: [{', '.join(map(str, probe.statuses))}]"


def scalar(text: str) -> str:
    """A text as a YAML scalar: plain where that is safe, otherwise in double quotes."""
    is_plain = _PLAIN.fullmatch(text) and text.casefold() not in _WORDS_OF_YAML
    if is_plain or re.fullmatch(r"https?://[A-Za-z0-9_./:-]+|/[A-Za-z0-9_./-]*", text):
        return text
    escaped = mark_unprintable(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def comment_text(text: str) -> str:
    """Untrusted text for a comment: one line, printable and bounded."""
    return mark_unprintable(on_one_line(text))[:_LONGEST]
