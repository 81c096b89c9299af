"""The two borders of the gateway: HTTP bytes on one side, gRPC on the other."""
