"""Probes: a module for each kind, the prober, and the scheduler."""
