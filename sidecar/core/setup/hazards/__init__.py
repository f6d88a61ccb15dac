"""Hazards of a stack as it is: the checks, and the table with their texts."""
