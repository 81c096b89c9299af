"""The plumbing that every service shares. It decides nothing about video."""
