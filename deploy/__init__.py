"""Everything about running Heimdex: `deploy.local` without containers, and the files for larger houses beside it."""

__all__: list[str] = []
