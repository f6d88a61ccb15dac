"""Texts formatted for people."""

from sidecar.core.text.formatting import fold_repeated_lines


def test_fold_repeated_lines_ignores_timestamps() -> None:
    log = "\n".join(
        (
            "2026-01-02T03:04:05.123456789Z start",
            "2026-01-02T03:04:06.000000001Z locked",
            "2026-01-02T03:04:07.000000002Z locked",
            "2026-01-02T03:04:08.5Z locked",
            "2026-01-02T03:04:09Z end",
            "2026-01-02T03:04:10Z locked",
        )
    )
    assert fold_repeated_lines(log).splitlines() == [
        "2026-01-02T03:04:05Z start",
        "2026-01-02T03:04:06Z locked (x3)",
        "2026-01-02T03:04:09Z end",
        "2026-01-02T03:04:10Z locked",
    ]
    assert fold_repeated_lines("") == ""
