"""`python -m index_svc`."""

from chassis.io.service import run_service
from index_svc.app import build
from index_svc.settings import Settings

if __name__ == "__main__":
    run_service("index_svc", Settings, build)
