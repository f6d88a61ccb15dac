"""Targets declared by labels of containers."""
