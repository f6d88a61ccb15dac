"""Checks of settings beyond the schema: ranges, names, URLs, secrets."""
