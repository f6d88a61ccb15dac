"""healthcheck.py as Docker runs it: a process, a line, a status of 0 or 1."""

import ast
import base64
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from tests.support.probe_servers import refused_port
from tests.support.repository import REPOSITORY

SCRIPT = REPOSITORY / "healthcheck.py"
HEALTHY_INFO = {
    "connected": True,
    "server_height": 117,
    "blockchain_height": 117,
    "wallets": {"/data/wallets/default_wallet": True},
}


class CheckResult(NamedTuple):
    status: int
    line: str
    seconds: float


def run(*arguments: str, listen: str | None = None, **environ: str) -> CheckResult:
    began = time.monotonic()
    result = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env=environ | ({} if listen is None else {"SIDECAR_LISTEN": listen}),
    )
    assert result.stderr == ""
    assert result.stdout.count("\n") == 1
    return CheckResult(
        result.returncode, result.stdout.rstrip("\n"), time.monotonic() - began
    )


Serve = Callable[[socket.socket], None]


@contextmanager
def run_server(serve: Serve, family: int = socket.AF_INET) -> Iterator[int]:
    """A server for one connection after the other; its port."""
    listener = socket.create_server(
        ("::1" if family == socket.AF_INET6 else "127.0.0.1", 0),
        family=socket.AddressFamily(family),
    )
    stopping = threading.Event()

    def loop() -> None:
        while not stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                try:
                    serve(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    stopping.set()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(15)
    assert not thread.is_alive()


def request_on(connection: socket.socket) -> tuple[str, str]:
    """The head and the body of one request."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += receive_more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    for line in head.decode().split("\r\n"):
        name, _, value = line.partition(": ")
        if name.lower() == "content-length":
            while len(body) < int(value):
                body += receive_more(connection)
    return head.decode(), body.decode()


def receive_more(connection: socket.socket) -> bytes:
    more = connection.recv(65536)
    if not more:
        raise ConnectionError("the client left before its request was complete")
    return more


def answers(status: int, body: str = "{}", heads: list[str] | None = None) -> Serve:
    """Always the same answer; request lines are added to ``heads``."""

    def serve(connection: socket.socket) -> None:
        head, _ = request_on(connection)
        if heads is not None:
            heads.append(head)
        reply = (
            f"HTTP/1.1 {status} X\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}"
        )
        connection.sendall(reply.encode())

    return serve


# --- the sidecar


def test_live_sidecar_is_0() -> None:
    heads: list[str] = []
    with run_server(answers(200, heads=heads)) as port:
        result = run(listen=f"0.0.0.0:{port}")
    assert result.status == 0
    assert heads[0].startswith("GET /livez HTTP/1.0\r\n")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", ""])
def test_the_address_is_that_of_sidecar_listen(host: str) -> None:
    with run_server(answers(200)) as port:
        assert run(listen=f"{host}:{port}").status == 0


def test_address_without_sidecar_listen_is_the_default() -> None:
    assert "http://127.0.0.1:9787/livez" in run().line


def test_ipv6_address_is_accepted() -> None:
    with run_server(answers(200), socket.AF_INET6) as port:
        assert run(listen=f"[::]:{port}").status == 0
        assert run("--url", f"http://[::1]:{port}/").status == 0


def test_unhealthy_sidecar_is_1_with_its_reason() -> None:
    report = {
        "ok": False,
        "components": [
            {"name": "loop", "ok": False, "reason": "no turn for 31 s"},
            {"name": "other", "ok": True, "reason": ""},
        ],
    }
    with run_server(answers(503, json.dumps(report))) as port:
        result = run(listen=f"127.0.0.1:{port}")
    assert result.status == 1
    assert "HTTP 503: loop no turn for 31 s" in result.line
    assert "other" not in result.line


def test_target_is_checked_by_name() -> None:
    heads: list[str] = []
    target_state = {
        "name": "a b",
        "state": "down",
        "cause": "hung",
        "reason": "no answer",
    }
    with run_server(answers(503, json.dumps(target_state), heads)) as port:
        result = run("--target", "a b", listen=f"127.0.0.1:{port}")
    assert heads[0].startswith("GET /healthz/a%20b HTTP/1.0\r\n")
    assert result.status == 1
    assert result.line.endswith("HTTP 503: down, no answer")


def test_liveness_is_1_only_while_the_sidecar_says_that_a_restart_is_due() -> None:
    heads: list[str] = []
    view = {"name": "a", "state": "down", "reason": "3 failures: refused"}
    results = []
    for status in (503, 200, 404, 500):
        with run_server(answers(status, json.dumps(view), heads)) as port:
            results.append(run("--liveness", "a", listen=f"127.0.0.1:{port}"))
    assert heads[0].startswith("GET /healthz/a?liveness=1 HTTP/1.0\r\n")
    assert [result.status for result in results] == [1, 0, 0, 0]
    assert results[0].line.endswith("HTTP 503: down, 3 failures: refused")


def test_liveness_without_a_usable_answer_is_0() -> None:
    """The kubelet would restart a daemon that works."""
    nobody = run("--liveness", "a", listen="127.0.0.1:1")
    assert (nobody.status, nobody.line) == (
        0,
        "http://127.0.0.1:1/healthz/a: connection refused",
    )
    assert run("--liveness=a", "--timeout", "soon").status == 0
    assert run("--liveness").status == 0

    def say_nothing(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.recv(1)

    with run_server(say_nothing) as port:
        silent = run("--liveness", "a", "--timeout", "0.3", listen=f"127.0.0.1:{port}")
    assert (silent.status, silent.line) == (0, "no answer within 0.3 s")


def test_refused_connection_is_1() -> None:
    with refused_port() as port:
        result = run(listen=f"127.0.0.1:{port}")
    assert (result.status, result.line) == (
        1,
        f"http://127.0.0.1:{port}/livez: connection refused",
    )


# --- any address


@pytest.mark.parametrize(
    ("status", "expected"), [(200, 0), (204, 0), (302, 1), (404, 1), (500, 1), (101, 1)]
)
def test_only_2xx_is_healthy(status: int, expected: int) -> None:
    with run_server(answers(status)) as port:
        assert run("--url", f"http://127.0.0.1:{port}/health").status == expected


def test_query_is_sent_and_not_shown() -> None:
    heads: list[str] = []
    with run_server(answers(500, heads=heads)) as port:
        result = run(f"--url=http://127.0.0.1:{port}?token=opensesame")
    assert heads[0].startswith("GET /?token=opensesame HTTP/1.0\r\n")
    assert "opensesame" not in result.line


def stay_silent(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.recv(65536)


def send_trickle(connection: socket.socket) -> None:
    request_on(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def endless_head(connection: socket.socket) -> None:
    request_on(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-More: yes\r\n")
        time.sleep(0.05)


@pytest.mark.parametrize("serve", [stay_silent, send_trickle, endless_head])
def test_timeout_covers_the_whole_check(serve: Serve) -> None:
    with run_server(serve) as port:
        result = run("--url", f"http://127.0.0.1:{port}/", "--timeout", "0.5")
    assert (result.status, result.line) == (1, "no answer within 0.5 s")
    assert result.seconds < 5


def close_unanswered(connection: socket.socket) -> None:
    request_on(connection)


def send_noise(connection: socket.socket) -> None:
    request_on(connection)
    connection.sendall(b"\x00\x01 220 mail ready\n" * 3)


@pytest.mark.parametrize(
    ("serve", "message"),
    [
        (close_unanswered, "closed the connection without an answer"),
        (send_noise, "not speak HTTP"),
    ],
)
def test_missing_or_malformed_answer_is_1(serve: Serve, message: str) -> None:
    with run_server(serve) as port:
        result = run("--url", f"http://127.0.0.1:{port}/")
    assert result.status == 1
    assert message in result.line


def answer_and_hold(connection: socket.socket) -> None:
    """Answer, and leave the connection open."""
    request_on(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    connection.recv(1)


def test_complete_answer_ends_the_check() -> None:
    with run_server(answer_and_hold) as port:
        result = run("--url", f"http://127.0.0.1:{port}/")
    assert result.status == 0
    assert result.seconds < 4


def test_an_address_of_https_is_verified(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))

    def serve_tls(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as inner:
            answers(200)(inner)

    with run_server(serve_tls) as port:
        url = f"https://localhost:{port}/health"
        result = run("--url", url, SSL_CERT_FILE=str(trusted))
        assert (result.status, result.line) == (0, f"ok: {url} answered 200")
        result = run("--url", url)
        assert result.status == 1
        assert "certificate" in result.line


def test_an_answer_without_end_is_not_kept() -> None:
    def serve_flood(connection: socket.socket) -> None:
        request_on(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(200):
            connection.sendall(b"x" * 65536)

    with run_server(serve_flood) as port:
        result = run("--url", f"http://127.0.0.1:{port}/")
    assert result.status == 0


def test_unresolvable_name_is_1() -> None:
    result = run("--url", "http://no-such-host.invalid/", "--timeout", "10")
    assert result.status == 1


# --- arguments


WRITE = "write http://host:port/path"
GIVE_ONE = "give one of --target, --liveness, --rpc, --url; usage: "


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nonsense"], "unknown argument --nonsense; usage: "),
        (["stray"], "unknown argument stray; usage: "),
        (["--url"], "--url needs a value; usage: "),
        (["--url", "ftp://host/"], f"no address: {WRITE}"),
        (["--url", "http://"], f"no address: {WRITE}"),
        (["--url", "http:///x"], f"no address in http:///x: {WRITE}"),
        (["--url", "http://host:x/"], f"no address in http://host:x/: {WRITE}"),
        (["--url", "http://host:99999999/"], "http://host:99999999/: "),
        (["--url", "http://u:opensesame@host/"], "an address shows in process lists"),
        (["--timeout", "soon"], "--timeout soon: give seconds"),
        (["--timeout", "0"], "--timeout 0: give seconds"),
        (["--timeout", "nan"], "--timeout nan: give seconds"),
        (["--timeout", "inf"], "--timeout inf: give seconds"),
        (["--target", "a", "--url", "http://h/"], GIVE_ONE),
        (["--target", "a", "--rpc", "http://h/"], GIVE_ONE),
        (["--rpc", "http://h/", "--url", "http://h/"], GIVE_ONE),
        (
            ["--rpc", "http://h/", "--user", "u"],
            "--user and --password-file go together; usage: ",
        ),
        (
            ["--rpc", "http://h/", "--user", "u", "--password-file", "/no/such/file"],
            "--password-file /no/such/file: no such file or directory",
        ),
    ],
)
def test_bad_arguments_are_1(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.status == 1
    assert result.line.startswith(message)
    assert "opensesame" not in result.line


def test_help_is_one_line() -> None:
    result = run("--help")
    assert result.status == 0
    assert result.line.startswith("usage: ")


def test_a_bad_sidecar_listen_is_1() -> None:
    assert run(listen="nonsense").status == 1


def test_a_closed_standard_output_does_not_change_the_status() -> None:
    with run_server(answers(200)) as port:
        script = f'"{sys.executable}" "{SCRIPT}" --url http://127.0.0.1:{port}/ >&-'
        result = subprocess.run(["sh", "-c", script], timeout=20, check=False)
    assert result.returncode == 0


# --- wallet daemons


class Daemon:
    """A wallet daemon; ``results`` maps a method to its result or an error."""

    def __init__(self, **results: object) -> None:
        self.results: dict[str, object] = {
            "ping": True,
            "getinfo": HEALTHY_INFO,
            "getbalance": {"confirmed": "0"},
        } | results
        self.methods: list[str] = []
        self.authorizations: set[str] = set()
        self.heads: list[str] = []

    def __call__(self, connection: socket.socket) -> None:
        head, body = request_on(connection)
        self.heads.append(head)
        for line in head.split("\r\n"):
            if line.lower().startswith("authorization: "):
                self.authorizations.add(line.partition(": ")[2])
        method = json.loads(body)["method"]
        self.methods.append(method)
        result = self.results.get(method)
        if isinstance(result, int) and not isinstance(result, bool):
            connection.sendall(f"HTTP/1.0 {result} X\r\n\r\n<html>".encode())
            return
        reply: dict[str, object] = {"id": 1, "jsonrpc": "2.0"}
        if isinstance(result, Exception):
            reply["error"] = {"code": -32603, "message": str(result)}
        else:
            reply["result"] = result
        raw = json.dumps(reply).encode()
        head = f"HTTP/1.0 200 OK\r\nContent-length: {len(raw)}\r\n\r\n"
        connection.sendall(head.encode() + raw)


def check_rpc(daemon: Daemon, *arguments: str) -> CheckResult:
    with run_server(daemon) as port:
        return run("--rpc", f"http://127.0.0.1:{port}/", *arguments)


def test_loaded_wallet_is_0() -> None:
    daemon = Daemon()
    assert check_rpc(daemon).status == 0
    assert daemon.methods == ["ping", "getinfo", "getbalance"]
    assert not daemon.authorizations
    first = daemon.heads[0].split("\r\n")
    assert first[0] == "POST / HTTP/1.0"
    assert {"Content-Type: application/json", "Connection: close"} < set(first)
    assert "Content-Length: 59" in first


def test_no_wallet_method_before_a_wallet_is_loaded() -> None:
    daemon = Daemon(getinfo=HEALTHY_INFO | {"wallets": {}})
    result = check_rpc(daemon)
    assert (result.status, result.line) == (1, "no wallet is loaded")
    assert daemon.methods == ["ping", "getinfo"]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"connected": False, "server_height": 0}, "the upstream server is lost"),
        ({"connected": True, "server_height": 0}, "the upstream server is lost"),
        ({"wallets": {"w": False}}, "the wallet is synchronising"),
    ],
)
def test_unusable_wallet_is_1_with_its_reason(
    change: dict[str, object], line: str
) -> None:
    result = check_rpc(Daemon(getinfo=HEALTHY_INFO | change))
    assert (result.status, result.line) == (1, line)


def test_list_wallets_is_called_when_getinfo_has_no_wallets() -> None:
    info = {k: v for k, v in HEALTHY_INFO.items() if k != "wallets"}
    daemon = Daemon(getinfo=info, list_wallets=[{"path": "w", "synchronized": True}])
    assert check_rpc(daemon).status == 0
    assert daemon.methods == ["ping", "getinfo", "list_wallets", "getbalance"]
    daemon = Daemon(getinfo=info, list_wallets=[])
    assert check_rpc(daemon).line == "no wallet is loaded"
    assert daemon.methods == ["ping", "getinfo", "list_wallets"]


def test_credentials_are_sent_and_never_shown(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("open sesame\n")
    daemon = Daemon()
    arguments = ("--user", "bchrpc", "--password-file", str(password))
    assert check_rpc(daemon, *arguments).status == 0
    coded = base64.b64encode(b"bchrpc:open sesame").decode()
    assert daemon.authorizations == {f"Basic {coded}"}
    for status in (401, 403):
        result = check_rpc(Daemon(ping=status), *arguments)
        assert result.status == 1
        assert "wrong user or password" in result.line
        assert "sesame" not in result.line


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ({"ping": 500}, "ping: HTTP 500"),
        (
            {"ping": Exception("Method ping not supported.")},
            "ping: Method ping not supported.",
        ),
        ({"getinfo": Exception("Daemon offline")}, "getinfo: Daemon offline"),
        ({"getinfo": []}, "getinfo: not an object"),
        (
            {"getinfo": HEALTHY_INFO | {"wallets": 7}, "list_wallets": "x"},
            "list_wallets: not a list",
        ),
        (
            {"getbalance": Exception("Server error: Wallet not loaded")},
            "getbalance: Server error: Wallet not loaded",
        ),
        ({"getbalance": "nonsense"}, "getbalance: not an object"),
    ],
)
def test_daemon_error_is_1_with_its_text(
    results: dict[str, object], message: str
) -> None:
    result = check_rpc(Daemon(**results))
    assert (result.status, result.line) == (1, message)


@pytest.mark.parametrize("body", ["", "nonsense", "[]", "{}", '{"result"', "[" * 99999])
def test_body_other_than_json_rpc_is_1(body: str) -> None:
    with run_server(answers(200, body)) as port:
        result = run("--rpc", f"http://127.0.0.1:{port}/")
    assert result.status == 1
    assert result.line.startswith(("ping: ", "healthcheck.py failed: RecursionError"))


def test_text_of_the_server_stays_in_one_line() -> None:
    words = "first\nsecond\x1b[31m" + "x" * 1000
    result = check_rpc(Daemon(ping=Exception(words)))
    assert result.status == 1
    assert len(result.line) <= 300
    assert "\x1b" not in result.line


# --- the file itself


def test_script_parses_as_python_3_8() -> None:
    tree = ast.parse(SCRIPT.read_text(), feature_version=(3, 8))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported <= set(sys.stdlib_module_names)


def test_script_imports_no_slow_module() -> None:
    """Each imported module lengthens the start of the check."""
    with run_server(answers(200)) as port:
        result = subprocess.run(
            [
                sys.executable,
                "-X",
                "importtime",
                str(SCRIPT),
                "--url",
                f"http://127.0.0.1:{port}/",
            ],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    loaded = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    slow = {"json", "re", "argparse", "socket", "http.client", "urllib.parse", "typing"}
    assert loaded & slow == set()
