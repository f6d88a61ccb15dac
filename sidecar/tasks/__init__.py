"""Maintenance tasks: carried out, each kind in a module of its own."""
