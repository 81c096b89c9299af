"""The plumbing that every service shares. It decides nothing about video."""

import os

# Set before gRPC is loaded anywhere. Our processes fork only to exec (media children), so gRPC's handlers, which carry
# its threads over a fork, can only do harm: ingest_svc froze once in tests at the very moment one of them spoke up.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
