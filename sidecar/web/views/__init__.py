"""Answers of the API, made from the state and from reports."""
