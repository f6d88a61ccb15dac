"""Rotation: which backups may be removed. The last proven one never is."""

from collections.abc import Iterable, Iterator

from sidecar.core.backup.record import BackupRecord, BackupTrigger, ProofWay

RESTARTS_KEPT = 3
"""Number of backups of before a restart that are kept, at most ``keep``, and more
where there are fewer than ``keep`` others."""


def find_removable(
    records: Iterable[BackupRecord], keep: int
) -> tuple[BackupRecord, ...]:
    """Backups that may be removed, oldest first.

    Of each wallet file the newest ``keep`` are kept, and beside them its last proven
    backup and the last one that a fresh daemon loaded. Those of before a restart count
    apart: the restarts of one bad night must not push out the backups of two weeks.
    """
    by_path: dict[str, list[BackupRecord]] = {}
    for record in records:
        by_path.setdefault(record.path, []).append(record)
    removable = (r for group in by_path.values() for r in _removable_of(group, keep))
    return tuple(sorted(removable, key=lambda record: record.taken_wall))


def _removable_of(group: list[BackupRecord], keep: int) -> Iterator[BackupRecord]:
    """The removable backups of one wallet file."""
    newest_first = sorted(group, key=lambda record: record.taken_wall, reverse=True)
    of_restarts = [r for r in newest_first if r.trigger is BackupTrigger.RESTART]
    others = [r for r in newest_first if r.trigger is not BackupTrigger.RESTART]
    keep = max(1, keep)
    restarts_kept = max(min(keep, RESTARTS_KEPT), keep - len(others))
    kept_records = (*others[:keep], *of_restarts[:restarts_kept])
    kept_ids = {record.id for record in kept_records}
    kept_ids.update(r.id for r in (last_proven(group), last_loaded(group)) if r)
    return (record for record in group if record.id not in kept_ids)


def last_proven(records: Iterable[BackupRecord]) -> BackupRecord | None:
    """The backup with the newest proof of any way; None: none has a proof."""
    proven = [record for record in records if record.last_proof is not None]
    return max(proven, key=_proof_wall, default=None)


def last_loaded(records: Iterable[BackupRecord]) -> BackupRecord | None:
    """The newest backup that a fresh daemon loaded; None: there is none."""
    loaded = [
        record
        for record in records
        if any(proof.way is ProofWay.LOADED for proof in record.proofs)
    ]
    return max(loaded, key=lambda record: record.taken_wall, default=None)


def last_good(records: Iterable[BackupRecord], path: str) -> BackupRecord | None:
    """The newest whole backup of a wallet file, by which the next copy is judged."""
    of_path = (r for r in records if r.path == path and r.broken_wall is None)
    return max(of_path, key=lambda record: record.taken_wall, default=None)


def _proof_wall(record: BackupRecord) -> tuple[float, float]:
    proof = record.last_proof
    return (proof.at_wall if proof is not None else 0.0, record.taken_wall)
