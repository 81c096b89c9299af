"""What the handlers need from the world: one module per subject."""
