"""A stand-in for the Electron Cash daemon.

The same server on the wire, the same faults, no coins.
"""
