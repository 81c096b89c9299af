"""faster-whisper behind SpeechRecogniser; the only file that imports `faster_whisper` and `ctranslate2`.

Voice is found first (Silero, inside faster-whisper). A recording without voice is not decoded at all, which keeps
music and silence free of invented sentences. Pauses are not squeezed out of what is decoded: that moves words and loses
sentences. `condition_on_previous_text` stays off: with it one error repeats itself through all later windows.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.vad import VadOptions, get_speech_timestamps
from numpy.typing import NDArray

from chassis.core.errors import Corruption, InvalidInput, Stopping, UpstreamUnavailable
from inference_svc.domain.audio_windows import Span, plan_windows, voiced_share
from inference_svc.domain.transcript import RawSegment, Word
from inference_svc.ports import AudioJob, Recognition

__all__ = ["SAMPLE_RATE_HZ", "WhisperRecogniser"]

SAMPLE_RATE_HZ = 16_000
_BEAM_SIZE = 5
_WINDOW_SECONDS = 300.0
_MIN_WINDOW_SECONDS = 0.1


class WhisperRecogniser:
    """One CTranslate2 Whisper model.

    Attributes:
        device: `cpu` or `cuda`.
    """

    def __init__(self, folder: Path, *, threads: int, device: str = "auto") -> None:
        """Load a converted model; int8 on a CPU, float16 on CUDA.

        Raises:
            Corruption: The folder does not hold a CTranslate2 Whisper model.
        """
        # The folder is complete, so the library has no reason to ask the hub; this makes sure.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        use_cuda = device != "cpu" and ctranslate2.get_cuda_device_count() > 0
        self.device = "cuda" if use_cuda else "cpu"
        precision = "float16" if use_cuda else "int8"
        try:
            self._model = WhisperModel(str(folder), device=self.device, compute_type=precision, cpu_threads=threads)
        except (RuntimeError, ValueError, OSError) as cause:
            raise Corruption(f"{folder.name} is not a Whisper model", reason="MODEL_UNLOADABLE") from cause

    def recognise(self, job: AudioJob) -> Recognition:
        """Write a recording down; blocks for (real-time factor x duration).

        Raises:
            InvalidInput: The language is not one the model knows.
            Stopping: The job was cancelled.
            UpstreamUnavailable: The runtime failed.
        """
        samples: NDArray[np.float32] = np.ascontiguousarray(job.samples, np.float32)
        duration = len(samples) / SAMPLE_RATE_HZ
        voiced = _voiced(samples)
        heard: list[tuple[float, str, float]] = []
        segments: list[RawSegment] = []
        for window in plan_windows(duration, voiced, max_seconds=_WINDOW_SECONDS):
            # A window is decoded whole or not at all: cutting off its quiet edges saves little and moves the words.
            if voiced_share(window, voiced) > 0:
                language, probability, found = self._decode(samples, window, job)
                heard.append((window.seconds, language, probability))
                segments.extend(found)
            _report(job.on_progress, window.end)
        _, language, probability = max(heard, default=(0.0, "", 0.0))
        return Recognition(language, probability, duration, voiced, tuple(segments))

    def _decode(self, samples: NDArray[np.float32], span: Span, job: AudioJob) -> tuple[str, float, list[RawSegment]]:
        cut = samples[int(span.start * SAMPLE_RATE_HZ) : int(span.end * SAMPLE_RATE_HZ)]
        found: list[RawSegment] = []
        try:
            lazy, info = self._model.transcribe(
                cut,
                language=job.language or None,
                beam_size=_BEAM_SIZE,
                word_timestamps=True,
                condition_on_previous_text=False,
                vad_filter=False,
            )
            for segment in lazy:
                raw = _raw(segment, span.start)
                found.append(raw)
                _report(job.on_segment, raw)
                _report(job.on_progress, min(span.end, raw.end))
                if job.is_cancelled is not None and job.is_cancelled():
                    raise Stopping("the transcription was cancelled")
        except ValueError as cause:
            raise InvalidInput("the recogniser refused the request", reason="LANGUAGE_UNKNOWN") from cause
        except RuntimeError as cause:
            raise UpstreamUnavailable("the recogniser failed", reason="MODEL_RUN_FAILED") from cause
        return info.language, float(info.language_probability), found


def _voiced(samples: NDArray[np.float32]) -> tuple[Span, ...]:
    if len(samples) < _MIN_WINDOW_SECONDS * SAMPLE_RATE_HZ:
        return ()
    stamps = get_speech_timestamps(samples, VadOptions(), sampling_rate=SAMPLE_RATE_HZ)
    return tuple(Span(stamp["start"] / SAMPLE_RATE_HZ, stamp["end"] / SAMPLE_RATE_HZ) for stamp in stamps)


def _raw(segment: Any, offset: float) -> RawSegment:
    words = tuple(
        Word(word.word, word.start + offset, word.end + offset, word.probability) for word in segment.words or ()
    )
    return RawSegment(
        text=segment.text,
        start=segment.start + offset,
        end=segment.end + offset,
        words=words,
        mean_log_probability=segment.avg_logprob,
        no_speech_probability=segment.no_speech_prob,
        compression_ratio=segment.compression_ratio,
    )


def _report(callback: Callable[[Any], None] | None, value: object) -> None:
    if callback is not None:
        callback(value)
