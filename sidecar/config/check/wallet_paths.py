"""Check of the paths of wallets."""

from collections.abc import Iterable, Iterator

from sidecar.config.file.setting_types import WALLET_PATH_WORDS, is_wallet_path
from sidecar.config.problem import ConfigProblem, quote_value


def wallet_path_faults(paths: Iterable[str], path: str) -> Iterator[ConfigProblem]:
    """Faults of paths that are not absolute, or of more than one line."""
    yield from (
        ConfigProblem(path, quote_value(text), WALLET_PATH_WORDS)
        for text in paths
        if not is_wallet_path(text)
    )
