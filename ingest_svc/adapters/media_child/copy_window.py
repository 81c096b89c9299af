"""Which packets a copy of the streams would take, and whether they stand on their own."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from av.container import InputContainer
from av.video.stream import VideoStream

from chassis.core.mediatime import NANOSECONDS_PER_SECOND, ns_from_pts
from ingest_svc.adapters.media_child.packets import instant, packets_from

__all__ = ["begins_anew", "look_for_copy", "window"]

_MOST_PACKETS = 20_000
_FRAME_NS = 40_000_000
_TYPE, _IDR = 0x1F, 5
_WIDTH_AT = 4


def look_for_copy(
    container: InputContainer, stream: VideoStream, source: Mapping[str, Any], zero_ns: int
) -> dict[str, object] | None:
    """Describe the copy of a cut; None where none begins or ends within a picture of it."""
    found = window(container, stream, source["start_ns"], source["end_ns"], zero_ns)
    if found is None:
        return None
    taken, end_ns, is_closed = found
    start_ns = min(at for at, _, _ in taken)
    length_ns = max(1, end_ns - start_ns)
    sound = "" if source["audio"] is None else container.streams[source["audio"]].codec_context.profile or ""
    return {
        "start_ns": start_ns,
        "end_ns": end_ns,
        "pictures": len(taken),
        "is_closed": is_closed,
        "profile": stream.codec_context.profile or "",
        "bit_rate_bps": sum(size for _, _, size in taken) * 8 * NANOSECONDS_PER_SECOND // length_ns,
        "sound_profile": sound,
    }


def window(
    container: InputContainer, stream: VideoStream, start_ns: int, end_ns: int, zero_ns: int
) -> tuple[list[tuple[int, bool, int]], int, bool] | None:
    """Return the packets from a keyframe near the start to a keyframe, or the end of the stream, near the end.

    Each is (instant, whether a keyframe, bytes), in file order; then the instant of the end, and whether no packet
    belongs to a picture on the other side of a border.
    """
    packets: list[tuple[int, bool, int]] = []
    rate = stream.average_rate
    slack_ns = round(NANOSECONDS_PER_SECOND / rate) if rate else _FRAME_NS
    end_of_copy: int | None = None
    is_closed = True
    last_end_ns = 0
    for packet in packets_from(container, stream, start_ns + slack_ns // 2 + zero_ns, _MOST_PACKETS):
        at_ns = instant(packet, zero_ns)
        if at_ns is None or packet.time_base is None:
            return None
        if not packets:
            if not packet.is_keyframe or abs(at_ns - start_ns) > slack_ns // 2:
                return None
            is_closed = begins_anew(bytes(packet), stream.codec_context.extradata or b"")
        if end_of_copy is not None:
            # Pictures stored after the last keyframe but shown before it would be lost with it.
            return packets, end_of_copy, is_closed and at_ns > end_of_copy
        if packets and packet.is_keyframe and abs(at_ns - end_ns) <= slack_ns:
            end_of_copy = at_ns
            continue
        if packets and at_ns > end_ns + 16 * slack_ns:
            return None
        is_closed = is_closed and (not packets or at_ns > packets[0][0])
        packets.append((at_ns, packet.is_keyframe, packet.size))
        last_end_ns = max(last_end_ns, at_ns + ns_from_pts(packet.duration or 0, packet.time_base))
    if not packets or len(packets) >= _MOST_PACKETS:
        return None
    if end_of_copy is None:
        end_of_copy = last_end_ns
    distances = {after - before for before, after in pairwise(sorted(at for at, _, _ in packets))}
    is_steady = not distances or max(distances) - min(distances) <= slack_ns // 8
    return (packets, end_of_copy, is_closed and is_steady) if abs(end_of_copy - end_ns) <= slack_ns else None


def begins_anew(packet: bytes, header: bytes) -> bool:
    """Tell whether an H.264 packet holds an IDR picture; other keyframes may refer to what came before them."""
    if header[:1] != b"\x01":
        return any(packet[at + 3] & _TYPE == _IDR for at in _start_codes(packet))
    width, at = (header[4] & 3) + 1 if len(header) > _WIDTH_AT else 4, 0
    while at + width < len(packet):
        length = int.from_bytes(packet[at : at + width], "big")
        if packet[at + width] & _TYPE == _IDR:
            return True
        at += width + length
    return False


def _start_codes(packet: bytes) -> Iterator[int]:
    at = packet.find(b"\0\0\1")
    while 0 <= at < len(packet) - 3:
        yield at
        at = packet.find(b"\0\0\1", at + 3)
