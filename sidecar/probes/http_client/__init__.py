"""A small HTTP client for probes: one request, one connection."""
