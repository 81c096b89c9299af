"""Who may say what on NATS: the whole table (R-USR-04), as data.

A service writes facts, stage events and dead letters of its own context; only ingest hands out work. Every service
hears messages on an inbox of its own and nowhere else (JetStream delivers there), so none can listen to another's.
gateway may publish nothing.
"""

from dataclasses import dataclass

from chassis.core.subjects import CONSUMERS, STREAMS

__all__ = ["OPERATOR", "USERS", "NatsUser", "inbox_prefix"]


def inbox_prefix(user: str) -> str:
    """Return the inbox prefix of a user; its client must be told (HEIMDEX_NATS_INBOX_PREFIX)."""
    return f"_INBOX_{user}"


@dataclass(frozen=True, slots=True)
class NatsUser:
    """A NATS user and the subjects it may use; everything else is refused."""

    name: str
    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()


def _own(context: str) -> tuple[str, ...]:
    return tuple(f"heimdex.{kind}.v1.{context}.>" for kind in ("fact", "stage", "dead"))


def _declare() -> tuple[str, ...]:
    """Bring the declared topology into being, as `Bus.open` does in every service, whoever comes first.

    Creating cannot change a stream that exists; updating, purging and deleting are ingest's alone.
    """
    subjects = ["$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.INFO.*"]
    subjects += [f"$JS.API.STREAM.CREATE.{stream.name}" for stream in STREAMS]
    for consumer in CONSUMERS:
        path = f"{consumer.stream}.{consumer.name}"
        subjects += [f"$JS.API.CONSUMER.INFO.{path}", f"$JS.API.CONSUMER.CREATE.{path}.{consumer.subject}"]
    return tuple(subjects)


def _consume(context: str) -> tuple[str, ...]:
    """Pull from and acknowledge to the consumers of this service, and no other's."""
    subjects = list(_declare())
    for consumer in CONSUMERS:
        if consumer.name.startswith(f"{context}_"):
            path = f"{consumer.stream}.{consumer.name}"
            subjects += [
                f"$JS.API.CONSUMER.MSG.NEXT.{path}",
                f"$JS.ACK.{path}.>",
                f"$JS.ACK.*.*.{path}.>",  # the longer form, with domain and account
            ]
    return tuple(subjects)


def _inbox(user: str) -> str:
    return f"{inbox_prefix(user)}.>"


OPERATOR = NatsUser("operator", publish=(">",), subscribe=(">",))
"""A person on this machine (`heimdex doctor`, tests); no service has its password."""

USERS: tuple[NatsUser, ...] = (
    NatsUser(
        "ingest",
        # The owner of the topology: also updates it, and moves dead letters.
        publish=("heimdex.work.v1.>", "heimdex.dead.v1.>", *_own("ingest")[:2], "$JS.API.>", "$JS.ACK.>", "$JS.FC.>"),
        subscribe=(_inbox("ingest"), "$JS.EVENT.ADVISORY.>"),
    ),
    NatsUser(
        "inference",
        publish=(*_own("inference"), *_consume("inference")),
        subscribe=(_inbox("inference"),),
    ),
    NatsUser(
        "index",
        publish=(*_own("index"), *_consume("index")),
        subscribe=(_inbox("index"),),
    ),
    NatsUser(
        "metrics",
        publish=("heimdex.dead.v1.metrics.>", *_consume("metrics")),
        subscribe=(_inbox("metrics"),),
    ),
    NatsUser("gateway", subscribe=(_inbox("gateway"),)),
    OPERATOR,
)
