"""The real Electrum daemon and the server that it synchronises with."""

from pathlib import Path
from typing import Literal

from tests.engine.harness import RPC_PASSWORD, RPC_USER, WALLET, Box, Stack

UPSTREAM = "upstream"
SERVER = Path(__file__).with_name("electrum_server.py")
SETTINGS = {
    "start_period": "5s",
    "interval": "1s",
    "fast_interval": "300ms",
    "timeout": "3s",
}


def start_upstream(stack: Stack) -> Box:
    """The server that the daemon synchronises with."""
    source = SERVER.read_text()
    return Box(
        stack.container(
            "sidecar-base:local", UPSTREAM, command=["python3", "-c", source], init=True
        )
    )


def start_electrum(stack: Stack, shape: Literal["pid1", "wrapper"] = "pid1") -> Box:
    """The daemon, once it answers: on a busy machine its first start takes long."""
    settings = {
        "SHAPE": shape,
        "RPC_PASSWORD": RPC_PASSWORD,
        "UPSTREAM": f"{UPSTREAM}:50001:t",
    }
    daemon = Box(stack.container("sidecar-test-electrum:local", WALLET, env=settings))
    stack.wait_for("the daemon answers", lambda: rpc(daemon, "version"), 150.0)
    return daemon


def rpc(daemon: Box, method: str) -> object:
    body = {"id": 1, "method": method, "params": []}
    answer = daemon.ask("POST", 7777, "/", body, auth=(RPC_USER, RPC_PASSWORD))
    return answer.json()["result"]
