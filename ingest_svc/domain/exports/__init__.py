"""Shorts: what may be exported, what becomes of an export, and what a clip should look and sound like."""
