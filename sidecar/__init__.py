"""Sidecar: a container health watchdog for a wallet daemon and what depends on it."""

__version__ = "0.1.0"
