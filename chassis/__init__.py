"""The plumbing that every service shares. It decides nothing about video."""

import os

# Set before gRPC is loaded anywhere. Our processes fork only to exec (media children), and gRPC's handlers, which would
# carry its threads over a fork, can wait for those threads for ever: a sandboxed child was seen to hang at its start.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
