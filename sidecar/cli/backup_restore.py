"""The command that restores a backup of a wallet file."""

import shlex
from collections.abc import Iterator
from urllib.parse import quote

import click

from sidecar.api_types.backups import (
    BackupList,
    BackupsOfTarget,
    RestoredBackup,
    StoredBackup,
)
from sidecar.cli.client import Api, ApiError
from sidecar.cli.completion import target_argument
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import format_time, show_json

_PATH = "/api/v1/backups"


@click.command(
    epilog=examples(
        "sidecar backup restore electron-cash",
        "sidecar backup restore electron-cash 20261130T033000Z-1a2b3c4d --yes",
    )
)
@target_argument
@click.argument("backup_id", metavar="[BACKUP]", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@talks_to_sidecar
def restore(
    api: Api, target: str, backup_id: str | None, yes: bool, as_json: bool
) -> int:
    """Put a backup beside the wallet file of TARGET, never over it.

    BACKUP is an id of `sidecar backup list`; without it, it is the newest backup. The
    new file is in the container, with the owner and the permissions of the wallet
    file. Whether the daemon uses it is left to you: the next steps are printed. A
    sealed backup is not restored, because Sidecar does not have its key: the command
    that opens it is printed. Exit status 1: it is sealed.
    """
    stored = _choose(api, target, backup_id)
    if stored.sealed:
        click.echo("\n".join(_describe_sealed(target, stored)), err=True)
        return 1
    if not yes:
        click.confirm(_question(target, stored), abort=True, err=True)
    path = f"{_PATH}/{quote(target, safe='')}/{quote(stored.id, safe='')}/restore"
    answer = api.post(path, RestoredBackup)
    if as_json:
        show_json(answer.document)
    else:
        click.echo("\n".join(_describe(answer.value)))
    return 0


def _choose(api: Api, target: str, backup_id: str | None) -> StoredBackup:
    """The backup of this id, or else the newest that is not broken. ApiError."""
    targets = api.get(_PATH, BackupList).value.targets
    chosen: BackupsOfTarget | None
    chosen = next((t for t in targets if t.target == target), None)
    if chosen is None:
        raise ApiError(f"{target} has no settings of backups")
    for stored in chosen.backups:
        if stored.id == backup_id or (backup_id is None and stored.broken_at is None):
            return stored
    which = f"no backup {backup_id}" if backup_id else "no backup that is whole"
    raise ApiError(f"{target} has {which}; see sidecar backup list {target}")


def _question(target: str, stored: StoredBackup) -> str:
    proof = stored.proofs[0] if stored.proofs else None
    proven = f"{proof.way} {format_time(proof.at)}" if proof else "never"
    time_and_size = f"taken {format_time(stored.taken_at)}, {stored.bytes} bytes"
    return (
        f"Backup {stored.id} of {stored.path}\n"
        f"  {time_and_size}, proven: {proven}\n"
        f"Put it beside the wallet file in the container of {target}?"
    )


def _describe(restored: RestoredBackup) -> Iterator[str]:
    """Lines that describe the restored file and the next steps."""
    wallet, new = shlex.quote(restored.wallet_path), shlex.quote(restored.path)
    kept_path = shlex.quote(f"{restored.wallet_path}.before-restore")
    rename = shlex.quote(f"mv {wallet} {kept_path} && mv {new} {wallet}")
    service = shlex.quote(restored.service or restored.container)
    yield f"restored as {restored.path} in {restored.container}"
    yield (
        f"  user {restored.uid}, group {restored.gid}, mode {restored.mode}, "
        f"{restored.bytes} bytes, read again and compared"
    )
    yield "The daemon still has its old file. To let it use the restored one:"
    yield f"  docker compose stop {service}"
    yield (f"  docker compose run --rm --no-deps --entrypoint sh {service} -c {rename}")
    yield f"  docker compose start {service}"
    yield f"  docker compose exec sidecar sidecar backup run {restored.target} --accept"


def _describe_sealed(target: str, stored: StoredBackup) -> Iterator[str]:
    """Lines that tell an operator how to open a sealed backup."""
    folder = f"/var/lib/sidecar/backups/{target}"
    name = stored.path.rpartition("/")[2]
    file = f"{stored.id}.wallet.age"
    yield f"backup {stored.id} is sealed, and Sidecar does not have the key."
    yield "Where the key is:"
    yield f"  docker compose cp sidecar:{folder}/{file} ."
    yield f"  age -d -i YOUR_KEY -o {shlex.quote(name)} {file}"
    yield f"  sha256sum {shlex.quote(name)}   # {stored.sha256}"
    yield "docs/backups.md says how to put the file into the daemon's volume."
