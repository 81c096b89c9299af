"""Adapters that every service needs: settings, logs, gRPC, JetStream, Postgres, blobs, stages, lifecycle."""
