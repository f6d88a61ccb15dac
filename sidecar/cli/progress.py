"""A bar on a terminal's standard error, for work that takes long."""

import sys

_WIDTH = 30


def show_progress(share: float) -> None:
    """Show the share that is done; nothing where standard error is no terminal."""
    if not sys.stderr.isatty():
        return
    filled = round(share * _WIDTH)
    bar = "#" * filled + "." * (_WIDTH - filled)
    end = "\r" if share < 1.0 else "\r" + " " * (_WIDTH + 8) + "\r"
    sys.stderr.write(f"[{bar}] {share:4.0%}{end}")
    sys.stderr.flush()
