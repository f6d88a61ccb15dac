"""The description of the HTTP API (OpenAPI 3.1); imported when it is asked for."""
