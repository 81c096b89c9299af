"""`python -m inference_svc`: run the models until SIGTERM or SIGINT."""

from chassis.io.service import run_service
from inference_svc.app import build
from inference_svc.settings import Settings

if __name__ == "__main__":
    run_service("inference_svc", Settings, build)
