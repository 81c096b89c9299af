"""What the stages leave for each other in the object store."""

from google.protobuf.message import DecodeError

from chassis.core.errors import Corruption
from chassis.core.stages import Stage
from chassis.io.blobs import BlobStore
from chassis.io.stage import stage_from_proto
from heimdex.ingest.v1 import work_pb2

__all__ = ["load_input", "load_result"]


async def load_result(blobs: BlobStore, key: str) -> work_pb2.StageResult:
    """Return a stored result.

    Raises:
        NotFound: there is none.
        Corruption: it can not be read.
    """
    try:
        return work_pb2.StageResult.FromString(await blobs.get(key))
    except DecodeError as error:
        raise Corruption("a stored result can not be read", reason="RESULT_CORRUPT", metadata={"key": key}) from error


async def load_input(blobs: BlobStore, work: work_pb2.StageWork, stage: Stage) -> work_pb2.StageResult:
    """Return the result of an earlier stage that a piece of work builds on.

    Raises:
        NotFound: it is gone.
        Corruption: the work does not name it, or it can not be read.
    """
    for reference in work.inputs:
        if stage_from_proto(reference.stage) is stage:
            return await load_result(blobs, reference.key)
    raise Corruption(f"the work names no result of stage {stage}", reason="INPUT_MISSING")
