"""Endpoints of the API, a module for each family."""
