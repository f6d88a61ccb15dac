"""Drills: the fault is made, and undone. Imported only when a drill is requested."""
