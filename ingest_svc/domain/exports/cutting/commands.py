"""Arguments of ffmpeg: one run per clip for one source; for a reel one run that encodes, fed by one run per source.

Names of files in the scratch folder are fixed and the folder is the working directory, so that neither a filter nor the
command line holds anything that somebody else wrote, but for the paths of the sources, which are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ingest_svc.domain.exports.cutting.limits import CutLimits
from ingest_svc.domain.exports.cutting.timeline import Placed
from ingest_svc.domain.exports.values import Encoding, Size
from ingest_svc.domain.probe import ACCEPTED_AUDIO_CODECS, ACCEPTED_FORMATS, ACCEPTED_VIDEO_CODECS

__all__ = [
    "CAPTIONS",
    "FONTS",
    "GRAPH",
    "RESULT",
    "Input",
    "encode_command",
    "feed_command",
    "meter_command",
    "pipe_input",
    "thumbnail_command",
]

GRAPH, CAPTIONS, FONTS, RESULT = "graph.txt", "captions.ass", "fonts", "clip.mp4"
"""Names in the scratch folder."""

_DECODER_NAMES = frozenset(("libdav1d", "libaom-av1", "mp3float", "mp2float", "libopus", "libvorbis", "libvpx-vp9"))
"""Names under which ffmpeg offers accepted codecs; the whitelist compares decoder names, not codec names."""

_EXTRA_SECONDS = 2
"""A source is read this much further than the cut, for pictures that are stored out of order."""

_COLOURS = ("-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")
_GROUP_SECONDS = 2
_LOOKAHEAD, _FAST_LOOKAHEAD = 20, 10
"""Pictures the encoder looks ahead, with presets that search long and with quick ones: each holds 5 MB at 1080x1920."""

_QUICK = frozenset(("ultrafast", "superfast", "veryfast"))

_THUMBNAIL_SIDE = 480
_THUMBNAIL_CHOICE = 48


@dataclass(frozen=True, slots=True)
class Input:
    """One input: its arguments, up to and with `-i`."""

    arguments: tuple[str, ...]

    @classmethod
    def of_file(cls, path: Path, placed: Placed, limits: CutLimits, *, x264_build: int = 0) -> "Input":
        """Return a stretch of a source."""
        # To ask for the very beginning would enter a file without an index behind its first picture.
        entry = ("-ss", placed.seek_s) if placed.seek_ns > 0 else ()
        coder = ("-x264_build", str(x264_build)) if x264_build else ()
        length = (placed.lead_ns + placed.samples * 10**9 // 48_000) / 1e9 + _EXTRA_SECONDS
        return cls((*_guarded(limits), *coder, "-reinit_filter", "0", *entry, "-t", f"{length:.6f}", "-i", _url(path)))


def pipe_input(size: Size, rate: Fraction) -> Input:
    """Return the standard input: raw pictures that are those of the clip already."""
    shape = ("-pixel_format", "yuv420p", "-video_size", f"{size.width}x{size.height}", "-framerate", _ratio(rate))
    return Input(("-protocol_whitelist", "pipe", "-f", "rawvideo", *shape, "-i", "pipe:0"))


def encode_command(
    inputs: Sequence[Input],
    encoding: Encoding,
    *,
    rate: Fraction,
    pictures: str,
    sound: str | None,
    limits: CutLimits,
) -> tuple[str, ...]:
    """Return the run that writes the clip; `pictures` and `sound` are labels of the graph."""
    lookahead = _FAST_LOOKAHEAD if encoding.preset in _QUICK else _LOOKAHEAD
    group = str(round(_GROUP_SECONDS * rate))
    video = (
        *("-map", f"[{pictures}]", "-c:v", "libx264", "-preset", encoding.preset, "-crf", str(encoding.crf)),
        *("-maxrate", str(encoding.max_bps), "-bufsize", str(2 * encoding.max_bps)),
        *("-profile:v", "high", "-pix_fmt", "yuv420p", "-g", group, "-flags:v", "+cgop+bitexact"),
        *("-rc-lookahead", str(lookahead), "-threads:v", str(limits.encoder_threads)),
        *("-fps_mode:v", "passthrough", "-enc_time_base:v", _ratio(1 / rate), *_COLOURS),
    )
    audio: tuple[str, ...] = ("-an",)
    if sound is not None:
        audio = ("-map", f"[{sound}]", "-c:a", "aac", "-b:a", str(encoding.audio_bps), "-ar", "48000", "-ac", "2")
        audio += ("-flags:a", "+bitexact")
    return (
        *_common(),
        *("-progress", "pipe:1", "-stats_period", "0.25"),
        *(word for one in inputs for word in one.arguments),
        *("-/filter_complex", GRAPH, "-filter_complex_threads", "2"),
        *(*video, *audio, "-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact"),
        *("-movflags", "+faststart", "-f", "mp4", f"file:{RESULT}"),
    )


def feed_command(source: Input, pictures: str) -> tuple[str, ...]:
    """Return the run that writes the pictures of one source, raw, to its standard output."""
    return (
        *(*_common(), *source.arguments, "-/filter_complex", GRAPH, "-filter_complex_threads", "2"),
        *("-map", f"[{pictures}]", "-an", "-sn", "-dn", "-c:v", "rawvideo", "-pix_fmt", "yuv420p"),
        *("-fps_mode:v", "passthrough", "-f", "rawvideo", "pipe:1"),
    )


def meter_command(inputs: Sequence[Input], sound: str) -> tuple[str, ...]:
    """Return the run that decodes sound alone, for meters in the graph that write to standard output."""
    return (
        *(*_common(), *(word for one in inputs for word in one.arguments), "-/filter_complex", GRAPH),
        *("-map", f"[{sound}]", "-vn", "-sn", "-dn", "-c:a", "pcm_f32le", "-f", "null", "-"),
    )


def thumbnail_command(clip: Path, result: str, limits: CutLimits) -> tuple[str, ...]:
    """Return the run that writes the picture that stands best for the first two seconds of a clip."""
    side = _THUMBNAIL_SIDE
    scale = f"scale={side}:{side}:force_original_aspect_ratio=decrease:force_divisible_by=2:out_range=pc"
    return (
        *(*_common(), *_guarded(limits), "-i", _url(clip), "-an", "-sn", "-dn"),
        *("-vf", f"thumbnail=n={_THUMBNAIL_CHOICE},{scale},format=yuvj420p", "-frames:v", "1"),
        *("-map_metadata", "-1", "-fflags", "+bitexact", "-c:v", "mjpeg", "-q:v", "4", "-f", "image2", "-update", "1"),
        f"file:{result}",
    )


def _common() -> tuple[str, ...]:
    return ("-hide_banner", "-nostdin", "-nostats", "-loglevel", "repeat+warning", "-y")


def _guarded(limits: CutLimits) -> tuple[str, ...]:
    """Return options of an input that a stranger wrote: no playlist, no other file, no rare decoder, no huge one."""
    codecs = ACCEPTED_VIDEO_CODECS | ACCEPTED_AUDIO_CODECS | _DECODER_NAMES
    return (
        *("-format_whitelist", ",".join(sorted(ACCEPTED_FORMATS)), "-protocol_whitelist", "file"),
        *("-codec_whitelist", ",".join(sorted(codecs)), "-max_streams", "256"),
        *("-max_pixels", str(limits.max_pixels), "-threads", str(limits.decoder_threads)),
    )


def _url(path: Path) -> str:
    return f"file:{path.absolute()}"


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"
