"""Protocols of the engine, the storage and the other parts that the loop needs.

Imports ``model``.
"""
