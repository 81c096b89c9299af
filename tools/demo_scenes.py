"""The pictures of the demo clip: five scenes of an invented harbour, drawn at twice the size of the film."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

__all__ = ["HEIGHT", "SCENES", "WIDTH", "SceneScript", "draw"]

WIDTH = 640
HEIGHT = 360
_SCALE = 2  # drawn twice as large, then reduced: smooth edges
_W, _H = WIDTH * _SCALE, HEIGHT * _SCALE
Colour = tuple[int, int, int]
_TITLE_LEFT, _TITLE_TOP, _TITLE_RIGHT, _TITLE_BOTTOM = 80, 210, 720, 400  # no stars behind the title
_WHITE: Colour = (255, 255, 255)
_INK: Colour = (23, 32, 48)


@dataclass(frozen=True, slots=True)
class SceneScript:
    """What one scene shows, says and has written in it; `paint(canvas, seconds)` draws over the sky."""

    name: str
    on_screen_text: tuple[str, ...]
    speech: str
    sky: tuple[Colour, Colour]
    paint: Callable[[ImageDraw.ImageDraw, float], None]


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise SystemExit("this Pillow was built without FreeType; the demo clip needs its embedded font")
    return font


@cache
def _sky(top: Colour, bottom: Colour) -> Image.Image:
    share = np.linspace(0.0, 1.0, _H)[:, None]
    rows = np.asarray(top) * (1 - share) + np.asarray(bottom) * share
    return Image.fromarray(np.repeat(rows[:, None, :], _W, axis=1).round().astype(np.uint8))


def draw(script: SceneScript, seconds: float) -> Image.Image:
    """Return the frame of a scene, RGB, `WIDTH` x `HEIGHT`, at a time counted from the scene's own start."""
    image = _sky(*script.sky).copy()
    script.paint(ImageDraw.Draw(image), seconds)
    return image.reduce(_SCALE)


@cache
def _stars() -> tuple[tuple[int, int], ...]:
    drawn = np.random.default_rng(7).integers((0, 0), (_W, 420), (110, 2)).tolist()
    return tuple((int(x), int(y)) for x, y in drawn)


def _text(
    canvas: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int, fill: Colour, *, bold: int = 1
) -> None:
    canvas.text(at, text, font=_font(size), fill=fill, stroke_width=bold, stroke_fill=fill, anchor="lm")


def _sea(canvas: ImageDraw.ImageDraw, top: int, colours: tuple[Colour, ...], seconds: float) -> None:
    for row, colour in enumerate(colours):
        base = top + row * 46
        crest = [
            (x, base + 9 * math.sin(x / 70 + row * 1.7 + seconds * (0.9 + 0.2 * row))) for x in range(0, _W + 20, 20)
        ]
        canvas.polygon([*crest, (_W, _H), (0, _H)], fill=colour)


def _lighthouse(canvas: ImageDraw.ImageDraw, seconds: float) -> None:
    stars = [
        star for star in _stars() if not (_TITLE_LEFT < star[0] < _TITLE_RIGHT and _TITLE_TOP < star[1] < _TITLE_BOTTOM)
    ]
    for index, (x, y) in enumerate(stars):
        size = 1 + index % 3
        canvas.ellipse((x - size, y - size, x + size, y + size), fill=(214, 222, 255))
    canvas.ellipse((118, 70, 218, 170), fill=(247, 240, 205))
    canvas.ellipse((150, 56, 238, 146), fill=(20, 27, 70))
    reach = 640 + 30 * math.sin(seconds)
    canvas.polygon(
        [(1010, 168), (1010 - reach, 40 + 14 * seconds), (1010 - reach, 170 + 14 * seconds)], fill=(86, 92, 116)
    )
    _sea(canvas, 560, ((22, 44, 92), (17, 36, 78), (12, 27, 62)), seconds)
    canvas.polygon(
        [(860, 600), (930, 545), (1110, 545), (1200, 600), (1280, 650), (1280, 720), (800, 720)], fill=(35, 38, 50)
    )
    for band in range(6):
        top = 200 + band * 58
        inset_top, inset_bottom = 52 - band * 5, 47 - band * 5
        colour = (214, 48, 49) if band % 2 == 0 else (244, 244, 240)
        outline = [(1010 - 80 + inset_top, top), (1010 + 80 - inset_top, top), (1010 + 80 - inset_bottom, top + 58)]
        canvas.polygon([*outline, (1010 - 80 + inset_bottom, top + 58)], fill=colour)
    canvas.rectangle((972, 146, 1048, 200), fill=(255, 226, 120))
    canvas.polygon([(962, 146), (1058, 146), (1010, 100)], fill=(120, 24, 28))
    _text(canvas, (90, 270), "LIGHTHOUSE", 96, _WHITE, bold=3)
    _text(canvas, (94, 362), "Built in 1871", 56, (255, 226, 120))


def _boat(canvas: ImageDraw.ImageDraw, seconds: float) -> None:
    canvas.ellipse((820, 200, 1100, 480), fill=(255, 240, 190))
    canvas.ellipse((850, 230, 1070, 450), fill=(255, 250, 225))
    _sea(canvas, 410, ((232, 120, 92), (196, 88, 96)), seconds)
    x, y = 720 + 34 * seconds, 470 + 6 * math.sin(seconds * 2)
    canvas.line((x + 130, y - 300, x + 130, y), fill=(72, 40, 36), width=10)
    canvas.polygon([(x + 142, y - 290), (x + 142, y - 40), (x + 300, y - 40)], fill=(255, 255, 250))
    canvas.polygon([(x + 118, y - 260), (x + 118, y - 40), (x + 10, y - 40)], fill=(250, 232, 214))
    canvas.polygon([(x - 30, y - 20), (x + 330, y - 20), (x + 270, y + 70), (x + 30, y + 70)], fill=(190, 24, 36))
    _sea(canvas, 520, ((150, 66, 98), (112, 52, 92), (80, 42, 80)), seconds * 1.2)
    canvas.rounded_rectangle((70, 80, 640, 270), 28, fill=(88, 32, 60))
    _text(canvas, (110, 140), "SAILING BOAT", 72, _WHITE, bold=2)
    _text(canvas, (110, 220), "Captain: Ingrid Berg", 48, (255, 220, 160))


def _market(canvas: ImageDraw.ImageDraw, seconds: float) -> None:
    canvas.rectangle((0, 560, _W, _H), fill=(196, 184, 160))
    for stripe in range(16):
        left, colour = stripe * 80, (24, 128, 104) if stripe % 2 == 0 else (252, 250, 240)
        canvas.rectangle((left, 0, left + 80, 96), fill=colour)
        canvas.pieslice((left, 56, left + 80, 136), 0, 180, fill=colour)
    canvas.rectangle((60, 470, 1220, 660), fill=(140, 96, 60))
    canvas.rectangle((60, 450, 1220, 500), fill=(226, 240, 246))
    for fish in range(7):
        x, y = 150 + fish * 160, 466 + 5 * math.sin(seconds * 1.5 + fish)
        colour = ((92, 132, 160), (214, 128, 92), (120, 150, 140))[fish % 3]
        canvas.ellipse((x - 54, y - 22, x + 46, y + 22), fill=colour)
        canvas.polygon([(x + 36, y), (x + 74, y - 24), (x + 74, y + 24)], fill=colour)
        canvas.ellipse((x - 40, y - 9, x - 30, y + 1), fill=_INK)
    canvas.rounded_rectangle((250, 180, 1030, 410), 18, fill=(38, 60, 52))
    _text(canvas, (300, 248), "FISH MARKET", 92, _WHITE, bold=3)
    _text(canvas, (304, 346), "Fresh mackerel 4.50 per kilo", 50, (255, 232, 150))


def _turbine(canvas: ImageDraw.ImageDraw, seconds: float) -> None:
    for x in range(0, _W, 64):
        canvas.line((x, 0, x, _H), fill=(28, 92, 170), width=2)
    for y in range(0, _H, 64):
        canvas.line((0, y, _W, y), fill=(28, 92, 170), width=2)
    hub = (980, 250)
    canvas.polygon(
        [(hub[0] - 12, 250), (hub[0] + 12, 250), (hub[0] + 30, 680), (hub[0] - 30, 680)], outline=_WHITE, width=5
    )
    for blade in range(3):
        angle = seconds * 0.5 + blade * math.tau / 3
        tip = (hub[0] + 210 * math.cos(angle), hub[1] + 210 * math.sin(angle))
        side = (hub[0] + 80 * math.cos(angle + 0.25), hub[1] + 80 * math.sin(angle + 0.25))
        canvas.polygon([hub, side, tip], outline=_WHITE, width=5)
    canvas.ellipse((hub[0] - 20, hub[1] - 20, hub[0] + 20, hub[1] + 20), fill=_WHITE)
    canvas.line((640, 680, 1240, 680), fill=_WHITE, width=5)
    _text(canvas, (80, 130), "BLUEPRINT", 90, _WHITE, bold=3)
    _text(canvas, (84, 230), "Wind turbine", 60, (170, 220, 255))
    _text(canvas, (84, 540), "Power 900 kilowatt", 52, _WHITE)


def _ferry(canvas: ImageDraw.ImageDraw, seconds: float) -> None:
    canvas.rounded_rectangle((60, 50, 1220, 670), 24, fill=(12, 12, 14))
    canvas.rectangle((60, 130, 1220, 138), fill=(255, 184, 28))
    _text(canvas, (110, 90), "DEPARTURES", 60, (255, 184, 28), bold=2)
    rows = (("09:40", "Ferry to Oslo", "Pier 3"), ("10:15", "Bergen", "Pier 1"), ("11:05", "Copenhagen", "Pier 2"))
    for index, (time, place, pier) in enumerate(rows):
        y = 210 + index * 120
        canvas.rectangle((100, y - 50, 1180, y + 50), fill=(30, 30, 34))
        for column, cell in ((130, time), (370, place), (960, pier)):
            _text(canvas, (column, y), cell, 62, _WHITE if index else (120, 255, 150), bold=2)
    x = 110 + 60 * seconds
    canvas.polygon([(x, 600), (x + 260, 600), (x + 230, 645), (x + 30, 645)], fill=(255, 184, 28))
    canvas.rectangle((x + 50, 566, x + 190, 600), fill=(240, 240, 240))
    canvas.rectangle((x + 130, 540, x + 160, 566), fill=(220, 60, 50))


SCENES: tuple[SceneScript, ...] = (
    SceneScript(
        "lighthouse",
        ("LIGHTHOUSE", "Built in 1871"),
        "Before sunrise, the keeper counts every ship in the bay.",
        ((14, 18, 58), (48, 60, 120)),
        _lighthouse,
    ),
    SceneScript(
        "boat",
        ("SAILING BOAT", "Captain: Ingrid Berg"),
        "A red boat carries warm bread and coffee to the islands.",
        ((255, 190, 120), (255, 140, 110)),
        _boat,
    ),
    SceneScript(
        "market",
        ("FISH MARKET", "Fresh mackerel 4.50 per kilo"),
        "The baker's daughter sells the catch of the night.",
        ((240, 232, 210), (226, 214, 186)),
        _market,
    ),
    SceneScript(
        "turbine",
        ("BLUEPRINT", "Wind turbine", "Power 900 kilowatt"),
        "Engineers want the whole town to run on clean energy.",
        ((16, 72, 150), (12, 52, 116)),
        _turbine,
    ),
    SceneScript(
        "ferry",
        ("DEPARTURES", "09:40 Ferry to Oslo Pier 3", "10:15 Bergen Pier 1", "11:05 Copenhagen Pier 2"),
        "Ladies and gentlemen, please have your tickets ready.",
        ((70, 74, 84), (50, 52, 60)),
        _ferry,
    ),
)
"""In order of the film."""
