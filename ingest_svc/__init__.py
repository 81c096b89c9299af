"""The truth about videos: how far each is, what it holds, and what must happen next."""
