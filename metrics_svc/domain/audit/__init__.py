"""Every number three ways, compared."""
