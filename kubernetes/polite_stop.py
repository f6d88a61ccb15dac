"""Ask a wallet daemon to stop, and wait until it has: it saves its addresses first.

    python3 polite_stop.py URL USER PASSWORD_FILE

For a preStop hook. A daemon that is held by a network call answers late, so the wait is
60 s. The exit status is always 0: what happens next is the kubelet's matter.
"""

import base64
import json
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

LIMIT_S = 60.0
POLL_S = 0.2


def ask_to_stop(url: str, user: str, password_file: str, until: float) -> str:
    """Send the call ``stop`` and wait for its answer; returns what happened."""
    password = Path(password_file).read_text(encoding="utf-8").strip()
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "stop", "params": []})
    request = urllib.request.Request(
        url,
        body.encode(),
        {"Content-Type": "application/json", "Authorization": f"Basic {pair}"},
    )
    limit_s = max(0.1, until - time.monotonic())
    with urllib.request.urlopen(request, timeout=limit_s) as answer:
        return f"stop was answered with HTTP {answer.status}"


def wait_for_end(url: str, until: float) -> str:
    """Wait until nothing accepts a connection at ``url``; returns what happened."""
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(url, timeout=POLL_S).close()
        except urllib.error.HTTPError:
            pass
        except OSError as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ConnectionRefusedError):
                return "the daemon has ended"
        except HTTPException:
            pass
        time.sleep(POLL_S)
    return f"the daemon has not ended within {LIMIT_S:.0f} s"


def main() -> None:
    """Ask, wait, and say what happened."""
    url, user, password_file = sys.argv[1:]
    until = time.monotonic() + LIMIT_S
    try:
        print(ask_to_stop(url, user, password_file, until))
        print(wait_for_end(url, until))
    except (OSError, HTTPException, ValueError) as error:
        print(f"the daemon could not be asked to stop: {error}")


if __name__ == "__main__":
    main()
