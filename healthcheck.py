#!/usr/bin/env python3
"""Ask one question about health; answer with one line and exit status 0 or 1.

    python healthcheck.py                 is the local sidecar alive?
    python healthcheck.py --target NAME   does the local sidecar find NAME healthy?
    python healthcheck.py --liveness NAME 1 only while the local sidecar says that a
                                          restart of NAME is due: for a kubelet
    python healthcheck.py --url URL       does URL answer 2xx?
    python healthcheck.py --rpc URL --user U --password-file F
                                          does the wallet daemon at URL serve?

``--timeout 5`` bounds the whole of it in seconds, name resolution included. The
sidecar's address comes from ``SIDECAR_LISTEN``. ``--rpc`` only reads, one short
connection after the other: ``ping``, ``getinfo`` (or ``list_wallets``), and
``getbalance`` only once a wallet is loaded, since some daemons die of it before.

Standard library, one file, Python 3.8 or newer: copy it into any image. It starts
fastest as ``python -I -S healthcheck.py``.
"""

from __future__ import annotations

# _socket is the C part of socket; the Python part alone doubles the start time.
import _socket
import _thread
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself is too slow to import
    from typing import Dict, List, NoReturn, Tuple

DEFAULT_LISTEN = "127.0.0.1:9787"
DEFAULT_TIMEOUT_S = "5"
OPTIONS = (
    "--target",
    "--liveness",
    "--rpc",
    "--user",
    "--password-file",
    "--url",
    "--timeout",
)
QUESTIONS = ("--target", "--liveness", "--rpc", "--url")
USAGE = (
    "usage: healthcheck.py [--target NAME | --liveness NAME | --url URL | "
    "--rpc URL [--user U --password-file F]] [--timeout 5]"
)
HEALTHY, UNHEALTHY = 0, 1
HTTP_OK = 200
HTTP_UNAVAILABLE = 503
MAX_TIMEOUT_S = 3600.0
MAX_ANSWER_BYTES = 1024 * 1024
MAX_LINE_CHARACTERS = 300
UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"


class Unhealthy(Exception):
    """The answer is no; the text is the line to print."""


class RestartDue(Unhealthy):
    """The sidecar says that a restart is due, for the reason in the text."""


def main(arguments: List[str]) -> NoReturn:
    """Ask, print, end the process."""
    unjudged = find_unjudged_status(arguments)
    try:
        options = parse_options(arguments)
        if "--help" in options:
            finish(HEALTHY, USAGE)
        limit_s = parse_timeout(options.get("--timeout", DEFAULT_TIMEOUT_S))
        _thread.start_new_thread(give_up_after, (limit_s, unjudged))
        line = judge(options)
    except RestartDue as due:
        finish(UNHEALTHY, str(due))
    except Unhealthy as no:
        finish(unjudged, str(no))
    except BaseException as fault:  # noqa: BLE001 - no other exit status, ever
        finish(unjudged, f"healthcheck.py failed: {describe_error(fault)}")
    finish(HEALTHY, line)


def find_unjudged_status(arguments: List[str]) -> int:
    """The exit status where there is no answer.

    A sidecar that does not answer, or a mistake in the arguments, must not make a
    kubelet restart a wallet daemon that works.
    """
    asks = any(argument.startswith("--liveness") for argument in arguments)
    return HEALTHY if asks else UNHEALTHY


def judge(options: Dict[str, str]) -> str:
    """The line for a healthy answer. Raises Unhealthy."""
    if "--rpc" in options:
        return judge_wallet(Daemon(options))
    if "--url" in options:
        return judge_http(Address(options["--url"]))
    path = "/livez"
    if "--target" in options:
        path = "/healthz/" + percent_encode(options["--target"])
    if "--liveness" in options:
        path = f"/healthz/{percent_encode(options['--liveness'])}?liveness=1"
    listen = os.environ.get("SIDECAR_LISTEN") or DEFAULT_LISTEN
    address = Address(sidecar_url(listen, path))
    return judge_sidecar(address, asks_liveness="--liveness" in options)


# ------------------------------------------------------------ end of the process

_ending = _thread.allocate_lock()


def finish(status: int, line: str) -> NoReturn:
    """Print the line and end the process; the first caller wins.

    os._exit: a closed standard output must not make the status 120, and nothing
    is left to tear down.
    """
    _ending.acquire()
    text = "".join(c if c.isprintable() else " " for c in line)[:MAX_LINE_CHARACTERS]
    try:  # noqa: SIM105 - contextlib is slow to import
        os.write(1, (text + "\n").encode("utf-8", "replace"))
    except OSError:
        pass
    os._exit(status)


def give_up_after(seconds: float, status: int) -> None:
    """End the process after ``seconds``, even if its main thread is blocked.

    Name resolution has no deadline of its own, and a server that sends slowly
    outlives any deadline on a single read.
    """
    time.sleep(seconds)
    finish(status, f"no answer within {seconds:g} s")


def describe_error(fault: BaseException) -> str:
    """A short description of an exception."""
    if isinstance(fault, OSError) and fault.strerror:
        return fault.strerror.lower()
    return f"{type(fault).__name__} {fault}".strip()


# -------------------------------------------------------------------- arguments


def parse_options(arguments: List[str]) -> Dict[str, str]:
    """``--name value`` or ``--name=value``; argparse would exit with status 2."""
    options: Dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if name in {"-h", "--help"}:
            return {"--help": ""}
        if name not in OPTIONS:
            raise Unhealthy(f"unknown argument {name}; {USAGE}")
        options[name] = value if equals else next(rest, "")
        if not options[name]:
            raise Unhealthy(f"{name} needs a value; {USAGE}")
    if sum(name in options for name in QUESTIONS) > 1:
        raise Unhealthy(f"give one of {', '.join(QUESTIONS)}; {USAGE}")
    if ("--user" in options) != ("--password-file" in options):
        raise Unhealthy(f"--user and --password-file go together; {USAGE}")
    return options


def parse_timeout(text: str) -> float:
    """The time limit in seconds."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds <= MAX_TIMEOUT_S:
        raise Unhealthy(f"--timeout {text}: give seconds, above 0 and up to 3600")
    return seconds


def sidecar_url(listen: str, path: str) -> str:
    """The address of the sidecar on this machine that listens on ``listen``."""
    host, _, port = listen.rpartition(":")
    here = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104
    return f"http://{here.get(host, host)}:{port}{path}"


def percent_encode(name: str) -> str:
    """``name`` percent-encoded for a path."""
    return "".join(
        chr(byte) if byte in UNRESERVED else f"%{byte:02X}" for byte in name.encode()
    )


def read_secret(path: str) -> str:
    """The first line of a file."""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib is slow
            return file.readline(4096).rstrip("\r\n")
    except (OSError, ValueError) as fault:
        raise Unhealthy(f"--password-file {path}: {describe_error(fault)}") from fault


class Address:
    """A parsed URL; urllib.parse alone would nearly double the start time."""

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        if not rest or scheme.lower() not in {"http", "https"}:
            raise Unhealthy("no address: write http://host:port/path")
        self.tls = scheme.lower() == "https"
        rest = rest.partition("#")[0]
        end = min(at for at in (rest.find("/"), rest.find("?"), len(rest)) if at >= 0)
        self.place, path = rest[:end], rest[end:]
        if "@" in self.place:
            raise Unhealthy("an address shows in process lists: use --user for names")
        self.path = path if path.startswith("/") else "/" + path
        host, colon, port = self.place.rpartition(":")
        if not colon or self.place.endswith("]"):
            host, port = self.place, "443" if self.tls else "80"
        if not host or not port.isdigit():
            raise Unhealthy(f"no address in {self}: write http://host:port/path")
        self.host, self.port = host.strip("[]"), int(port)

    def __str__(self) -> str:  # type: ignore[explicit-override]
        """Without the query: it may hold a secret."""
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{self.place}{self.path.partition('?')[0]}"


# ------------------------------------------------------------------------- HTTP


def ask(address: Address, body: bytes = b"", authorization: str = "") -> Answer:
    """Send one request, in one piece, on a connection of its own.

    HTTP/1.0, so that no server answers in chunks or keeps the connection open.
    """
    lines = [
        f"{'POST' if body else 'GET'} {address.path} HTTP/1.0",
        f"Host: {address.place}",
        "Connection: close",
        "User-Agent: sidecar-healthcheck",
    ]
    if authorization:
        lines.append(f"Authorization: {authorization}")
    if body:
        lines.append("Content-Type: application/json")
        lines.append(f"Content-Length: {len(body)}")
    request = "\r\n".join([*lines, "", ""]).encode("utf-8") + body
    try:
        connection = connect(address)
        try:
            connection.sendall(request)
            return Answer(address, connection)
        finally:
            connection.close()
    except OSError as fault:
        raise Unhealthy(f"{address}: {describe_error(fault)}") from fault


def connect(address: Address) -> _socket.socket:
    """A socket to the first of the host's addresses that accepts one."""
    if address.tls:
        return connect_tls(address)
    refusal = OSError("no address")
    # Given text, getaddrinfo would import the tables of international names.
    name = address.host.encode("ascii" if address.host.isascii() else "idna")
    for family, kind, protocol, _, where in _socket.getaddrinfo(
        name, address.port, 0, _socket.SOCK_STREAM
    ):
        connection = _socket.socket(family, kind, protocol)
        try:
            connection.connect(where)
        except OSError as refused:
            connection.close()
            refusal = refused
        else:
            return connection
    raise refusal


def connect_tls(address: Address) -> _socket.socket:
    """A TLS connection with the certificate verified; slower to start."""
    import socket  # noqa: PLC0415 - only those who need it pay for it
    import ssl  # noqa: PLC0415

    plain = socket.create_connection((address.host, address.port))
    return ssl.create_default_context().wrap_socket(plain, server_hostname=address.host)


class Answer:
    """The HTTP status and the body, as far as it was received."""

    def __init__(self, address: Address, connection: _socket.socket) -> None:
        received = b""
        while len(received) < MAX_ANSWER_BYTES:
            part = connection.recv(65536)
            if not part:
                break
            received += part
            if is_complete(received):
                break
        if not received:
            raise Unhealthy(f"{address}: closed the connection without an answer")
        protocol, _, rest = received.split(b"\r\n", 1)[0].partition(b" ")
        if not protocol.startswith(b"HTTP/") or not rest[:3].isdigit():
            raise Unhealthy(f"{address}: does not speak HTTP")
        self.status = int(rest[:3])
        self.good = self.status // 100 == HTTP_OK // 100
        self.body = received.partition(b"\r\n\r\n")[2]


def is_complete(received: bytes) -> bool:
    """Has everything arrived that Content-Length announced?"""
    head, end, body = received.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return bool(end) and len(body) >= int(value)
    return False


def parse_json(body: bytes) -> object:
    """The body as parsed JSON; None if it is no JSON."""
    import json  # noqa: PLC0415 - only those who need it pay for it

    try:
        document: object = json.loads(body)
    except ValueError:
        return None
    return document


# --------------------------------------------------------------------- verdicts


def judge_http(address: Address) -> str:
    """Healthy: any status 2xx."""
    answer = ask(address)
    if not answer.good:
        raise Unhealthy(f"{address}: HTTP {answer.status}")
    return f"ok: {address} answered {answer.status}"


def judge_sidecar(address: Address, *, asks_liveness: bool) -> str:
    """As judge_http, with the sidecar's own reasons if it is unhealthy."""
    answer = ask(address)
    if answer.good:
        return f"ok: {address} answered {answer.status}"
    reply = parse_json(answer.body)
    reply = reply if isinstance(reply, dict) else {}
    reasons = [
        f"{part.get('name')} {part.get('reason')}"
        for part in reply.get("components") or ()
        if isinstance(part, dict) and not part.get("ok")
    ]
    words = [reply.get("error"), reply.get("state"), reply.get("reason"), *reasons]
    why = ", ".join(str(word) for word in words if word)
    line = f"{address}: HTTP {answer.status}{why and ': '}{why}"
    if asks_liveness and answer.status == HTTP_UNAVAILABLE:
        raise RestartDue(line)
    raise Unhealthy(line)


class Daemon:
    """A wallet daemon; every call is read-only and never repeated."""

    def __init__(self, options: Dict[str, str]) -> None:
        self.address = Address(options["--rpc"])
        self.authorization = ""
        if "--user" in options:
            import binascii  # noqa: PLC0415 - C, where base64 is not

            pair = f"{options['--user']}:{read_secret(options['--password-file'])}"
            coded = binascii.b2a_base64(pair.encode("utf-8"), newline=False)
            self.authorization = f"Basic {coded.decode()}"

    def call(self, method: str) -> object:
        """The result of a method without parameters."""
        request = f'{{"jsonrpc": "2.0", "id": 1, "method": "{method}", "params": []}}'
        answer = ask(self.address, request.encode(), self.authorization)
        if answer.status in {401, 403}:
            raise Unhealthy(f"{method}: HTTP {answer.status}, wrong user or password")
        if answer.status != HTTP_OK:
            raise Unhealthy(f"{method}: HTTP {answer.status}")
        document = parse_json(answer.body)
        if not isinstance(document, dict):
            raise Unhealthy(f"{method}: the answer is not JSON-RPC")
        if document.get("error") is not None or "result" not in document:
            fault = document.get("error")
            words = fault.get("message") if isinstance(fault, dict) else fault
            raise Unhealthy(f"{method}: {words or 'neither result nor error'}")
        result: object = document["result"]
        return result


def judge_wallet(daemon: Daemon) -> str:
    """Healthy: it answers, has its upstream, and serves a wallet that is up to date."""
    daemon.call("ping")
    info = daemon.call("getinfo")
    if not isinstance(info, dict):
        raise Unhealthy("getinfo: not an object")
    wallets = loaded_wallets(daemon, info)
    if not wallets:
        raise Unhealthy("no wallet is loaded")
    if not info.get("connected") or not info.get("server_height"):
        raise Unhealthy("the upstream server is lost")
    if not all(wallets):
        raise Unhealthy("the wallet is synchronising")
    balance = daemon.call("getbalance")
    if not isinstance(balance, dict):
        raise Unhealthy("getbalance: not an object")
    return f"ok: wallet served at height {info.get('server_height')}"


def loaded_wallets(daemon: Daemon, info: Dict[str, object]) -> Tuple[bool, ...]:
    """The wallets that are loaded: is each one up to date?"""
    wallets = info.get("wallets")
    if isinstance(wallets, dict):
        return tuple(bool(up_to_date) for up_to_date in wallets.values())
    listed = daemon.call("list_wallets")  # Electrum's getinfo has no wallets
    if not isinstance(listed, list):
        raise Unhealthy("list_wallets: not a list")
    return tuple(
        bool(wallet.get("synchronized"))
        for wallet in listed
        if isinstance(wallet, dict)
    )


if __name__ == "__main__":
    main(sys.argv[1:])
