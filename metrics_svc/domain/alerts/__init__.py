"""Rules, what fires, and who is told."""
