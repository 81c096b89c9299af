"""What is told of a window: readings of sketches as reports."""
