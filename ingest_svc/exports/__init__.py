"""Exports: the clips that are made of moments, from the request to the file that is swept away."""
