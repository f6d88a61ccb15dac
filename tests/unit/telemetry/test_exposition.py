"""The pieces in which the text of many series is sent."""

from sidecar.telemetry.exposition import PIECE_CHARACTERS, PIECE_S, pieces


def test_piece_ends_at_its_size() -> None:
    half = "a" * (PIECE_CHARACTERS // 2)
    sizes = [len(piece) for piece in pieces([half] * 5, read_clock=lambda: 0.0)]
    assert sizes == [PIECE_CHARACTERS, PIECE_CHARACTERS, PIECE_CHARACTERS // 2]


def test_piece_ends_after_its_time_however_small_it_is() -> None:
    now_s = 0.0

    def read_clock() -> float:
        nonlocal now_s
        now_s += PIECE_S * 0.4
        return now_s

    assert list(pieces("abcde", read_clock)) == [b"abc", b"de"]
