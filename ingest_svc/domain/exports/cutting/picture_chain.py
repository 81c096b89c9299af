"""The filters that turn the pictures of one source into pictures of the clip."""

from dataclasses import dataclass, field
from fractions import Fraction

from ingest_svc.domain.exports.cutting.crop_moves import Crops, crops_of, expression
from ingest_svc.domain.exports.cutting.geometry import Rect, cover, fills, fit
from ingest_svc.domain.exports.cutting.looks import SourceLook
from ingest_svc.domain.exports.cutting.timeline import Placed
from ingest_svc.domain.exports.values import CameraPath, Size, Strategy

__all__ = ["PictureChain", "picture_chain"]

_HELD_SECONDS = 1
"""How long the last picture is held where the sound of a source goes on."""

_SOFT = 12
"""The blurred copy is worked on at this part of the frame's width."""

_BLUR = "gblur=sigma=3:steps=2,lutyuv=y=16+(val-16)*0.7"
"""Soft, and darker than what it surrounds."""

_MATRICES = {
    0: "gbr",
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    9: "bt2020nc",
    10: "bt2020nc",
}
_PRIMARIES = {1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020", 11: "smpte431", 12: "smpte432"}
_TRANSFERS = {1: "bt709", 14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084", 18: "arib-std-b67"}

_WHITE_NITS = 203
"""Luminance of diffuse white in HDR material (ITU-R BT.2408); it becomes white of the clip."""

_PEAK = f"{1000 / _WHITE_NITS:.3f}"
"""Highlights up to 1000 nits keep their differences."""


@dataclass(frozen=True, slots=True)
class PictureChain:
    """Part of a filter graph: from `[input]` to `[output]`; `files` are long values it reads, by name."""

    text: str
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    look: SourceLook
    frame: Size
    rate: Fraction
    name: str


def picture_chain(  # noqa: PLR0913  (each is a fact of its own)
    look: SourceLook,
    strategy: Strategy,
    camera: CameraPath | None,
    *,
    placed: Placed,
    rate: Fraction,
    frame: Size,
    source: str,
    result: str,
    name: str,
) -> PictureChain:
    """Return the filters of one source.

    Args:
        look: how its pictures are stored; the decoder's side has turned them upright already.
        strategy: how they fill the frame; SMART without a path blurs the sides.
        camera: the path of the frame, for SMART.
        placed: where it lies in the clip.
        rate: pictures per second of the clip.
        frame: size of the clip.
        source: label of its pictures, e.g. `0:0`.
        result: label of what comes out: exactly `placed.pictures` pictures, 8-bit 4:2:0 BT.709.
        name: prefix of labels and files, letters and digits.
    """
    job = _Job(look=look, frame=frame, rate=rate, name=name)
    is_moving = strategy is Strategy.SMART and camera is not None and bool(camera.pieces)
    pace = f"fps=fps={_rate(rate)}:start_time={placed.lead_s}:round=near"
    width, height = look.stored
    # Recordings of calls change their size as they go: every picture is brought to the first one's.
    head = [f"scale={width}:{height}:flags=bicubic", *_fields(look)]
    files: dict[str, str] = {}
    # Pictures that will be dropped are dropped before they cost anything; repeated ones are repeated after.
    is_early = is_moving or not 0 < look.average_rate < rate * Fraction(98, 100)
    if is_early:
        head.append(pace)
    if is_moving and camera is not None:
        crops = crops_of(camera, look, frame, pictures=placed.pictures, rate=rate, shift_ns=placed.shift_ns)
        body, files = _moving(job, crops)
    else:
        body = _standing(job, strategy)
    tail = [] if is_early else [pace]
    tail += [
        f"tpad=stop_mode=clone:stop_duration={_HELD_SECONDS}",
        f"trim=end_frame={placed.pictures}",
        f"settb={rate.denominator}/{rate.numerator}",
        "setpts=N",
        "setsar=1",
        "setparams=field_mode=prog:range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709",
        "sidedata=mode=delete",
    ]
    text = f"[{source}]{','.join([*head, body[0]])}" + "".join(body[1:]) + f",{','.join(tail)}[{result}]"
    return PictureChain(text, files)


def _fields(look: SourceLook) -> tuple[str, ...]:
    if not look.is_interlaced:
        return ()
    return (f"bwdif=mode=send_frame:parity=auto:deint={'interlaced' if look.is_flagged else 'all'}",)


def _standing(job: _Job, strategy: Strategy) -> list[str]:
    """Return filters for a frame that does not move, in pieces that are written one after the other."""
    look, frame = job.look, job.frame
    inside = fit(look, frame)
    if strategy is Strategy.CENTER_CROP or fills(inside, frame):
        return [",".join([*_cropped(cover(look, frame), look), *_scaled(job, frame)])]
    scaled = ",".join(_scaled(job, Size(inside.width, inside.height)))
    if strategy is Strategy.LETTERBOX:
        return [f"{scaled},pad={frame.width}:{frame.height}:{inside.x}:{inside.y}:black"]
    shape = Fraction(frame.width, frame.height)
    width = min(inside.width, round(inside.height * shape / 2) * 2)
    height = min(inside.height, round(inside.width / shape / 2) * 2)
    soft = Size(frame.width // _SOFT // 2 * 2, frame.height // _SOFT // 2 * 2)
    name = job.name
    return [
        f"{scaled},split=2[{name}sharp][{name}wide];",
        f"[{name}wide]crop={width}:{height},scale={soft.width}:{soft.height}:flags=area,{_BLUR},",
        f"scale={frame.width}:{frame.height}:flags=bicubic[{name}soft];",
        f"[{name}soft][{name}sharp]overlay={inside.x}:{inside.y}:format=yuv420:eof_action=endall",
    ]


def _moving(job: _Job, crops: Crops) -> tuple[list[str], dict[str, str]]:
    frame, name = job.frame, job.name
    files = {
        f"{name}_window_x": expression(crops.window_x),
        f"{name}_window_y": expression(crops.window_y),
        f"{name}_frame_x": expression(crops.frame_x),
        f"{name}_frame_y": expression(crops.frame_y),
    }
    window = f"crop=w={crops.window[0]}:h={crops.window[1]}:/x={name}_window_x:/y={name}_window_y:exact=1"
    inner = f"crop=w={frame.width}:h={frame.height}:/x={name}_frame_x:/y={name}_frame_y:exact=1"
    return [",".join([window, *_scaled(job, crops.enlarged), inner])], files


def _cropped(part: Rect, look: SourceLook) -> tuple[str, ...]:
    if (part.width, part.height) == look.stored:
        return ()
    return (f"crop={part.width}:{part.height}:{part.x}:{part.y}",)


def _scaled(job: _Job, size: Size) -> tuple[str, ...]:
    """Return filters that scale and end in 8-bit BT.709, limited range."""
    look = job.look
    given = _MATRICES.get(look.assumed_matrix, "bt709")
    if look.is_wide:
        return (*_alpha(job), *_mapped(look, size, given))
    reach = "pc" if look.is_full_range or given == "gbr" else "tv"
    matrix = "" if given == "gbr" else f":in_color_matrix={given}"
    return (
        *_alpha(job),
        f"{_resized(size)}{matrix}:in_range={reach}:out_color_matrix=bt709:out_range=tv",
        "format=yuv420p",
    )


def _mapped(look: SourceLook, size: Size, given: str) -> tuple[str, ...]:
    """Return filters from HDR or a wide gamut to an ordinary screen; scaled first, since light is costly to work on."""
    primaries = _PRIMARIES.get(look.primaries, "bt2020")
    transfer = _TRANSFERS.get(look.transfer, "bt709")
    reach = "full" if look.is_full_range else "limited"
    into = (
        f"matrixin={given if given != 'gbr' else 'gbr'}:primariesin={primaries}:transferin={transfer}:rangein={reach}"
    )
    sized = _resized(size)
    out = "matrix=bt709:primaries=bt709:transfer=bt709:range=limited"
    if not look.is_hdr:
        return (sized, f"zscale={into}:{out}", "format=yuv420p")
    return (
        sized,
        f"zscale={into}:transfer=linear:npl={_WHITE_NITS}",
        "format=gbrpf32le",
        "zscale=primaries=bt709",
        f"tonemap=tonemap=mobius:param=0.5:desat=2:peak={_PEAK}",
        f"zscale={out}",
        "format=yuv420p",
    )


def _alpha(job: _Job) -> tuple[str, ...]:
    """Return filters that lay see-through pictures on black."""
    if not job.look.has_alpha:
        return ()
    name = job.name
    black = f"[{name}a]drawbox=color=black:t=fill:replace=1[{name}c]"
    laid = f"[{name}c][{name}b]overlay=format=yuv420:eof_action=endall"
    return (f"format=yuva420p,split=2[{name}a][{name}b];{black};{laid}",)


def _resized(size: Size) -> str:
    return f"scale={size.width}:{size.height}:flags=bicubic+accurate_rnd"


def _rate(rate: Fraction) -> str:
    return f"{rate.numerator}/{rate.denominator}"
