"""Reasons as data: a code and its parameters; the sentence is written where it is read.

Imports ``text``.
"""
