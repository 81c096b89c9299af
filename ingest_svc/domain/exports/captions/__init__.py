"""Words on a clip: which, when, where, and as which texts."""
