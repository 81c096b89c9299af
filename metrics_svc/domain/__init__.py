"""What the numbers mean: pure functions and frozen values."""
