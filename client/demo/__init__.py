"""The demo: a clip made for it, what is in it, and how its searches are judged."""
