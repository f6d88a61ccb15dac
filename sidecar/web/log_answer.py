"""The headers and the bound of an answer with the log of a container."""

HEADERS = {"Content-Type": "application/x-ndjson", "Cache-Control": "no-store"}
MAX_LINES = 2000
