"""Reading: the state at start; journal and reports with a deadline."""
