"""Third-party libraries behind the ports of index_svc."""

__all__: list[str] = []
