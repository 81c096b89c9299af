"""From what was measured of a clip and what it was to be, to its report: every bound is applied here and only here."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ingest_svc.domain.exports.checking.check_report import BOUNDS, Reason, Report, Verdict
from ingest_svc.domain.exports.checking.doubts import Doubt, Kind, black
from ingest_svc.domain.exports.checking.expected import Expected
from ingest_svc.domain.exports.checking.frame_check import captions_safe, path_jitter, subject_inside
from ingest_svc.domain.exports.checking.measured import Measured, PictureTrack, SoundTrack

__all__ = ["judge"]

_NS_PER_MS = 1e6
_NS_PER_S = 1e9
_ROUNDING_NS = 1_000_000
_BT709, _NARROW = 1, 1
_CHANNELS = {1: "mono", 2: "stereo"}
_SOUND_RATES_HZ = frozenset((44_100, 48_000))

Said = Iterator[tuple[Reason, str]]


def judge(measured: Measured, expected: Expected, faults: tuple[Doubt, ...] = ()) -> Report:
    """Judge a clip that could be opened.

    Args:
        measured: what it is like.
        expected: what it was to be.
        faults: those stretches that are black or still where its source is not.
    """
    pictures, sound = measured.pictures, measured.sound
    report = Report(
        verdict=Verdict.GOOD,
        reasons=(),
        expected_duration_s=expected.duration_ns / _NS_PER_S,
        subject_inside_pct=_percent(subject_inside(expected.subjects, expected.cameras, expected.lengths_ns)),
        path_jitter=path_jitter(expected.cameras, expected.encoding),
        captions_safe_pct=_percent(captions_safe(expected.caption_boxes, expected.encoding)),
        is_faststart=measured.is_faststart,
    )
    if pictures is not None:
        report = replace(
            report,
            duration_s=(pictures.end_ns - pictures.at_ns[0]) / _NS_PER_S,
            width_px=pictures.width,
            height_px=pictures.height,
            frame_rate=_frame_rate(pictures),
            black_frames_pct=100 * float(black(pictures).mean()),
            frozen_frames_pct=_faulty_pct(pictures, faults, Kind.STILL),
            picture_format=_picture_format(pictures),
        )
    if sound is not None:
        report = replace(
            report,
            loudness_lufs=sound.integrated_lufs,
            true_peak_dbtp=sound.true_peak_dbtp,
            sound_format=_sound_format(sound),
        )
    if pictures is not None and sound is not None:
        report = replace(report, av_sync_ms=max(_sync_ms(pictures, sound), key=abs))
    said = [
        *_about_the_file(measured, expected),
        *(_about_pictures(pictures, expected, faults, report) if pictures else ()),
        *(_about_sound(sound, expected) if sound else ()),
        *(_about_sync(pictures, sound) if pictures and sound else ()),
        *_about_the_frame(report),
    ]
    return _with_verdict(report, said)


def _with_verdict(report: Report, said: list[tuple[Reason, str]]) -> Report:
    order = list(Reason)
    said.sort(key=lambda one: order.index(one[0]))
    verdict = Verdict.POOR if said else Verdict.GOOD
    if any(reason.is_failure for reason, _ in said):
        verdict = Verdict.FAILED
    return replace(report, verdict=verdict, reasons=tuple(f"{reason}: {sentence}" for reason, sentence in said))


def _about_the_file(measured: Measured, expected: Expected) -> Said:
    if measured.damaged_packets or not measured.is_whole:
        where = "a part of it is missing" if not measured.is_whole else "parts of it can not be decoded"
        yield Reason.DAMAGED, f"The file is damaged, {where}; try the export again."
    if measured.pictures is None:
        yield Reason.NO_PICTURE, "The file holds no picture that can be shown; try the export again."
    if expected.has_sound and measured.sound is None:
        yield Reason.NO_SOUND, "The source has sound and the clip has none; try the export again."
    if not measured.is_faststart:
        yield Reason.NOT_FASTSTART, "The index stands at the end of the file, so players wait for all of it; try again."


def _about_pictures(pictures: PictureTrack, expected: Expected, faults: tuple[Doubt, ...], report: Report) -> Said:
    size = expected.encoding.size
    is_turned = pictures.rotation_degrees != 0 or not pictures.is_square
    if (pictures.width, pictures.height) != (size.width, size.height) or is_turned:
        how = ", turned or stretched by the player" if is_turned else ""
        yield (
            Reason.WRONG_SIZE,
            f"The picture has {pictures.width}x{pictures.height} pixels{how}, not {size.width}x{size.height}; retry.",
        )
    yield from _about_length(pictures, expected)
    if not _is_even(pictures):
        yield Reason.UNEVEN_RATE, "The pictures do not follow each other evenly, which editors dislike; try again."
    black_pct, lost_pct = report.black_frames_pct or 0.0, _faulty_pct(pictures, faults, Kind.BLACK)
    if lost_pct > 0:
        yield Reason.BLACK_PICTURES, f"{lost_pct:.1f} % of the pictures are black where the source is not; try again."
    elif black_pct > BOUNDS.black_pct:
        yield (
            Reason.BLACK_PICTURES,
            f"{black_pct:.0f} % of the pictures are black; begin later or end earlier, where something is to be seen.",
        )
    if report.frozen_frames_pct:
        yield (
            Reason.FROZEN_PICTURES,
            f"{report.frozen_frames_pct:.1f} % of the pictures stand still where the source moves; try again.",
        )
    if not _is_plain(pictures):
        yield (
            Reason.PICTURE_FORMAT,
            f"The pictures are coded as {report.picture_format}, and h264 yuv420p bt709 plays everywhere; try again.",
        )


def _about_length(pictures: PictureTrack, expected: Expected) -> Said:
    length_ns = pictures.end_ns - pictures.at_ns[0]
    off_ns = abs(length_ns - expected.duration_ns)
    lengths = f"The clip lasts {length_ns / _NS_PER_S:.3f} s and was to last {expected.duration_ns / _NS_PER_S:.3f} s"
    if off_ns > BOUNDS.length_ms * _NS_PER_MS:
        yield Reason.WRONG_LENGTH, f"{lengths}; the source may be shorter than it says: choose another range."
    elif off_ns > _picture_ns(pictures) + _ROUNDING_NS:
        yield Reason.LENGTH_OFF, f"{lengths}; that is more than one picture off."


def _about_sound(sound: SoundTrack, expected: Expected) -> Said:
    loudness = sound.integrated_lufs
    if loudness is not None and expected.has_sound:
        said = f"The sound has {loudness:.1f} LUFS and was to have {expected.loudness_lufs:.1f}"
        if loudness > expected.loudness_lufs + BOUNDS.loudness_lu:
            yield Reason.TOO_LOUD, f"{said}; try again, or turn it down before posting."
        if loudness < expected.loudness_lufs - BOUNDS.loudness_lu:
            yield Reason.TOO_QUIET, f"{said}; the source may be too quiet or too uneven to be raised further."
    peak = sound.true_peak_dbtp
    if sound.clipped_samples or (peak is not None and peak > BOUNDS.true_peak_dbtp):
        yield Reason.CLIPPED, "The sound goes over full scale and will crackle; try again, or turn it down."
    if sound.gap_ns > BOUNDS.gap_ms * _NS_PER_MS:
        yield Reason.SOUND_GAP, f"The sound stops for {sound.gap_ns / _NS_PER_MS:.0f} ms; try the export again."
    if sound.codec != "aac" or sound.channels not in _CHANNELS or sound.rate_hz not in _SOUND_RATES_HZ:
        yield (
            Reason.SOUND_FORMAT,
            f"The sound is coded as {_sound_format(sound)}, and aac 48000 Hz stereo plays everywhere; try again.",
        )


def _about_sync(pictures: PictureTrack, sound: SoundTrack) -> Said:
    begin_ms, end_ms = _sync_ms(pictures, sound)
    end_bound_ms = max(BOUNDS.sync_ms, _picture_ns(pictures) / _NS_PER_MS)
    late = "after" if begin_ms > 0 else "before"
    if abs(begin_ms) > BOUNDS.sync_ms:
        yield Reason.OUT_OF_SYNC, f"The sound begins {abs(begin_ms):.0f} ms {late} the picture; try the export again."
    elif abs(end_ms) > end_bound_ms:
        late = "after" if end_ms > 0 else "before"
        yield Reason.OUT_OF_SYNC, f"The sound ends {abs(end_ms):.0f} ms {late} the picture; try the export again."


def _about_the_frame(report: Report) -> Said:
    inside, jitter, safe = report.subject_inside_pct, report.path_jitter, report.captions_safe_pct
    if inside is not None and inside < BOUNDS.inside_pct:
        yield (
            Reason.SUBJECT_OUTSIDE,
            f"The subject is inside the frame in {inside:.0f} % of the pictures; BLUR_PAD keeps everything.",
        )
    if jitter is not None and jitter > BOUNDS.jitter:
        yield (
            Reason.PATH_JITTER,
            f"The frame moves unsteadily ({jitter:.2f} widths/s2, {BOUNDS.jitter:.2f} at most); BLUR_PAD stands still.",
        )
    if safe is not None and safe < BOUNDS.captions_pct:
        yield (
            Reason.CAPTIONS_UNSAFE,
            f"{100 - safe:.0f} % of the captions reach under what players show over the picture; take another style.",
        )


def _sync_ms(pictures: PictureTrack, sound: SoundTrack) -> tuple[float, float]:
    """Return sound minus picture at the begin and at the end in milliseconds."""
    return (sound.start_ns - pictures.at_ns[0]) / _NS_PER_MS, (sound.end_ns - pictures.end_ns) / _NS_PER_MS


def _picture_ns(pictures: PictureTrack) -> float:
    return (pictures.end_ns - pictures.at_ns[0]) / len(pictures.at_ns)


def _frame_rate(pictures: PictureTrack) -> float | None:
    length_ns = _picture_ns(pictures)
    return _NS_PER_S / length_ns if length_ns > 0 else None


def _is_even(pictures: PictureTrack) -> bool:
    """Tell whether every picture is shown as long as the others, but for one step of the clock."""
    lengths = np.diff([*pictures.at_ns, pictures.end_ns])
    return bool(np.abs(lengths - np.median(lengths)).max() <= pictures.tick_ns + 1_000)


def _faulty_pct(pictures: PictureTrack, faults: tuple[Doubt, ...], kind: Kind) -> float:
    return min(100.0, 100 * sum(fault.pictures for fault in faults if fault.kind is kind) / len(pictures.at_ns))


def _is_plain(pictures: PictureTrack) -> bool:
    kind = (pictures.codec, pictures.pixel_format, pictures.colours)
    return kind == ("h264", "yuv420p", (_BT709, _BT709, _BT709, _NARROW)) and not pictures.is_interlaced


def _picture_format(pictures: PictureTrack) -> str:
    tags, span = pictures.colours[:3], pictures.colours[3]
    named = {(_BT709,) * 3: "bt709", (2,) * 3: "untagged"}.get(tags, "colours {}/{}/{}".format(*tags))
    words = [pictures.codec, pictures.pixel_format, named]
    words += ["full range"] if span not in {0, _NARROW} else ["unknown range"] if span == 0 else []
    return " ".join([*words, "interlaced"] if pictures.is_interlaced else words)


def _sound_format(sound: SoundTrack) -> str:
    return f"{sound.codec} {sound.rate_hz} Hz {_CHANNELS.get(sound.channels, f'{sound.channels} channels')}"


def _percent(part: float | None) -> float | None:
    return None if part is None else 100 * part
