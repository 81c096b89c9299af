-- Events are known by 16 bytes instead of their ids: an index of 10^7 of them fits in memory. See domain/samples.py.
-- The old column stays, empty from now on, so that nothing that reads it breaks; a later version removes it.
ALTER TABLE metrics.stage_events ADD COLUMN event_key uuid;
UPDATE metrics.stage_events SET event_key = (
    left(encode(sha256(convert_to(split_part(event_id, '/', 1), 'UTF8')), 'hex'), 16)
    || left(encode(sha256(convert_to(event_id, 'UTF8')), 'hex'), 16)
)::uuid;
ALTER TABLE metrics.stage_events
    DROP CONSTRAINT stage_events_pkey,
    ALTER COLUMN event_id DROP NOT NULL,
    ADD CONSTRAINT stage_events_pkey PRIMARY KEY (event_key);
COMMENT ON COLUMN metrics.stage_events.event_id IS 'Id of an event that was taken before there was event_key; null otherwise.';

ALTER TABLE metrics.video_runs ADD COLUMN event_key uuid;
UPDATE metrics.video_runs SET event_key = (
    left(encode(sha256(convert_to(split_part(event_id, '/', 1), 'UTF8')), 'hex'), 16)
    || left(encode(sha256(convert_to(event_id, 'UTF8')), 'hex'), 16)
)::uuid;
ALTER TABLE metrics.video_runs
    DROP CONSTRAINT video_runs_pkey,
    ALTER COLUMN event_id DROP NOT NULL,
    ADD CONSTRAINT video_runs_pkey PRIMARY KEY (event_key);
COMMENT ON COLUMN metrics.video_runs.event_id IS 'Id of an event that was taken before there was event_key; null otherwise.';

ALTER TABLE metrics.search_events ADD COLUMN event_key uuid;
UPDATE metrics.search_events SET event_key = (
    left(encode(sha256(convert_to(split_part(event_id, '/', 1), 'UTF8')), 'hex'), 16)
    || left(encode(sha256(convert_to(event_id, 'UTF8')), 'hex'), 16)
)::uuid;
ALTER TABLE metrics.search_events
    DROP CONSTRAINT search_events_pkey,
    ALTER COLUMN event_id DROP NOT NULL,
    ADD CONSTRAINT search_events_pkey PRIMARY KEY (event_key);
COMMENT ON COLUMN metrics.search_events.event_id IS 'Id of an event that was taken before there was event_key; null otherwise.';

COMMENT ON COLUMN metrics.stage_events.event_key IS 'Identity of the event: 8 bytes of the SHA-256 of its id up to the first slash, 8 of the whole; a second arrival changes nothing.';
COMMENT ON COLUMN metrics.video_runs.event_key IS 'Identity of the event: 8 bytes of the SHA-256 of its id up to the first slash, 8 of the whole; a second arrival changes nothing.';
COMMENT ON COLUMN metrics.search_events.event_key IS 'Identity of the search: 8 bytes of the SHA-256 of its id up to the first slash, 8 of the whole; a second arrival changes nothing.';

-- Where events come in the order of time a block-range index gives what a tree gives, at a thousandth of its size.
-- Without autosummarize the newest blocks would be read whole until the next vacuum.
DROP INDEX metrics.stage_events_counted_at_idx;
CREATE INDEX stage_events_counted_at_idx ON metrics.stage_events
    USING brin (counted_at) WITH (pages_per_range = 32, autosummarize = on);

ALTER TABLE metrics.stage_events
    ADD COLUMN gpu_ns        bigint  CONSTRAINT stage_events_gpu_check CHECK (gpu_ns >= 0),
    ADD COLUMN energy_uj     bigint  CONSTRAINT stage_events_energy_check CHECK (energy_uj >= 0),
    ADD COLUMN model_calls   bigint  CONSTRAINT stage_events_model_calls_check CHECK (model_calls >= 0),
    ADD COLUMN worker_slots  integer NOT NULL DEFAULT 0,
    ADD COLUMN is_backfilled boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN metrics.stage_events.gpu_ns IS 'Nanoseconds an accelerator was held; null without one.';
COMMENT ON COLUMN metrics.stage_events.energy_uj IS 'Energy in microjoules as the device reports it; null where none does.';
COMMENT ON COLUMN metrics.stage_events.model_calls IS 'Calls of models; null where no model was asked.';
COMMENT ON COLUMN metrics.stage_events.worker_slots IS 'Pieces of work of this stage the worker can have in hand at once; 0 when not told.';
COMMENT ON COLUMN metrics.stage_events.is_backfilled IS 'Whether it was filled in later from what could still be known.';

ALTER TABLE metrics.video_runs
    ADD COLUMN elapsed_ns          bigint  CONSTRAINT video_runs_elapsed_check CHECK (elapsed_ns >= 0),
    ADD COLUMN unmeasured_attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN is_backfilled       boolean NOT NULL DEFAULT false;

-- Until now duration_ns was the time from the first start to the end; attempts tell what was work in it.
UPDATE metrics.video_runs SET elapsed_ns = duration_ns, duration_ns = NULL;
UPDATE metrics.video_runs AS run SET duration_ns = work.measured_ns, unmeasured_attempts = work.unmeasured
FROM (
    SELECT video_id, generation, least(sum(duration_ns), 9223372036854775807)::bigint AS measured_ns,
        (count(*) - count(duration_ns))::integer AS unmeasured
    FROM metrics.stage_events
    GROUP BY video_id, generation
) AS work
WHERE work.video_id = run.video_id AND work.generation = run.generation;

COMMENT ON COLUMN metrics.video_runs.duration_ns IS 'Sum of the attempts of the run in nanoseconds; null when not told or filled in later.';
COMMENT ON COLUMN metrics.video_runs.elapsed_ns IS 'Nanoseconds from the first start to the end, pauses and side-by-side work included; null when not known.';
COMMENT ON COLUMN metrics.video_runs.unmeasured_attempts IS 'Attempts that ended without a measured length; duration_ns is a lower bound then.';
COMMENT ON COLUMN metrics.video_runs.is_backfilled IS 'Whether its end was filled in later from what could still be known.';

CREATE TABLE metrics.operations (
    event_key          uuid        CONSTRAINT operations_pkey PRIMARY KEY,
    operation          text        NOT NULL,
    owner_id           text        NOT NULL,
    video_id           text        NOT NULL,
    outcome            text        NOT NULL,
    reason             text        NOT NULL,
    started_at         timestamptz,
    finished_at        timestamptz,
    counted_at         timestamptz NOT NULL,
    duration_ns        bigint      CONSTRAINT operations_duration_check CHECK (duration_ns >= 0),
    is_clock_corrected boolean     NOT NULL,
    size_bytes         bigint      CONSTRAINT operations_size_check CHECK (size_bytes >= 0),
    media_duration_ns  bigint      CONSTRAINT operations_media_duration_check CHECK (media_duration_ns >= 0),
    taken_at           timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE metrics.operations IS 'One row per upload or export that ended, as the service told it that did it.';
COMMENT ON COLUMN metrics.operations.event_key IS 'Identity of the event: 8 bytes of the SHA-256 of its id up to the first slash, 8 of the whole; a second arrival changes nothing.';
COMMENT ON COLUMN metrics.operations.operation IS 'upload or export; operation_7 for a number that this version does not know.';
COMMENT ON COLUMN metrics.operations.owner_id IS 'Who waited for it.';
COMMENT ON COLUMN metrics.operations.video_id IS 'The video; empty when none came of it.';
COMMENT ON COLUMN metrics.operations.outcome IS 'Outcome as a lower-case word; outcome_9 for a number that this version does not know.';
COMMENT ON COLUMN metrics.operations.reason IS 'Machine-readable reason of a failure; empty otherwise.';
COMMENT ON COLUMN metrics.operations.started_at IS 'When it began, by the wall clock of the service; null when not told.';
COMMENT ON COLUMN metrics.operations.finished_at IS 'When it ended, however absurd; null when not told.';
COMMENT ON COLUMN metrics.operations.counted_at IS 'The moment by which it falls into windows and UTC days: finished_at, or the time of arrival when that can not be believed.';
COMMENT ON COLUMN metrics.operations.duration_ns IS 'Its length in nanoseconds by a monotonic clock; null when it was not measured.';
COMMENT ON COLUMN metrics.operations.is_clock_corrected IS 'Whether counted_at had to be corrected because finished_at can not be believed.';
COMMENT ON COLUMN metrics.operations.size_bytes IS 'Size of the file in bytes; null when not known.';
COMMENT ON COLUMN metrics.operations.media_duration_ns IS 'Length of the video or short in nanoseconds; null when not known.';
COMMENT ON COLUMN metrics.operations.taken_at IS 'When this row was written.';

CREATE INDEX operations_counted_at_idx ON metrics.operations (counted_at);
CREATE INDEX operations_owner_counted_at_idx ON metrics.operations (owner_id, counted_at);

CREATE TABLE metrics.contradictions (
    event_key     uuid        NOT NULL,
    digest        uuid        NOT NULL,
    kind          text        NOT NULL,
    event_id      text        NOT NULL,
    owner_id      text        NOT NULL,
    differences   text        NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT contradictions_pkey PRIMARY KEY (event_key, digest)
);

COMMENT ON TABLE metrics.contradictions IS 'Events that came again and said something else, once per thing said; what came first stands, and they are in no number.';
COMMENT ON COLUMN metrics.contradictions.event_key IS 'Identity of the event that stands, as in its table.';
COMMENT ON COLUMN metrics.contradictions.digest IS '16 bytes of the SHA-256 of differences.';
COMMENT ON COLUMN metrics.contradictions.kind IS 'Table of the event that stands: stage_events, video_runs, search_events or operations.';
COMMENT ON COLUMN metrics.contradictions.event_id IS 'Id of the event that was not applied.';
COMMENT ON COLUMN metrics.contradictions.owner_id IS 'Owner it named.';
COMMENT ON COLUMN metrics.contradictions.differences IS 'JSON: for each field that differs, what stands and what was told; times in microseconds since 1970.';
COMMENT ON COLUMN metrics.contradictions.first_seen_at IS 'When it came for the first time.';

CREATE INDEX contradictions_first_seen_at_idx ON metrics.contradictions (first_seen_at);

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
) WITH (fillfactor = 70, toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05);

-- Bins are compressed already, and a reader of a year wants them beside the rest of their row.
ALTER TABLE metrics.sketches ALTER COLUMN bins SET STORAGE EXTERNAL;
-- Only hours are looked for by time alone: to fold them.
CREATE INDEX sketches_hours_idx ON metrics.sketches (period_start) WHERE NOT is_day;

COMMENT ON TABLE metrics.sketches IS 'Counts, sums and log-bin sketches per hour, folded to days after 14 days; every number in it can be recomputed from the events.';
COMMENT ON COLUMN metrics.sketches.owner_id IS 'Whose samples; empty: everybody''s together.';
COMMENT ON COLUMN metrics.sketches.period_start IS 'First instant of the UTC hour or day.';
COMMENT ON COLUMN metrics.sketches.is_day IS 'Whether the period is a day; an hour otherwise. A day may have both: a late sample lands in an hour until the next folding.';
COMMENT ON COLUMN metrics.sketches.measure IS 'What was measured: a word of metrics_svc.domain.events.measures.';
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

CREATE SEQUENCE metrics.sketch_versions;
COMMENT ON SEQUENCE metrics.sketch_versions IS 'Versions of days; writers go one after the other, so they rise in the order of commits.';

CREATE TABLE metrics.sketch_days (
    owner_id text   NOT NULL,
    day      date   NOT NULL,
    version  bigint NOT NULL,
    CONSTRAINT sketch_days_pkey PRIMARY KEY (owner_id, day)
);

COMMENT ON TABLE metrics.sketch_days IS 'Which days of which owner have sketches, and a number that rises with every change: what a reader may keep in memory.';
COMMENT ON COLUMN metrics.sketch_days.owner_id IS 'Whose samples; empty: everybody''s together.';
COMMENT ON COLUMN metrics.sketch_days.day IS 'UTC day.';
COMMENT ON COLUMN metrics.sketch_days.version IS 'Rises with every change of a sketch of the day, folding included; of two changes of any two days the later has the higher one.';
