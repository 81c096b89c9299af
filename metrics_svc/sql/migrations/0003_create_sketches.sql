-- Where events come in the order of time a block-range index gives what a tree gives, at a thousandth of its size.
DROP INDEX metrics.stage_events_counted_at_idx;
CREATE INDEX stage_events_counted_at_idx ON metrics.stage_events USING brin (counted_at) WITH (pages_per_range = 32);

ALTER TABLE metrics.stage_events
    ADD COLUMN gpu_ns       bigint  CONSTRAINT stage_events_gpu_check CHECK (gpu_ns >= 0),
    ADD COLUMN energy_uj    bigint  CONSTRAINT stage_events_energy_check CHECK (energy_uj >= 0),
    ADD COLUMN model_calls  bigint  CONSTRAINT stage_events_model_calls_check CHECK (model_calls >= 0),
    ADD COLUMN worker_slots integer NOT NULL DEFAULT 0;

COMMENT ON COLUMN metrics.stage_events.gpu_ns IS 'Nanoseconds an accelerator was held; null without one.';
COMMENT ON COLUMN metrics.stage_events.energy_uj IS 'Energy in microjoules as the device reports it; null where none does.';
COMMENT ON COLUMN metrics.stage_events.model_calls IS 'Calls of models; null where no model was asked.';
COMMENT ON COLUMN metrics.stage_events.worker_slots IS 'Pieces of work of this stage the worker can have in hand at once; 0 when not told.';

ALTER TABLE metrics.video_runs
    ADD COLUMN elapsed_ns          bigint  CONSTRAINT video_runs_elapsed_check CHECK (elapsed_ns >= 0),
    ADD COLUMN unmeasured_attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN is_backfilled       boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN metrics.video_runs.duration_ns IS 'Sum of the attempts of the run in nanoseconds; null when not told or filled in later.';
COMMENT ON COLUMN metrics.video_runs.elapsed_ns IS 'Nanoseconds from the first start to the end, pauses and side-by-side work included; null when not known.';
COMMENT ON COLUMN metrics.video_runs.unmeasured_attempts IS 'Attempts that ended without a measured length; duration_ns is a lower bound then.';
COMMENT ON COLUMN metrics.video_runs.is_backfilled IS 'Whether its end was filled in later from what could still be known.';

CREATE TABLE metrics.sketches (
    owner_id     text        NOT NULL,
    period_start timestamptz NOT NULL,
    is_day       boolean     NOT NULL,
    measure      text        NOT NULL,
    stage        text        NOT NULL,
    outcome      text        NOT NULL,
    model        text        NOT NULL,
    measured     bigint      NOT NULL,
    approximate  bigint      NOT NULL,
    missing      bigint      NOT NULL,
    total        numeric     NOT NULL,
    smallest     bigint,
    largest      bigint,
    bins         bytea       NOT NULL,
    CONSTRAINT sketches_pkey PRIMARY KEY (owner_id, period_start, is_day, measure, stage, outcome, model)
) WITH (fillfactor = 70);

COMMENT ON TABLE metrics.sketches IS 'Counts, sums and log-bin sketches per hour, folded to days after 14 days; every number in it can be recomputed from the events.';
COMMENT ON COLUMN metrics.sketches.owner_id IS 'Whose samples; empty: everybody''s together.';
COMMENT ON COLUMN metrics.sketches.period_start IS 'First instant of the UTC hour or day.';
COMMENT ON COLUMN metrics.sketches.is_day IS 'Whether the period is a day; an hour otherwise. A day may have both: a late sample lands in an hour until the next folding.';
COMMENT ON COLUMN metrics.sketches.measure IS 'What was measured: a word of metrics_svc.domain.measures.';
COMMENT ON COLUMN metrics.sketches.stage IS 'Stage as a lower-case word; empty for what is not a stage.';
COMMENT ON COLUMN metrics.sketches.outcome IS 'Outcome as a lower-case word.';
COMMENT ON COLUMN metrics.sketches.model IS 'Model, name@revision; empty without one.';
COMMENT ON COLUMN metrics.sketches.measured IS 'Samples whose value was measured.';
COMMENT ON COLUMN metrics.sketches.approximate IS 'Samples whose value rests on a corrected clock, on part of the attempts, or was filled in later.';
COMMENT ON COLUMN metrics.sketches.missing IS 'Samples that should have a value and have none; not in the sketch.';
COMMENT ON COLUMN metrics.sketches.total IS 'Exact sum of all values.';
COMMENT ON COLUMN metrics.sketches.smallest IS 'Exact smallest value; null without one.';
COMMENT ON COLUMN metrics.sketches.largest IS 'Exact largest value; null without one.';
COMMENT ON COLUMN metrics.sketches.bins IS 'Encoded bins and counts, see metrics_svc.codec.bins; empty for measures that are only summed or counted.';

CREATE TABLE metrics.sketch_days (
    owner_id text   NOT NULL,
    day      date   NOT NULL,
    version  bigint NOT NULL,
    CONSTRAINT sketch_days_pkey PRIMARY KEY (owner_id, day)
);

COMMENT ON TABLE metrics.sketch_days IS 'Which days of which owner have sketches, and a number that rises with every change: what a reader may keep in memory.';
COMMENT ON COLUMN metrics.sketch_days.owner_id IS 'Whose samples; empty: everybody''s together.';
COMMENT ON COLUMN metrics.sketch_days.day IS 'UTC day.';
COMMENT ON COLUMN metrics.sketch_days.version IS 'Rises with every change of a sketch of the day, folding included.';
