"""Which scenes show a face, told from their small pictures when somebody looks for shorts: nothing is kept of it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from chassis.core.errors import HeimdexError, NotFound
from chassis.io.blobs import BlobStore
from chassis.io.concurrently import all_of

__all__ = ["MOST_PICTURES", "FaceSpotter", "FacesOfScenes"]

MOST_PICTURES = 96
"""Pictures that are looked at for one answer: at about 26 ms each on two processors, a person still waits for it."""


class FaceSpotter(Protocol):
    """Sees faces in pictures."""

    async def spot(self, pictures: Sequence[bytes]) -> tuple[bool, ...]:
        """Return of each JPEG whether a face is in it.

        Raises:
            HeimdexError: nobody can tell now.
        """
        ...


class FacesOfScenes:
    """Looks at the thumbnails of scenes."""

    def __init__(self, blobs: BlobStore, spotter: FaceSpotter) -> None:
        self._blobs = blobs
        self._spotter = spotter

    async def look(self, thumbnails: Mapping[str, str], missing: list[str]) -> dict[str, float]:
        """Return 1 or 0 for scenes, by id, that show a face in their picture or not; some may be unknown.

        Of more than MOST_PICTURES scenes as many are looked at, evenly spread. `thumbnails` are keys by scene id; what
        could not be done is added to `missing`.
        """
        step = max(1, -(-len(thumbnails) // MOST_PICTURES))
        chosen = list(thumbnails.items())[::step]
        pictures = {
            scene: picture
            for (scene, _), picture in zip(chosen, await all_of(*(self._load(key) for _, key in chosen)), strict=True)
            if picture
        }
        if not pictures:
            return {}
        try:
            seen = await self._spotter.spot(list(pictures.values()))
        except HeimdexError as error:
            missing.append(f"no faces: {error.reason}: {error.message}")
            return {}
        if step > 1:
            missing.append(
                f"faces of some scenes: TOO_MANY_SCENES: {len(pictures)} of {len(thumbnails)} were looked at"
            )
        return {scene: float(is_seen) for scene, is_seen in zip(pictures, seen, strict=True)}

    async def _load(self, key: str) -> bytes:
        try:
            return await self._blobs.get(key)
        except NotFound:
            return b""
