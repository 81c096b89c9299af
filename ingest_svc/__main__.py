"""`python -m ingest_svc`."""

from chassis.io.service import run_service
from ingest_svc.app import build
from ingest_svc.settings import Settings

if __name__ == "__main__":
    run_service("ingest_svc", Settings, build)
