"""Prices, bills, and how they are rounded."""
