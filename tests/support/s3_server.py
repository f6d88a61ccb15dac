"""A server that answers as S3 does, for the time of a test."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sidecar.core.model.backup_settings import OffsiteSettings
from tests.support.repository import REPOSITORY

REGION = "eu-central-1"


class S3Server:
    """Its address, and the keys of its two users."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self._facts = facts

    def place(self, user: str = "owner", bucket: str = "wallets") -> OffsiteSettings:
        """The bucket as a user sees it, who is ``owner`` or ``writer``."""
        keys = self._facts[user]
        return OffsiteSettings(
            f"s3://{bucket}/shop/wallet",
            endpoint=self._facts["url"],
            region=REGION,
            username=keys["access_key"],
            password=keys["secret_key"],
        )


@contextmanager
def run_s3_server() -> Iterator[S3Server]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.s3_server_process", REGION],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield S3Server(json.loads(process.stdout.readline()))
    finally:
        process.communicate(timeout=20)
