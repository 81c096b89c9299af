"""Names, units, ids and errors: standard library only, no wire in sight."""
