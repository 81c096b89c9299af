import json
import re
import threading
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from chassis.core.errors import Corruption, InvalidInput, Stopping, UnreadableMedia
from inference_svc.adapters.audio_reader import read_audio
from inference_svc.adapters.whisper_asr import WhisperRecogniser
from inference_svc.domain.transcript import RawSegment, Segment, normalise_segments
from inference_svc.ports import AudioJob
from tests.support.shared import MEDIA, MODELS, needs_shared

pytestmark = needs_shared


@cache
def recogniser() -> WhisperRecogniser:
    return WhisperRecogniser(MODELS / "whisper-fixture", threads=1, device="cpu")


@cache
def heard(clip: str) -> tuple[Segment, ...]:
    result = recogniser().recognise(AudioJob(read_audio(MEDIA / clip, max_seconds=600)))
    return normalise_segments(result.segments, duration=result.duration, voiced=result.voiced)


def plain(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower().replace("mister", "mr"))


def truth(clip: str) -> list[dict[str, float | str]]:
    return list(json.loads((MEDIA / "ground_truth.json").read_text())["files"][clip]["speech"])


@pytest.mark.parametrize("clip", ["derived/speech_reel.mp4", "derived/long_talk_75s.mp4"])
def test_every_sentence_is_heard_once_and_trusted(clip: str) -> None:
    """R-ING-06. long_talk_75s says one sentence twice."""
    assert [plain(s.text) for s in heard(clip)] == [plain(str(t["text"])) for t in truth(clip)]
    assert all(s.is_trusted for s in heard(clip))


def test_words_are_within_half_a_second_of_the_truth() -> None:
    """Voices start up to 0.5 s after the clip was laid, so the truth allows [start, start + 0.5] and 0.5 s more."""
    for segment, said in zip(heard("derived/speech_reel.mp4"), truth("derived/speech_reel.mp4"), strict=True):
        start, end = float(said["start"]), float(said["end"])

        assert start - 0.5 <= segment.words[0].start <= start + 1.0
        assert end - 1.0 <= segment.words[-1].end <= end + 0.5
        assert all(start - 0.5 <= word.start <= word.end <= end + 0.5 for word in segment.words)


@pytest.mark.parametrize(
    ("clip", "words"),
    [
        ("speech/jfk.flac", "ask not what your country can do for you"),
        ("video/friday.mp4", "somebody must've stolen the crown jewels"),
        ("speech/librivox_sense_0870.wav", "mr john dashwood had then leisure"),
        ("speech/librivox_sense_0880.wav", "he was not an ill disposed young man"),
        ("speech/librivox_sense_0890.wav", "unless to be rather cold hearted"),
        ("speech/cards_001.wav", "ten of clubs"),
    ],
)
def test_real_recordings_are_heard(clip: str, words: str) -> None:
    assert words in " ".join(plain(" ".join(s.text for s in heard(clip))))


@pytest.mark.parametrize(
    "clip",
    [
        "derived/silent_audio.mov",
        "speech/music_viper.ogg",
        "video/cockatoo.mp4",
        "video/big_buck_bunny_0_30.webm",
        "video/flower.mp4",
    ],
)
def test_silence_noise_and_music_give_no_words(clip: str) -> None:
    """R-ING-04: the recogniser alone invents two sentences for big_buck_bunny."""
    assert heard(clip) == ()


def test_progress_moves_forward_to_the_end() -> None:
    told: list[float] = []
    recogniser().recognise(AudioJob(read_audio(MEDIA / "speech/jfk.flac", max_seconds=60), on_progress=told.append))

    assert told == sorted(told)
    assert told[-1] == pytest.approx(11.0)


def test_a_cancelled_job_ends_between_segments() -> None:
    audio = read_audio(MEDIA / "derived/long_talk_75s.mp4", max_seconds=600)
    enough = threading.Event()
    found: list[RawSegment] = []

    def take(segment: RawSegment) -> None:
        found.append(segment)
        enough.set()

    job = AudioJob(audio, on_segment=take, is_cancelled=enough.is_set)
    with pytest.raises(Stopping):
        recogniser().recognise(job)

    assert len(found) == 1


def test_an_unknown_language_is_the_callers_fault() -> None:
    with pytest.raises(InvalidInput):
        recogniser().recognise(AudioJob(read_audio(MEDIA / "speech/jfk.flac", max_seconds=60), language="klingon"))


def test_no_samples_are_no_words() -> None:
    assert recogniser().recognise(AudioJob(np.zeros(0, np.float32))).segments == ()


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Corruption):
        WhisperRecogniser(tmp_path, threads=1, device="cpu")


def test_sound_comes_out_as_16_khz_mono() -> None:
    samples = read_audio(MEDIA / "speech/jfk.flac", max_seconds=60)

    assert (samples.dtype.name, len(samples)) == ("float32", 11 * 16_000)
    assert 0.1 < np.abs(samples).max() <= 1.0


def test_a_recording_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_audio(MEDIA / "speech/jfk.flac", max_seconds=5)

    assert refusal.value.reason == "AUDIO_TOO_LONG"


def test_a_playlist_in_disguise_plays_nobody_elses_file(tmp_path: Path) -> None:
    (tmp_path / "secret.flac").write_bytes((MEDIA / "speech/jfk.flac").read_bytes())
    (tmp_path / "x.flac").write_text("ffconcat version 1.0\nfile secret.flac\n")
    with pytest.raises(UnreadableMedia):
        read_audio(tmp_path / "x.flac", max_seconds=60)


def test_a_picture_is_no_sound() -> None:
    with pytest.raises(UnreadableMedia):
        read_audio(MEDIA / "images/cat.jpg", max_seconds=60)
    with pytest.raises(UnreadableMedia) as silent:
        read_audio(MEDIA / "derived/objects_reel_noaudio.mp4", max_seconds=60)

    assert silent.value.reason == "NO_AUDIO"
