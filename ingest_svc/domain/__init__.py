"""Decisions about videos: pure functions over frozen values."""
