"""The fonts of one clip, in its scratch folder: nothing else of the machine is looked at, unless a letter needs it."""

from pathlib import Path

from ingest_svc.adapters.caption_font import FONTS_DIR

__all__ = ["captions_environment", "lay_out_fonts"]

_OF_THE_MACHINE = ("/usr/share/fonts", "/usr/local/share/fonts")
_COVERED = ((0x0000, 0x024F), (0x0300, 0x036F), (0x0370, 0x03FF), (0x0400, 0x052F), (0x1E00, 0x20CF), (0x2100, 0x22FF))
"""Blocks that Source Sans Pro has the letters of: Latin, Greek, Cyrillic, punctuation, signs."""
_CONFIGURATION = "fonts.conf"


def lay_out_fonts(folder: Path, name: str, script: str) -> None:
    """Link the font's files into `folder/name`, and write a configuration that knows no others.

    Where the script has letters that the font lacks, those of the machine may help out: to read them all takes up to
    seconds, so nobody else pays for it.
    """
    fonts = folder / name
    fonts.mkdir()
    for file in FONTS_DIR.glob("*.otf"):
        (fonts / file.name).symlink_to(file)
    needs_more = any(not any(low <= ord(letter) <= high for low, high in _COVERED) for letter in script)
    folders = (str(fonts), *(_OF_THE_MACHINE if needs_more else ()))
    listed = "".join(f"<dir>{_escape(path)}</dir>" for path in folders)
    cache = f"<cachedir>{_escape(str(folder / 'font-cache'))}</cachedir>"
    (folder / _CONFIGURATION).write_text(
        f'<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>{listed}{cache}</fontconfig>',
        encoding="utf-8",
    )


def captions_environment(folder: Path) -> dict[str, str]:
    """Return the environment in which the renderer finds that configuration."""
    return {"FONTCONFIG_FILE": str(folder / _CONFIGURATION), "LANG": "C.UTF-8"}


def _escape(path: str) -> str:
    return path.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
