"""Patterns of logs: expressions, fields of JSON, and the ready-made sets."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model.log_sets import LOG_SETS
from sidecar.core.model.probe_settings import FieldPattern, LogProbe
from sidecar.probes.line_patterns import LinePatterns


def find(line: str | bytes, *patterns: str | FieldPattern) -> str:
    text = line if isinstance(line, bytes) else line.encode()
    return LinePatterns(LogProbe(patterns=patterns)).find(text)


def find_set(line: str) -> str:
    return LinePatterns(LogProbe(sets=tuple(LOG_SETS))).find(line.encode())


def test_first_pattern_that_matches_is_named() -> None:
    assert find("an ERROR occurred", "WARN", "ERR.R", "occurred") == "ERR.R"
    assert find("all is well", "WARN", "ERR.R") == ""


def test_case_counts_unless_the_pattern_says_otherwise() -> None:
    assert not find("an error", "ERROR")
    assert find("an error", "(?i)ERROR")


def test_line_in_korean_and_bytes_that_are_no_text_are_judged() -> None:
    assert find("디스크가 가득 찼습니다", "가득")
    assert find(b"\xff\xfe no space \x80", "no space")


def test_colours_of_a_terminal_do_not_hide_a_word() -> None:
    assert find("\x1b[31mER\x1b[1mROR\x1b[0m: x", "^ERROR: x$")


LEVEL = FieldPattern("level", "^(error|fatal)$")


@pytest.mark.parametrize(
    ("line", "field", "is_found"),
    [
        ('{"level": "error", "msg": "x"}', LEVEL, True),
        ('  {"level": "fatal"}', LEVEL, True),
        ('{"level": "info", "msg": "error"}', LEVEL, False),
        ('{"msg": "level error"}', LEVEL, False),
        ("level=error", LEVEL, False),
        ('{"level": "error"', LEVEL, False),
        ('["error"]', LEVEL, False),
        ('{"level": null}', LEVEL, False),
        ('{"status": 503}', FieldPattern("status", "^5"), True),
        ('{"log": {"level": "error"}}', FieldPattern("log.level", "error"), True),
        ('{"log.level": "error"}', FieldPattern("log.level", "error"), True),
        ('{"log": "error"}', FieldPattern("log.level", "error"), False),
        ('{"ok": false}', FieldPattern("ok", "false"), True),
        ('{"a": [1, {"b": 2}]}', FieldPattern("a", '"b":2'), True),
        ("{" * 5000, LEVEL, False),
        ('{"a":' * 3000, LEVEL, False),
    ],
)
def test_field_is_judged_in_json_lines_alone(
    line: str, field: FieldPattern, is_found: bool
) -> None:
    assert bool(find(line, field)) is is_found


def test_field_pattern_is_named_as_it_is_written() -> None:
    assert find('{"level": "error"}', LEVEL) == "level: ^(error|fatal)$"


@pytest.mark.parametrize(
    "line",
    [
        "[ecc] info: libsecp256k1 library not available, falling back to python-ecdsa.",
        "[secp256k1] warning: libsecp256k1 library failed to load",
        "[secp256k1] warning: loading from /app/libsecp256k1.so.0 failed with: OSError",
    ],
)
def test_notice_of_a_daemon_without_its_fast_library_is_ignored(line: str) -> None:
    assert find(line, "warning", "failed", "fall", "libsecp256k1") == ""


def test_other_lines_about_that_library_are_judged() -> None:
    assert find("build of libsecp256k1 failed", "failed") == "failed"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("[2026-01-02 03:04:05 +0000] [1] [CRITICAL] WORKER TIMEOUT (pid:31)", "w"),
        ("[ERROR] Worker (pid:31) was sent SIGKILL! Perhaps out of memory?", "w"),
        ("*** HARAKIRI ON WORKER 3 (pid: 31, try: 1) ***", "w"),
        ("Hard time limit (300.0s) exceeded for tasks.pay[4f]", "w"),
        (
            "child 7, script '/a.php' (request: \"GET /\") execution timed out (31 s)",
            "w",
        ),
        (
            "ConnectTimeout: HTTPConnectionPool(host='electron-cash', port=7777): Max",
            "c",
        ),
        (
            "HTTPConnectionPool(host='wallet', port=7777): Read timed out. (10 s)",
            "c",
        ),
        ("Error: connect ETIMEDOUT 172.18.0.2:7777", "c"),
        ("MemoryError", "m"),
        (
            "FATAL ERROR: Reached heap limit - JavaScript heap out of memory",
            "m",
        ),
        ("java.lang.OutOfMemoryError: Java heap space", "m"),
        ("OSError: [Errno 12] Cannot allocate memory", "m"),
        ("terminate called after throwing an instance of 'std::bad_alloc'", "m"),
        ("OSError: [Errno 28] No space left on device: '/data/wallet'", "d"),
        ("Error: ENOSPC: no space left on device, write", "d"),
        ("sqlite3.OperationalError: database or disk is full", "d"),
        ("sqlite3.OperationalError: database is locked", "l"),
        ("SqliteError: database table is locked: payments", "l"),
        ("ERROR:  deadlock detected", "l"),
        ("(1205, 'Lock wait timeout exceeded; try restarting transaction')", "l"),
        ("GET /payments 200 12ms", ""),
        ("worker started (pid 31)", ""),
        ("wallet loaded in 3 s", ""),
        ("connected to electron-cash:7777", ""),
        ("disk usage 41 %", ""),
        ("memory usage 41 %", ""),
        ("locking the database for the nightly copy", ""),
        ("timeout set to 30 s for electron-cash", ""),
    ],
)
def test_ready_made_set_finds_what_servers_write(line: str, name: str) -> None:
    names = {
        "w": "worker_timeout",
        "c": "wallet_timeout",
        "m": "out_of_memory",
        "d": "disk_full",
        "l": "database_locked",
        "": "",
    }
    assert find_set(line) == names[name]


def test_expression_that_would_take_for_ever_takes_no_time() -> None:
    began = time.process_time()
    assert not find("a" * 16_000 + "!", "(a+)+$", "(a|aa)+$", "(.*a){20}x")
    assert time.process_time() - began < 1.0


@given(st.binary(max_size=300))
def test_no_line_is_an_error(line: bytes) -> None:
    settings = LogProbe(patterns=("x+", LEVEL), sets=tuple(LOG_SETS))
    LinePatterns(settings).find(line)
