"""index_svc: moments can be found.

Owns the search index, queries, ranking and explanation; is never a source of truth: all of it can be built again.
"""

__all__: list[str] = []
