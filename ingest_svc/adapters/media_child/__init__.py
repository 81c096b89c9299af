"""The one process that opens a stranger's media file: started by `media_sandbox`, used for one file, then discarded.

It speaks JSON: one request line on stdin, event lines on stdout (`progress`, then `result`, `refused` or `failed`). It
limits itself before it opens the file, writes only into the output folder it was given, and dies with its parent.
"""
