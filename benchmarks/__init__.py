"""Costs and latencies of Sidecar, compared with the alternatives to it."""
