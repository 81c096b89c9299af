"""Make the demo clip and the file that says what is in it: `python -m tools.make_demo_clip`.

Pictures are drawn here, speech is spoken by espeak-ng (the one thing that is not a wheel; the clip is committed, so
nobody else needs it). The same versions of Pillow, PyAV and espeak-ng give the same bytes.
"""

import io
import json
import shutil
import subprocess
import sys
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from tools.demo_scenes import HEIGHT, SCENES, WIDTH, SceneScript, draw

FOLDER = Path(__file__).resolve().parents[1] / "client" / "demo"
FPS = 25
SAMPLE_RATE_HZ = 48_000
LEAD_SECONDS = 0.4
TAIL_SECONDS = 0.7
SHORTEST_SECONDS = 4.4
TITLE = "A morning at the harbour"
LICENCE = "CC0-1.0: made for Heimdex by tools/make_demo_clip.py"
SEARCHES: tuple[dict[str, Any], ...] = (
    {"q": "keeper counts every ship", "scene": 0, "by": "SIGNAL_SPEECH", "needs": ["MODEL_TASK_ASR"]},
    {"q": "ferry to Oslo", "scene": 4, "by": "SIGNAL_ON_SCREEN_TEXT", "needs": ["MODEL_TASK_OCR"]},
    {"q": "captain Ingrid Berg", "scene": 1, "by": "SIGNAL_ON_SCREEN_TEXT", "needs": ["MODEL_TASK_OCR"]},
    {
        "q": "how much does seafood cost",  # no word of its scene: cosine .40 and up, the next .22 and less
        "scene": 2,
        "by": "SIGNAL_MEANING",
        "needs": ["MODEL_TASK_OCR", "MODEL_TASK_TEXT_EMBEDDING"],
    },
    {"q": "morning at the harbour", "scene": None, "by": "SIGNAL_TITLE", "needs": []},
)
"""What to look for, and the scene that is the one right answer; null where any scene of the clip is."""

Samples = npt.NDArray[np.float32]


def speak(text: str) -> Samples:
    """Return speech, float32[samples] in [-1, 1] at `SAMPLE_RATE_HZ`."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise SystemExit("espeak-ng is needed to make the clip (Debian package espeak-ng)")
    command = [program, "-v", "en-gb", "-s", "150", "-p", "42", "-g", "2", "--stdout", text]
    spoken = subprocess.run(command, check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(spoken)) as file:
        rate = file.getframerate()
        raw = spoken[44:]  # espeak-ng streams, so the length in its header is not true
    samples = np.frombuffer(raw[: len(raw) // 2 * 2], "<i2").astype(np.float32) / 32768
    length = round(len(samples) * SAMPLE_RATE_HZ / rate)
    at = np.arange(length) * (rate / SAMPLE_RATE_HZ)
    louder: Samples = (np.interp(at, np.arange(len(samples)), samples) * 0.8).astype(np.float32)
    return louder


def plan(speeches: list[Samples]) -> list[int]:
    """Return the number of frames of each scene: as long as its speech with a pause on both sides."""
    seconds = [max(SHORTEST_SECONDS, LEAD_SECONDS + len(speech) / SAMPLE_RATE_HZ + TAIL_SECONDS) for speech in speeches]
    return [round(length * FPS) for length in seconds]


def encode(path: Path, speeches: list[Samples], frames: list[int]) -> None:
    """Write an MP4: H.264 and mono AAC, index first."""
    with av.open(str(path), "w", options={"movflags": "+faststart", "fflags": "+bitexact"}) as out:
        out.metadata["title"] = TITLE
        video = out.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.flags |= 0x800000  # bitexact: no encoder version inside
        video.options = {"crf": "24", "preset": "veryslow", "threads": "1", "tune": "animation"}
        audio = out.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="mono")
        audio.bit_rate = 64_000
        audio.codec_context.flags |= 0x800000
        for frame_number, (script, seconds) in enumerate(_film(frames)):
            frame = av.VideoFrame.from_ndarray(np.asarray(draw(script, seconds)), format="rgb24")
            frame.pts, frame.time_base = frame_number, Fraction(1, FPS)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for start, block in _sound(speeches, frames):
            sound = av.AudioFrame.from_ndarray(block[None, :], format="fltp", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = SAMPLE_RATE_HZ, start, Fraction(1, SAMPLE_RATE_HZ)
            out.mux(audio.encode(sound))
        out.mux(audio.encode(None))


def _film(frames: list[int]) -> list[tuple[SceneScript, float]]:
    return [(script, n / FPS) for script, count in zip(SCENES, frames, strict=True) for n in range(count)]


def _sound(speeches: list[Samples], frames: list[int]) -> list[tuple[int, Samples]]:
    track = np.zeros(sum(frames) * SAMPLE_RATE_HZ // FPS, np.float32)
    begin_frame = 0
    for speech, count in zip(speeches, frames, strict=True):
        begin = begin_frame * SAMPLE_RATE_HZ // FPS + round(LEAD_SECONDS * SAMPLE_RATE_HZ)
        track[begin : begin + len(speech)] = speech
        begin_frame += count
    block = 1024
    return [(start, track[start : start + block]) for start in range(0, len(track), block)]


def truth(speeches: list[Samples], frames: list[int]) -> dict[str, object]:
    """Return what is in the clip: the scenes with times in seconds, and the searches that have one right answer."""
    scenes: list[dict[str, object]] = []
    begin = 0
    for script, speech, count in zip(SCENES, speeches, frames, strict=True):
        start_s = begin / FPS
        spoken_s = len(speech) / SAMPLE_RATE_HZ
        scenes.append(
            {
                "index": len(scenes),
                "name": script.name,
                "start_s": start_s,
                "end_s": (begin + count) / FPS,
                "speech": script.speech,
                "speech_start_s": round(start_s + LEAD_SECONDS, 3),
                "speech_end_s": round(start_s + LEAD_SECONDS + spoken_s, 3),
                "on_screen_text": list(script.on_screen_text),
            }
        )
        begin += count
    return {
        "file": "harbour.mp4",
        "title": TITLE,
        "licence": LICENCE,
        "fps": FPS,
        "duration_s": begin / FPS,
        "scenes": scenes,
        "searches": list(SEARCHES),
    }


def main() -> int:
    """Write `harbour.mp4` and `harbour.json`."""
    speeches = [speak(script.speech) for script in SCENES]
    frames = plan(speeches)
    encode(FOLDER / "harbour.mp4", speeches, frames)
    text = json.dumps(truth(speeches, frames), indent=2, ensure_ascii=False) + "\n"
    (FOLDER / "harbour.json").write_text(text, encoding="utf-8")
    print(f"{FOLDER / 'harbour.mp4'}: {(FOLDER / 'harbour.mp4').stat().st_size} bytes, {sum(frames) / FPS} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
