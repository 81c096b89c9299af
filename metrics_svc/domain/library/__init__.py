"""Videos, users, bytes, and where the time of one video went."""
