"""A wallet daemon for demo and tests, with faults that can be switched on.

Settings come from the environment: RPC_USER, RPC_PASSWORD[_FILE], RPC_HOST, RPC_PORT,
CONTROL_HOST, CONTROL_PORT, DATA_DIR, BOOT_SECONDS, BLOCK_SECONDS, NETWORK_TIMEOUT,
WALLET_PASSWORD[_FILE].

NETWORK_TIMEOUT is the longest that a network-backed call takes while no server answers,
in seconds; the shortest is 25/30 of it. WALLET_PASSWORD encrypts the first wallet; the
control port (standin/control.py) makes others.
"""

import argparse
import http.client
import json
import sys
from http import HTTPStatus
from typing import Any

from standin import settings
from standin.faults import KINDS, Faults
from standin.settings import Settings

CONTROL_DEADLINE = 5.0


def main(arguments: list[str]) -> int:
    """The exit status."""
    options = parse(arguments)
    configured = settings.from_environment()
    if options.command == "daemon":
        # `fault` must work without the RPC library on the path.
        from standin import daemon  # noqa: PLC0415

        return daemon.run(configured)
    if options.name is None:
        return list_faults(configured)
    return switch(
        configured, options.name, on=options.state == "on", number=options.number
    )


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("daemon", help="run the daemon in the foreground")
    fault = commands.add_parser(
        "fault",
        help="switch a fault on or off; without NAME, list them",
        epilog="faults:\n" + "\n".join(map(describe, KINDS)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    fault.add_argument("name", metavar="NAME", nargs="?", choices=KINDS)
    fault.add_argument("state", nargs="?", choices=["on", "off"], default="on")
    fault.add_argument("number", metavar="SECONDS|COUNT", nargs="?", type=float)
    return parser.parse_args(arguments)


def describe(name: str) -> str:
    """One line of help per fault."""
    kind = KINDS[name]
    notes = [f"SECONDS: {kind.seconds:g}"] if kind.seconds else []
    notes += [f"COUNT: {kind.count}"] if kind.count else []
    notes += ["survives a restart"] if kind.persists else []
    return f"  {name:15} {kind.meaning}" + (f" ({', '.join(notes)})" if notes else "")


def list_faults(configured: Settings) -> int:
    """Those that are on, and those that are off."""
    try:
        faults = ask_control(configured, "GET", "/faults")
    except ConnectionRefusedError:
        faults = None
        print("the daemon does not run", file=sys.stderr)
    for name, fault in (faults or {}).items():
        print(f"{name:15} {'on' if fault['on'] else 'off'}")
    return 0 if faults is not None else 1


def switch(configured: Settings, name: str, *, on: bool, number: float | None) -> int:
    """A daemon that does not run reads its lasting faults at its next start."""
    body = {"on": on, "seconds": number}
    try:
        answer = ask_control(configured, "PUT", f"/faults/{name}", body)
    except ConnectionRefusedError:
        return switch_for_next_start(configured, name, on=on, number=number)
    if answer is None:
        return 1
    print(f"{name} is {'on' if on else 'off'}")
    return 0


def switch_for_next_start(
    configured: Settings, name: str, *, on: bool, number: float | None
) -> int:
    """Only faults that outlive the process can wait."""
    if not KINDS[name].persists:
        print(
            f"the daemon does not run, and {name} does not outlive it", file=sys.stderr
        )
        return 1
    Faults(configured.data_dir).switch(name, on=on, number=number)
    print(
        f"the daemon does not run; {name} is {'on' if on else 'off'} for its next start"
    )
    return 0


def ask_control(
    configured: Settings, method: str, path: str, body: object = None
) -> dict[str, Any] | None:
    """Answer of the control port; None after printing an error.

    ConnectionRefusedError without a daemon.
    """
    control = http.client.HTTPConnection(
        "127.0.0.1", configured.control_port, timeout=CONTROL_DEADLINE
    )
    try:
        control.request(method, path, json.dumps(body or {}))
        response = control.getresponse()
        answer: dict[str, Any] = json.load(response)
    except TimeoutError:
        print(
            "the control port does not answer: the process is stopped", file=sys.stderr
        )
        return None
    finally:
        control.close()
    if response.status == HTTPStatus.OK:
        return answer
    print(json.dumps(answer), file=sys.stderr)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
