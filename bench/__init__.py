"""Claims about speed and size, each measured beside the same work done by a bare script, in one run.

`python -m bench` measures all, `python -m bench NAME ...` some; see `bench/__main__.py`.
"""
