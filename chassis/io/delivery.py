"""A message on its way to the broker, and one that came from it."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from chassis.core.subjects import (
    HEADER_CAUSATION_ID,
    HEADER_CORRELATION_ID,
    HEADER_MESSAGE_TYPE,
    HEADER_MSG_ID,
)
from chassis.io import correlation, logs

__all__ = ["Delivery", "Outgoing", "ack_later"]

_log = logs.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be published: subject, protobuf payload, its full type name and its deterministic identity."""

    subject: str
    payload: bytes
    message_type: str
    msg_id: str
    correlation_id: str = ""
    causation_id: str = ""

    def headers(self) -> dict[str, str]:
        """Return the headers it travels with."""
        headers = {
            HEADER_MSG_ID: self.msg_id,
            HEADER_MESSAGE_TYPE: self.message_type,
            HEADER_CORRELATION_ID: self.correlation_id or correlation.current(),
            HEADER_CAUSATION_ID: self.causation_id,
        }
        return {name: value for name, value in headers.items() if value}


class Delivery:
    """One message in hand; its verbs say what the broker does next."""

    __slots__ = ("_msg",)

    def __init__(self, msg: Msg) -> None:
        self._msg = msg

    @property
    def subject(self) -> str:
        """Where it was published."""
        return self._msg.subject

    @property
    def data(self) -> bytes:
        """The payload."""
        return self._msg.data

    @property
    def headers(self) -> Mapping[str, str]:
        """What it travelled with."""
        return self._msg.headers or {}

    @property
    def deliveries(self) -> int:
        """How often it was delivered, this time included."""
        return int(self._msg.metadata.num_delivered or 1)

    @property
    def is_answered(self) -> bool:
        """Whether the broker was told what to do next."""
        return bool(self._msg.is_acked)

    @property
    def msg_id(self) -> str:
        """Identity given by the publisher; the stream position when it gave none."""
        meta = self._msg.metadata
        return self.headers.get(HEADER_MSG_ID) or f"{meta.stream}:{meta.sequence.stream}"

    @property
    def message_type(self) -> str:
        """Full protobuf name of the payload."""
        return self.headers.get(HEADER_MESSAGE_TYPE, "")

    @property
    def correlation_id(self) -> str:
        """The request of a user that this belongs to."""
        return self.headers.get(HEADER_CORRELATION_ID, "")

    async def ack(self) -> None:
        """Done: the broker forgets it, and has confirmed that it did."""
        try:
            await self._msg.ack_sync(timeout=5.0)
        except (NatsError, TimeoutError) as error:
            # Harmless: it comes again, and deterministic ids absorb the repetition.
            _log.warning("an acknowledgement was not confirmed; the message will come again", error=repr(error))

    async def retry(self, delay_seconds: float) -> None:
        """Not now: the broker delivers it again after the delay."""
        with suppress(NatsError):
            await self._msg.nak(delay=delay_seconds or None)

    async def reject(self) -> None:
        """Never again."""
        with suppress(NatsError):
            await self._msg.term()

    async def keep(self) -> None:
        """Still at it: the broker starts counting anew."""
        with suppress(NatsError):
            await self._msg.in_progress()


async def ack_later(deliveries: Iterable[Delivery]) -> None:
    """All done, without waiting for the broker: should the word get lost they come again, and ids absorb it."""
    with suppress(NatsError):
        for delivery in deliveries:
            await delivery._msg.ack()  # noqa: SLF001  # a verb of many deliveries
