"""Protocols of the engine, the storage and other components that the loop needs.

Imports ``model`` and ``reason``.
"""
