import pytest

from chassis.core.errors import InvalidInput, UpstreamUnavailable
from metrics_svc.intake import Intake
from tests.support.metrics_samples import operation_event, run_event, samples_of, stage_event


class Sink:
    """Remembers what it was given, or raises."""

    def __init__(self, error=None) -> None:
        self.batches, self._error = [], error

    async def add(self, samples):
        if self._error:
            raise self._error
        self.batches.append(list(samples))
        return len(samples)


STAGE, RUN, OPERATION = samples_of(stage_event(1), run_event(2), operation_event(3))


async def test_samples_of_several_kinds_go_together_to_the_sink_that_keeps_them():
    shared, own = Sink(), Sink()
    intake = Intake({type(STAGE): shared, type(RUN): shared, type(OPERATION): own})

    assert await intake.add([STAGE, OPERATION, RUN]) == 3
    assert (shared.batches, own.batches) == ([[STAGE, RUN]], [[OPERATION]])


async def test_nothing_at_all_is_no_work():
    sink = Sink()

    assert await Intake({type(STAGE): sink}).add([]) == 0
    assert sink.batches == []


async def test_a_kind_that_nobody_keeps_is_refused_before_anything_is_kept():
    sink = Sink()
    with pytest.raises(InvalidInput, match="VideoRun"):
        await Intake({type(STAGE): sink}).add([STAGE, RUN])

    assert sink.batches == []


async def test_the_error_of_a_sink_is_that_of_the_intake():
    intake = Intake({type(STAGE): Sink(), type(RUN): Sink(UpstreamUnavailable())})
    with pytest.raises(UpstreamUnavailable):
        await intake.add([STAGE, RUN])
