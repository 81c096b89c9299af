"""A tiny service that keeps the promises a supervised one must keep: GET /readyz on its address, ends on SIGTERM.

    python dummy_service.py PREFIX [stubborn]

It appends its name to $DUMMY_JOURNAL when it is asked to stop; `stubborn` ignores that request.
"""

import http.server
import os
import signal
import sys
from pathlib import Path
from types import FrameType

PREFIX = sys.argv[1]


class _Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def _stop(_signal: int, _frame: FrameType | None) -> None:
    with Path(os.environ["DUMMY_JOURNAL"]).open("a", encoding="utf-8") as journal:
        journal.write(f"{PREFIX}\n")
    if "stubborn" not in sys.argv:
        sys.exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    variable = "HEIMDEX_HTTP_ADDR" if PREFIX == "GATEWAY" else f"HEIMDEX_{PREFIX}_METRICS_ADDR"
    host, _, port = os.environ[variable].rpartition(":")
    http.server.HTTPServer((host, int(port)), _Ready).serve_forever()
