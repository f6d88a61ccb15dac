"""The rules. Pure: standard library only, no clock, randomness, logging or await."""
