"""Where ingest_svc meets libraries and servers."""
