"""What was measured of a clip, held against what it was to be."""
