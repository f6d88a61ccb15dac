"""What must survive us."""
