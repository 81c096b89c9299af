"""Encoded sound to 16 kHz mono; the only file of this service that imports `av`. The bytes may come from a stranger."""

import itertools
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from chassis.core.errors import InvalidInput, UnreadableMedia

__all__ = ["SAMPLE_RATE_HZ", "read_audio"]

SAMPLE_RATE_HZ = 16_000
# Containers of sound alone. No playlist, no concat, no protocol but the file itself.
_OPTIONS = {"format_whitelist": "flac,wav,ogg,mp3,mov,matroska", "protocol_whitelist": "file"}
_FULL_SCALE = 32_768.0


def read_audio(path: Path, *, max_seconds: float) -> NDArray[np.float32]:
    """Decode the first sound track to float32[n], 16 kHz mono, -1..1. Costs 64 kB per second of sound.

    Raises:
        UnreadableMedia: It can not be opened or holds no sound.
        InvalidInput: It is longer than `max_seconds`.
    """
    limit = int(max_seconds * SAMPLE_RATE_HZ)
    chunks: list[NDArray[np.int16]] = []
    total = 0
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
    try:
        with av.open(str(path), options=_OPTIONS, metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise UnreadableMedia("there is no sound track", reason="NO_AUDIO")
            for frame in itertools.chain(container.decode(audio=0), (None,)):
                for piece in resampler.resample(frame):
                    samples = np.asarray(piece.to_ndarray(), np.int16).reshape(-1)
                    chunks.append(samples)
                    total += len(samples)
                if total > limit:
                    raise InvalidInput(f"the sound is longer than {max_seconds:g} s", reason="AUDIO_TOO_LONG")
    except (FFmpegError, OSError, ValueError) as cause:
        raise UnreadableMedia("the sound can not be read", reason="INVALID_AUDIO") from cause
    if not chunks:
        return np.zeros(0, np.float32)
    return np.concatenate(chunks).astype(np.float32) / _FULL_SCALE
