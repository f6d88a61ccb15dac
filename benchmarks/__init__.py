"""What Sidecar costs and how fast it is, beside what one would use without it."""
