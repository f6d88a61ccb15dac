"""Types of the answers of the HTTP API."""
