"""All supervised processes of one launcher: kept alive side by side, stopped rank by rank."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.errors import MeshError, MeshFailed
from deploy.local.process import ProcessSpec
from deploy.local.supervisor import EventSink, RestartPolicy, Supervised

__all__ = ["Crew"]


class Crew:
    """An async context that owns processes; leaving it, for any reason, leaves none behind.

    When a process is hopeless, the body is cancelled and the context ends with MeshError, after the ordered stop.
    """

    def __init__(self, logs: Path, *, policy: RestartPolicy, events: EventSink) -> None:
        self.members: dict[str, Supervised] = {}
        self._logs = logs
        self._policy = policy
        self._events = events
        self._failed: asyncio.Future[MeshError] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            # Two groups, one in the other: when the inner one cancels the body, the outer one still supervises, so
            # that the stop between them can be an orderly one.
            self._supervisors = await stack.enter_async_context(asyncio.TaskGroup())
            stack.push_async_callback(self.stop)
            alarm = await stack.enter_async_context(asyncio.TaskGroup())
            stack.callback(alarm.create_task(self._raise_failure()).cancel)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._stack.__aexit__(kind, error, traceback)
        except BaseExceptionGroup as group:
            raise _the_one(group) from None

    def start(self, specs: Iterable[ProcessSpec]) -> None:
        """Begin to keep processes alive; returns at once."""
        for spec in specs:
            member = Supervised(
                spec, self._logs, policy=self._policy, events=self._events, readdressed=self._refresh_others
            )
            self.members[spec.name] = member
            self._supervisors.create_task(member.run(self._give_up), name=f"supervise {spec.name}")

    async def wait_ready(self, names: Iterable[str], *, within_seconds: float) -> None:
        """Wait until all of these are ready at least once since they were last started.

        Raises:
            MeshFailed: after `within_seconds`; the message gives each one's reason and the end of its log.
        """
        waited_for = [self.members[name] for name in names]
        try:
            async with asyncio.timeout(within_seconds), asyncio.TaskGroup() as group:
                for member in waited_for:
                    group.create_task(member.wait_ready())
        except TimeoutError:
            late = [member for member in waited_for if not member.is_ready]
            reasons = "\n".join(f"{m.spec.name}: {m.why_not_ready}\n{m.last_lines()}" for m in late)
            raise MeshFailed(f"not ready after {within_seconds:g} s:\n{reasons}") from None

    async def stop(self) -> None:
        """Stop every process, rank by rank; those of one rank side by side."""
        by_rank = sorted(self.members.values(), key=lambda member: member.spec.stop_rank)
        for _, rank in groupby(by_rank, key=lambda member: member.spec.stop_rank):
            async with asyncio.TaskGroup() as group:
                for member in rank:
                    group.create_task(member.stop())

    def kill_now(self) -> None:
        """SIGKILL everything at once."""
        for member in self.members.values():
            member.kill_now()

    @property
    def pids(self) -> Mapping[str, int]:
        """Pid of every process that runs at this moment, by name."""
        return {name: member.pid for name, member in self.members.items() if member.pid is not None}

    async def _refresh_others(self) -> None:
        for member in self.members.values():
            member.refresh()

    def _give_up(self, failure: MeshError) -> None:
        if not self._failed.done():
            self._failed.set_result(failure)

    async def _raise_failure(self) -> None:
        raise await self._failed


def _the_one(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what a person should see: our own failure, else the only leaf, else the group."""
    leaves: list[BaseException] = []
    todo: list[BaseException] = [group]
    while todo:
        error = todo.pop()
        if isinstance(error, BaseExceptionGroup):
            todo += error.exceptions
        else:
            leaves.append(error)
    ours = [error for error in leaves if isinstance(error, MeshError)]
    return (ours or leaves)[0] if ours or len(leaves) == 1 else group
