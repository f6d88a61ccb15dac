"""The HTTP server and its JSON views."""
