"""Which stretches of a video would make shorts, and where a cut may lie."""
