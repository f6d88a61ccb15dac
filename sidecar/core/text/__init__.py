"""Formatting of times and numbers for people, and escaping of untrusted text.

Imports only its own modules.
"""
