"""What a moment is, what a query asks, and how one answers the other; pure."""

__all__: list[str] = []
