"""Bins and counts of a sketch as few bytes: gaps between bins, and counts, in as few bytes each as the largest needs.

    byte 0       version and form: 1 plain, 2 deflated
    byte 1       bytes of a gap (1, 2), times 16, plus bytes of a count (1, 2, 4, 8)
    bytes 2, 3   first bin, little-endian
    then         n - 1 gaps less 1, n counts less 1, each by planes: all lowest bytes, then all second bytes, ...

Planes of one kind of byte have few different values, so each is a block of its own for deflate, with a Huffman table of
its own; runs are all the repetition there is. Nothing encodes to nothing.
"""

import zlib
from collections.abc import Sequence
from itertools import compress

import numpy as np
import numpy.typing as npt

from chassis.core.errors import Corruption
from metrics_svc.domain.events.sketch import SCALE_BINS, Bins, Counts

__all__ = ["decode_bins", "decode_many", "encode_bins", "encode_many"]

_PLAIN, _DEFLATED = 1, 2
_HEADER_BYTES = 4
_WORTH_DEFLATING_BYTES = 128
"""Below, deflating saves a few bytes and takes as long as all the rest."""
_RAW_DEFLATE = -15
_MEMORY_LEVEL = 9
_MAX_BODY_BYTES = SCALE_BINS * (2 + 8)
_GAP_BYTES, _COUNT_BYTES = (1, 2), (1, 2, 4, 8)
_BYTE = 255
_NARROW = bytes((_PLAIN, 0x11))


def encode_bins(bins: Bins, counts: Counts) -> bytes:
    """Return the bytes of ascending bins and their positive counts, int64[n] each."""
    if not bins.size:
        return b""
    gaps, less = np.diff(bins) - 1, counts - 1
    gap_bytes, count_bytes = _bytes_for(gaps, _GAP_BYTES), _bytes_for(less, _COUNT_BYTES)
    planes = [*_planes(gaps, gap_bytes), *_planes(less, count_bytes)]
    body, form = b"".join(planes), _PLAIN
    if len(body) > _WORTH_DEFLATING_BYTES:
        deflated = _deflate(planes)
        if len(deflated) < len(body):
            body, form = deflated, _DEFLATED
    return bytes((form, gap_bytes << 4 | count_bytes)) + int(bins[0]).to_bytes(2, "little") + body


def decode_bins(data: bytes) -> tuple[Bins, Counts]:
    """Return ascending bins and their counts, int64[n] each.

    Raises:
        Corruption: these bytes are no encoded bins.
    """
    if not data:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    body = _body(data)
    gap_bytes, count_bytes = data[1] >> 4, data[1] & 15
    if gap_bytes not in _GAP_BYTES or count_bytes not in _COUNT_BYTES:
        raise Corruption("a stored sketch can not be read", reason="UNREADABLE_SKETCH")
    size, rest = divmod(len(body) + gap_bytes, gap_bytes + count_bytes)
    if rest or not size:
        raise Corruption("a stored sketch can not be read", reason="UNREADABLE_SKETCH")
    cut = (size - 1) * gap_bytes
    bins = np.empty(size, np.int64)
    bins[0] = int.from_bytes(data[2:_HEADER_BYTES], "little")
    bins[1:] = _values(body[:cut], gap_bytes)
    bins[1:] += 1
    np.cumsum(bins, out=bins)
    counts = _values(body[cut:], count_bytes)
    counts += 1
    if bins[-1] >= SCALE_BINS or counts.min() <= 0:
        raise Corruption("a stored sketch can not be read", reason="UNREADABLE_SKETCH")
    return bins, counts


def encode_many(sizes: Sequence[int], bins: Bins, counts: Counts) -> list[bytes]:
    """Return what `encode_bins` makes of each of many rows, `sizes[i]` bins long, one row after the other.

    Most rows are short and have small gaps and counts: those are slices of one array, without calls of numpy for each.
    """
    lengths = np.array(sizes, np.int64)
    ends = np.cumsum(lengths)
    gaps, less = np.diff(bins, prepend=0) - 1, counts - 1
    gaps[(ends - lengths)[lengths > 0]] = 0  # before the first bin of a row is another row
    wide = np.concatenate([[0], np.cumsum((gaps > _BYTE) | (less > _BYTE))])
    is_narrow = (wide[ends] == wide[ends - lengths]) & (2 * lengths - 1 <= _WORTH_DEFLATING_BYTES)
    gap_bytes, count_bytes = gaps.astype(np.uint8).tobytes(), less.astype(np.uint8).tobytes()
    rows = []
    for size, end, narrow in zip(sizes, ends.tolist(), is_narrow.tolist(), strict=True):
        begin = end - size
        if size and narrow:
            first = int(bins[begin]).to_bytes(2, "little")
            rows.append(_NARROW + first + gap_bytes[begin + 1 : end] + count_bytes[begin:end])
        else:
            rows.append(encode_bins(bins[begin:end], counts[begin:end]))
    return rows


def decode_many(numbers: Sequence[int], rows: Sequence[bytes]) -> tuple[npt.NDArray[np.int64], Bins, Counts]:
    """Return the bins and counts of many rows, and for each the number of its row; rows in any order.

    Raises:
        Corruption: some bytes are no encoded bins.
    """
    is_narrow = [data[:2] == _NARROW and len(data) > _HEADER_BYTES and len(data) % 2 == 1 for data in rows]
    parts = [_decode_narrow(list(compress(numbers, is_narrow)), list(compress(rows, is_narrow)))]
    for number, data, narrow in zip(numbers, rows, is_narrow, strict=True):
        if not narrow:
            bins, counts = decode_bins(data)
            parts.append((np.full(bins.size, number), bins, counts))
    owners, all_bins, all_counts = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return owners, all_bins, all_counts


def _decode_narrow(numbers: list[int], rows: list[bytes]) -> tuple[npt.NDArray[np.int64], Bins, Counts]:
    """Decode plain rows with a byte for each gap and count: n bins take 2n - 1 bytes after the header."""
    if not rows:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
    cuts = [_HEADER_BYTES + len(data) // 2 - 2 for data in rows]
    sizes = np.array(cuts) - (_HEADER_BYTES - 1)
    ends = np.cumsum(sizes)
    steps = _bytes([b"\x00" + data[_HEADER_BYTES:cut] for data, cut in zip(rows, cuts, strict=True)])
    steps[ends - sizes] = np.frombuffer(b"".join([data[2:_HEADER_BYTES] for data in rows]), "<u2") - np.int64(1)
    bins = np.cumsum(steps + 1)
    bins -= np.repeat(np.concatenate([[0], bins[ends[:-1] - 1]]), sizes)
    if bins.max() >= SCALE_BINS:
        raise Corruption("a stored sketch can not be read", reason="UNREADABLE_SKETCH")
    counts = _bytes([data[cut:] for data, cut in zip(rows, cuts, strict=True)]) + 1
    return np.repeat(np.array(numbers, np.int64), sizes), bins, counts


def _bytes(parts: list[bytes]) -> npt.NDArray[np.int64]:
    return np.frombuffer(b"".join(parts), np.uint8).astype(np.int64)


def _body(data: bytes) -> bytes:
    if len(data) > _HEADER_BYTES and data[0] == _PLAIN:
        return data[_HEADER_BYTES:]
    if len(data) > _HEADER_BYTES and data[0] == _DEFLATED:
        try:
            reader = zlib.decompressobj(_RAW_DEFLATE)
            body = reader.decompress(data[_HEADER_BYTES:], _MAX_BODY_BYTES)
        except zlib.error as error:
            raise Corruption("a stored sketch can not be read", reason="UNREADABLE_SKETCH") from error
        if reader.eof:
            return body
    raise Corruption("a stored sketch can not be read", reason="UNREADABLE_SKETCH")


def _bytes_for(values: npt.NDArray[np.int64], choices: tuple[int, ...]) -> int:
    largest = int(values.max()) if values.size else 0
    return next(width for width in choices if largest < 1 << 8 * width)


def _planes(values: npt.NDArray[np.int64], width: int) -> list[bytes]:
    narrow = values.astype(f"<u{width}")
    if width == 1:
        return [narrow.tobytes()]
    return [plane.tobytes() for plane in narrow.view(np.uint8).reshape(-1, width).T]


def _values(planes: bytes, width: int) -> npt.NDArray[np.int64]:
    parts = np.frombuffer(planes, np.uint8)
    if width > 1:
        parts = np.ascontiguousarray(parts.reshape(width, -1).T).view(f"<u{width}").ravel()
    return parts.astype(np.int64)


def _deflate(planes: list[bytes]) -> bytes:
    writer = zlib.compressobj(1, zlib.DEFLATED, _RAW_DEFLATE, _MEMORY_LEVEL, zlib.Z_RLE)
    parts = []
    for number, plane in enumerate(planes):
        if number:
            parts.append(writer.flush(zlib.Z_BLOCK))
        parts.append(writer.compress(plane))
    parts.append(writer.flush())
    return b"".join(parts)
