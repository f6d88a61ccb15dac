"""HAProxy's own statistics: the servers and their states."""

import csv
import io

import requests


def server_states(host: str, backend: str, port: int = 8404) -> dict[str, str]:
    """The state of each server of a backend: UP, DRAIN (agent), DOWN (agent), ..."""
    answer = requests.get(f"http://{host}:{port}/;csv", timeout=30.0)
    answer.raise_for_status()
    rows = csv.DictReader(io.StringIO(answer.text.removeprefix("# ")))
    return {
        row["svname"]: row["status"]
        for row in rows
        if row["pxname"] == backend and row["svname"] not in {"FRONTEND", "BACKEND"}
    }
