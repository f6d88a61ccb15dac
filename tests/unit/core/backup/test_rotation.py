"""Rotation keeps the newest backups and the last proven one."""

from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.backup.record import BackupRecord, BackupTrigger, Proof, ProofWay
from sidecar.core.backup.rotation import (
    find_removable,
    last_good,
    last_loaded,
    last_proven,
)
from tests.support.backup_records import make_record

PARSED, LOADED = ProofWay.PARSED, ProofWay.LOADED


def backups(*proofs: tuple[Proof, ...], path: str = "/w") -> list[BackupRecord]:
    """Backups of one wallet file, oldest first, with these proofs."""
    return [
        make_record(
            id=f"{path}{n}", path=path, taken_wall=float(n), proofs=given_proofs
        )
        for n, given_proofs in enumerate(proofs)
    ]


def ids(records: tuple[BackupRecord, ...]) -> list[str]:
    return [record.id for record in records]


def test_oldest_are_removed_beyond_keep() -> None:
    records = backups(*[(Proof(PARSED, 1.0 + n),) for n in range(5)])
    assert ids(find_removable(records, 3)) == ["/w0", "/w1"]


def test_last_proven_is_kept_however_old() -> None:
    records = backups((Proof(PARSED, 1.0),), (), (), (), ())
    assert ids(find_removable(records, 2)) == ["/w1", "/w2"]


def test_last_loaded_is_kept_beside_a_weaker_newer_proof() -> None:
    records = backups(
        (Proof(LOADED, 1.0),), (Proof(PARSED, 2.0),), (Proof(PARSED, 3.0),), ()
    )
    assert ids(find_removable(records, 1)) == ["/w1"]


def test_restarts_of_a_crash_loop_push_out_no_scheduled_backup() -> None:
    scheduled = [make_record(id=f"s{n}", taken_wall=float(n)) for n in range(4)]
    of_restarts = [
        make_record(id=f"r{n}", taken_wall=10.0 + n, trigger=BackupTrigger.RESTART)
        for n in range(5)
    ]
    assert ids(find_removable([*scheduled, *of_restarts], 4)) == ["r0", "r1"]
    assert ids(find_removable(of_restarts, 2)) == ["r0", "r1", "r2"]
    assert ids(find_removable([scheduled[0], *of_restarts], 5)) == ["r0"]


def test_each_wallet_file_is_rotated_by_itself() -> None:
    records = [*backups((), (), path="/a"), *backups((), path="/b")]
    assert ids(find_removable(records, 1)) == ["/a0"]


def test_stronger_proof_at_the_same_time_is_the_last() -> None:
    record = make_record().with_proof(Proof(PARSED, 5.0)).with_proof(Proof(LOADED, 5.0))
    assert record.last_proof == Proof(LOADED, 5.0)
    assert record.with_proof(Proof(PARSED, 9.0)).last_proof == Proof(PARSED, 9.0)
    assert make_record().last_proof is None


proofs = st.lists(
    st.builds(Proof, st.sampled_from(ProofWay), st.floats(0.0, 1e9)), max_size=3
).map(tuple)
records = st.lists(
    st.builds(
        make_record,
        id=st.uuids().map(str),
        path=st.sampled_from(["/a", "/b"]),
        taken_wall=st.floats(0.0, 1e9),
        proofs=proofs,
        trigger=st.sampled_from(BackupTrigger),
    ),
    max_size=30,
    unique_by=lambda record: record.id,
)


@given(records, st.integers(1, 10))
def test_rotation_never_removes_last_proven_loaded_or_newest(
    group: list[BackupRecord], keep: int
) -> None:
    removed = find_removable(group, keep)
    for path in ("/a", "/b"):
        of_path = [record for record in group if record.path == path]
        remaining = [record for record in of_path if record not in removed]
        assert min(len(of_path), keep) <= len(remaining) <= keep + 3 + 2
        for protected in (last_proven(of_path), last_loaded(of_path)):
            assert protected is None or protected in remaining
        newest = last_good(of_path, path)
        assert newest is None or newest in remaining
    assert find_removable([r for r in group if r not in removed], keep) == ()
