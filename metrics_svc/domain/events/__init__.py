"""What was measured: samples, what they add to sketches, how sketches are kept."""
