"""Reading packets of a stream from an instant on, without decoding."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from chassis.core.mediatime import NANOSECONDS_PER_SECOND, ns_from_pts
from ingest_svc.adapters.media_child.reader import demux

__all__ = ["TIME_BASE", "entry_ns", "instant", "packets_from"]

TIME_BASE = NANOSECONDS_PER_SECOND


def packets_from(
    container: InputContainer, stream: Stream, at_ns: int, most: int, *others: Stream
) -> Iterator["Packet[Any]"]:
    """Yield packets from the keyframe before an instant of the container's clock on, in file order, at most `most`."""
    container.seek(at_ns // 1000, backward=True, any_frame=False)
    yield from islice((packet for packet in demux(container, stream, *others) if packet.size), most)


def entry_ns(at_ns: int, zero_ns: int) -> int:
    """Return where to enter a file, by the container's clock; the very beginning lies before everything."""
    return at_ns + zero_ns if at_ns > 0 else min(0, zero_ns)


def instant(packet: "Packet[Any]", zero_ns: int) -> int | None:
    """Return when a packet is shown or heard, from the container's zero; None where it does not say."""
    if packet.pts is None or packet.time_base is None:
        return None
    return ns_from_pts(packet.pts, packet.time_base) - zero_ns
