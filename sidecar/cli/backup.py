"""Commands about the backups of wallet files."""

import time
from collections.abc import Iterator
from urllib.parse import quote

import click

from sidecar.api_types.backups import (
    BackupBody,
    BackupList,
    BackupsOfTarget,
    FileResult,
    OrderBegun,
    StoredBackup,
)
from sidecar.cli.backup_restore import restore
from sidecar.cli.client import Answer, Api, ApiError
from sidecar.cli.completion import optional_target_argument, target_argument
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import (
    format_time,
    localize_times,
    show_json,
    show_table,
)

_PATH = "/api/v1/backups"
_POLL_S = 0.5
_LONGEST_S = 900.0
_COLUMNS = ("target", "backup", "bytes", "addresses", "proven", "by", "off-site", "")


@click.group(
    epilog=examples(
        "sidecar backup list",
        "sidecar backup run electron-cash",
        "sidecar backup verify electron-cash",
        "sidecar backup restore electron-cash",
    )
)
def backup() -> None:
    """List, take, verify and restore backups of wallet files."""


backup.add_command(restore)


@backup.command("list", epilog=examples("sidecar backup list electron-cash"))
@optional_target_argument
@as_json
@talks_to_sidecar
def list_backups(api: Api, target: str | None, as_json: bool) -> int:
    """List the backups, newest first, and when and how each was last proven.

    Exit status 1: a target has no proven backup.
    """
    answer = api.get(_PATH, BackupList)
    targets = _chosen(answer, target)
    if as_json:
        show_json(answer.document)
    else:
        rows = [_row(t.target, b) for t in targets for b in t.backups]
        show_table(_COLUMNS, rows)
        for line in (line for t in targets for line in _remarks(t)):
            print(line)
    return 0 if all(t.last_proven_at is not None for t in targets) else 1


@backup.command(epilog=examples("sidecar backup run electron-cash"))
@target_argument
@click.option(
    "--accept",
    is_flag=True,
    help="The wallet file is right as it is, although it has fewer addresses, another "
    "owner or no encryption any more. Later copies are compared with it.",
)
@as_json
@talks_to_sidecar
def run(api: Api, target: str, accept: bool, as_json: bool) -> int:
    """Take a backup of each wallet file of TARGET now, prove it and send it off-site.

    A file that is unchanged since its last backup is not stored again: that backup is
    proven again. Exit status 1: a file is damaged, or could not be copied.
    """
    body = BackupBody(accept=accept)
    answer = _carry_out(api, target, "run", body)
    (after,) = _chosen(answer, target)
    if as_json:
        show_json(answer.document)
    else:
        for line in (line for result in after.last for line in _describe(result)):
            print(line)
    return 0 if all(r.backup is not None for r in after.last) else 1


@backup.command(epilog=examples("sidecar backup verify electron-cash"))
@target_argument
@as_json
@talks_to_sidecar
def verify(api: Api, target: str, as_json: bool) -> int:
    """Read each stored backup of TARGET again, and prove it as far as possible.

    Of a sealed backup, only the bytes are compared: its key is not on this host. The
    newest one of each file is loaded by a fresh daemon, where the engine permits that.
    Exit status 1: a backup is broken, or there is none.
    """
    answer = _carry_out(api, target, "verify", None)
    (after,) = _chosen(answer, target)
    if as_json:
        show_json(answer.document)
    else:
        rows = [
            (v.backup, "whole" if v.whole else "broken", localize_times(v.reason))
            for v in after.verified
        ]
        show_table(("backup", "state", "why"), rows)
    whole = [v.whole for v in after.verified]
    return 0 if whole and all(whole) else 1


def _carry_out(
    api: Api, target: str, order: str, body: BackupBody | None
) -> Answer[BackupList]:
    """Give an order, and wait for its end; the answer is the list of backups then."""
    order_answer = api.post(
        f"{_PATH}/{quote(target, safe='')}/{order}", OrderBegun, body
    )
    deadline = time.monotonic() + _LONGEST_S
    while True:
        answer = api.get(_PATH, BackupList)
        (after,) = _chosen(answer, order_answer.value.target)
        if not after.busy:
            return answer
        if time.monotonic() > deadline:
            raise ApiError("the order has not ended yet; sidecar backup list shows it")
        time.sleep(_POLL_S)


def _chosen(answer: Answer[BackupList], target: str | None) -> list[BackupsOfTarget]:
    """The backups of all targets, or of one; ApiError: it has none."""
    targets = answer.value.targets
    if target is None:
        return list(targets)
    chosen = [t for t in targets if t.target == target]
    if not chosen:
        raise ApiError(f"{target} has no settings of backups")
    return chosen


def _row(target: str, stored: StoredBackup) -> tuple[str, ...]:
    proof = stored.proofs[0] if stored.proofs else None
    marks = ("sealed" if stored.sealed else "", "broken" if stored.broken_at else "")
    return (
        target,
        stored.id,
        str(stored.bytes),
        "-" if stored.addresses is None else str(stored.addresses),
        format_time(proof.at) if proof else "never",
        proof.way if proof else "",
        format_time(stored.offsite_at) if stored.offsite_at else "-",
        " ".join(filter(None, marks)),
    )


def _remarks(target: BackupsOfTarget) -> Iterator[str]:
    """Lines about a target: no proof, findings and failures of its last results."""
    if target.last_proven_at is None:
        yield f"{target.target}: no backup is proven"
    for result in target.last:
        if result.findings or result.failure or result.offsite_failure:
            yield from (f"{target.target}: {line}" for line in _describe(result))


def _describe(result: FileResult) -> Iterator[str]:
    for finding in result.findings:
        yield f"{finding.finding}: {localize_times(finding.reason)}"
    if result.failure:
        yield f"not taken: {localize_times(result.failure)}"
    if result.backup is not None:
        state = "stored as" if result.new else "unchanged since"
        yield f"{result.path}: {state} {result.backup}"
    if result.test:
        yield f"not proven by a restore test: {localize_times(result.test)}"
    if result.offsite_failure:
        yield f"not sent off this host: {localize_times(result.offsite_failure)}"
