"""The copy of a cut: packets as they are, times moved, everything else left behind."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from heapq import merge
from pathlib import Path
from typing import Any

import av
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from chassis.core.mediatime import NANOSECONDS_PER_SECOND
from ingest_svc.adapters.media_child.copy_window import window
from ingest_svc.adapters.media_child.packets import instant, packets_from
from ingest_svc.adapters.media_child.reader import Refused, open_media, origin_ns, prepare_video
from ingest_svc.domain.probe import Refusal, RefusalReason

__all__ = ["FFmpegError", "Refused", "run"]

_MOST_PACKETS = 1_000_000
_PRIMING = 1
"""Packets of sound before the first one that is heard: a decoder needs them to begin well."""


@dataclass(frozen=True, slots=True)
class _Cut:
    start_ns: int
    end_ns: int
    pictures: int
    zero_ns: int


def run(request: Mapping[str, Any], progress: Callable[[float], None]) -> dict[str, object]:
    """Copy the cut of `request["source"]` (as for a look) to `request["out_dir"]/request["name"]`.

    Returns:
        `pictures`: how many were copied.

    Raises:
        Refused: the file is not what the look said.
    """
    source = request["source"]
    path, target = Path(source["path"]), Path(request["out_dir"]) / request["name"]
    with ExitStack() as open_files:
        container = open_files.enter_context(open_media(path))
        zero_ns = origin_ns(container)
        stream = prepare_video(container, source["video"], max_pixels=request["max_pixels"], threads=1)
        found = window(container, stream, source["start_ns"], source["end_ns"], zero_ns)
        if found is None:
            raise Refused(Refusal(RefusalReason.INVALID_MEDIA, "The file changed while it was read; try again."))
        packets, end_ns, _ = found
        cut = _Cut(min(at for at, _, _ in packets), end_ns, len(packets), zero_ns)
        output = open_files.enter_context(
            av.open(str(target), mode="w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"})
        )
        tracks = [_pictures(container, output, stream, cut)]
        if source["audio"] is not None:
            # A second reader: the two tracks are merged by time, and one reader would have to hold one back.
            heard = open_files.enter_context(open_media(path))
            tracks.append(_sounds(heard, output, heard.streams[source["audio"]], cut))
        written = 0
        for _, packet in merge(*tracks, key=lambda one: one[0]):
            output.mux(packet)
            written += packet.stream.type == "video"
            progress(written / cut.pictures)
    return {"pictures": cut.pictures}


def _pictures(
    container: InputContainer, output: OutputContainer, stream: Stream, cut: _Cut
) -> Iterator[tuple[Fraction, "Packet[Any]"]]:
    copy = output.add_stream_from_template(stream)
    copy.metadata.clear()
    # Messages beside the pictures (captions, what an encoder was told) are not part of the clip.
    strip = BitStreamFilterContext("filter_units=remove_types=6", stream, copy)
    return _moved(_chosen_pictures(container, stream, cut), copy, cut, strip)


def _chosen_pictures(container: InputContainer, stream: Stream, cut: _Cut) -> Iterator["Packet[Any]"]:
    began = False
    left = cut.pictures
    for packet in packets_from(container, stream, cut.start_ns + 1_000_000 + cut.zero_ns, _MOST_PACKETS):
        at_ns = instant(packet, cut.zero_ns)
        began = began or (packet.is_keyframe and at_ns == cut.start_ns)
        if began and left:
            left -= 1
            yield packet
        if not left:
            return


def _sounds(
    container: InputContainer, output: OutputContainer, stream: Stream, cut: _Cut
) -> Iterator[tuple[Fraction, "Packet[Any]"]]:
    copy = output.add_stream_from_template(stream)
    copy.metadata.clear()
    return _moved(_chosen_sounds(container, stream, cut), copy, cut, None)


def _chosen_sounds(container: InputContainer, stream: Stream, cut: _Cut) -> Iterator["Packet[Any]"]:
    held: list[Packet[Any]] = []
    for packet in packets_from(
        container, stream, max(0, cut.start_ns - NANOSECONDS_PER_SECOND) + cut.zero_ns, _MOST_PACKETS
    ):
        at_ns = instant(packet, cut.zero_ns)
        if at_ns is None:
            continue
        if at_ns >= cut.end_ns:
            break
        if at_ns < cut.start_ns:
            held = [*held, packet][-_PRIMING:]
            continue
        yield from held
        held = []
        yield packet


def _moved(
    packets: Iterator["Packet[Any]"], copy: Stream, cut: _Cut, strip: BitStreamFilterContext | None
) -> Iterator[tuple[Fraction, "Packet[Any]"]]:
    """Give packets their times in the clip, and the order they are stored in."""
    for packet in packets:
        for one in strip.filter(packet) if strip is not None else (packet,):
            shift = round(Fraction(cut.start_ns + cut.zero_ns, NANOSECONDS_PER_SECOND) / one.time_base)
            one.pts = None if one.pts is None else one.pts - shift
            one.dts = None if one.dts is None else one.dts - shift
            one.stream = copy
            yield (one.dts or 0) * one.time_base, one
