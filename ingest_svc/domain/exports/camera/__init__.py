"""Where the frame goes, so that it follows its subject calmly."""
