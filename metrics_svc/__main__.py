"""`python -m metrics_svc`: serve the administrators' numbers until SIGTERM or SIGINT."""

from chassis.io.service import run_service
from metrics_svc.app import build
from metrics_svc.settings import Settings

if __name__ == "__main__":
    run_service("metrics_svc", Settings, build)
