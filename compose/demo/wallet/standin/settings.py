"""The stand-in's settings, from the environment alone."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

VERSION = "4.4.5"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings from the environment."""

    rpc_host: str
    rpc_port: int
    rpc_user: str
    rpc_password: str
    control_host: str
    control_port: int
    data_dir: Path
    boot_seconds: float
    block_seconds: float
    network_timeout: float
    wallet_password: str | None

    @property
    def default_wallet(self) -> Path:
        """Path that `load_wallet` uses by default."""
        return self.data_dir / "wallets" / "default_wallet"


def from_environment(env: Mapping[str, str] = os.environ) -> Settings:
    """Defaults are those of the classic pair."""
    return Settings(
        rpc_host=env.get("RPC_HOST", "0.0.0.0"),
        rpc_port=int(env.get("RPC_PORT", "7777")),
        rpc_user=env.get("RPC_USER", "bchrpc"),
        rpc_password=_secret(env, "RPC_PASSWORD") or "",
        control_host=env.get("CONTROL_HOST", "0.0.0.0"),
        control_port=int(env.get("CONTROL_PORT", "7778")),
        data_dir=Path(env.get("DATA_DIR", "/data")),
        boot_seconds=float(env.get("BOOT_SECONDS", "0.4")),
        block_seconds=float(env.get("BLOCK_SECONDS", "600")),
        network_timeout=float(env.get("NETWORK_TIMEOUT", "30")),
        wallet_password=_secret(env, "WALLET_PASSWORD"),
    )


def _secret(env: Mapping[str, str], name: str) -> str | None:
    path = env.get(f"{name}_FILE")
    return Path(path).read_text().strip() if path else env.get(name)
