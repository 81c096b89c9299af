"""The outline: which streams a file has by its header, without reading on."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from av.error import FFmpegError

from ingest_svc.adapters.media_child.probing import outline
from ingest_svc.adapters.media_child.reader import Refused, open_media

__all__ = ["FFmpegError", "Refused", "run"]


def run(request: Mapping[str, Any], _progress: Callable[[float], None]) -> dict[str, object]:
    """Open one file; `request` has `path`.

    Returns:
        `facts` (MediaFacts as JSON) as far as the header tells them, and `audio`, which is None.

    Raises:
        Refused: the file can not be opened.
    """
    path = Path(request["path"])
    with open_media(path) as container:
        return {"facts": asdict(outline(container, path)), "audio": None}
