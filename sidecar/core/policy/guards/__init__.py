"""The guards: each returns the reason why a remedy must wait, or None."""
