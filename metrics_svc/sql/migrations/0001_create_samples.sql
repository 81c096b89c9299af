CREATE TABLE metrics.stage_events (
    event_id           text        CONSTRAINT stage_events_pkey PRIMARY KEY,
    video_id           text        NOT NULL,
    owner_id           text        NOT NULL,
    generation         integer     NOT NULL,
    stage              text        NOT NULL,
    attempt            integer     NOT NULL,
    outcome            text        NOT NULL,
    reason             text        NOT NULL,
    queued_at          timestamptz,
    started_at         timestamptz,
    finished_at        timestamptz,
    counted_at         timestamptz NOT NULL,
    duration_ns        bigint      CONSTRAINT stage_events_duration_check CHECK (duration_ns >= 0),
    wait_ns            bigint      CONSTRAINT stage_events_wait_check CHECK (wait_ns >= 0),
    is_clock_corrected boolean     NOT NULL,
    video_duration_ns  bigint      CONSTRAINT stage_events_video_duration_check CHECK (video_duration_ns >= 0),
    items              bigint,
    bytes_read         bigint,
    model              text        NOT NULL,
    worker             text        NOT NULL,
    cpu_ns             bigint      CONSTRAINT stage_events_cpu_check CHECK (cpu_ns >= 0),
    taken_at           timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE metrics.stage_events IS 'One row per attempt at a stage that ended, as its worker told it.';
COMMENT ON COLUMN metrics.stage_events.event_id IS 'Identity of the event, {video}/{generation}/{stage}/{fence}; a second arrival changes nothing.';
COMMENT ON COLUMN metrics.stage_events.video_id IS 'The video.';
COMMENT ON COLUMN metrics.stage_events.owner_id IS 'Owner of the video.';
COMMENT ON COLUMN metrics.stage_events.generation IS 'Run of the video, counted from 1.';
COMMENT ON COLUMN metrics.stage_events.stage IS 'Stage as a lower-case word; stage_17 for a number that this version does not know.';
COMMENT ON COLUMN metrics.stage_events.attempt IS 'Attempt at the stage, counted from 1.';
COMMENT ON COLUMN metrics.stage_events.outcome IS 'Outcome as a lower-case word; outcome_9 for a number that this version does not know.';
COMMENT ON COLUMN metrics.stage_events.reason IS 'Machine-readable reason of a failure or skip; empty otherwise.';
COMMENT ON COLUMN metrics.stage_events.queued_at IS 'When the work was handed out, by the clock of ingest_svc; null when not told.';
COMMENT ON COLUMN metrics.stage_events.started_at IS 'When the worker began, by its wall clock; null when not told.';
COMMENT ON COLUMN metrics.stage_events.finished_at IS 'When it ended, by the wall clock of the worker, however absurd; null when not told.';
COMMENT ON COLUMN metrics.stage_events.counted_at IS 'The moment by which it falls into windows: finished_at, or the time of arrival when that is missing or in the future.';
COMMENT ON COLUMN metrics.stage_events.duration_ns IS 'Length of the work in nanoseconds by a monotonic clock; null when it was not measured.';
COMMENT ON COLUMN metrics.stage_events.wait_ns IS 'Nanoseconds from queued_at to started_at, not below 0; null when one is not known.';
COMMENT ON COLUMN metrics.stage_events.is_clock_corrected IS 'Whether wait_ns or counted_at had to be corrected because clocks contradict each other.';
COMMENT ON COLUMN metrics.stage_events.video_duration_ns IS 'Length of the video in nanoseconds; null until known.';
COMMENT ON COLUMN metrics.stage_events.items IS 'Frames, words, scenes or moments handled; null where counting makes no sense.';
COMMENT ON COLUMN metrics.stage_events.bytes_read IS 'Bytes read; null where it was not counted.';
COMMENT ON COLUMN metrics.stage_events.model IS 'Model that did the work, name@revision; empty without one.';
COMMENT ON COLUMN metrics.stage_events.worker IS 'Who did it, service/host/pid.';
COMMENT ON COLUMN metrics.stage_events.cpu_ns IS 'CPU time in nanoseconds, children included; null where it was not measured.';
COMMENT ON COLUMN metrics.stage_events.taken_at IS 'When this row was written.';

CREATE INDEX stage_events_counted_at_idx ON metrics.stage_events (counted_at);
CREATE INDEX stage_events_owner_counted_at_idx ON metrics.stage_events (owner_id, counted_at);
CREATE INDEX stage_events_video_idx ON metrics.stage_events (video_id, generation);

CREATE TABLE metrics.video_runs (
    event_id           text        CONSTRAINT video_runs_pkey PRIMARY KEY,
    video_id           text        NOT NULL,
    owner_id           text        NOT NULL,
    generation         integer     NOT NULL,
    stage              text        NOT NULL,
    outcome            text        NOT NULL,
    failed_stage       text        NOT NULL,
    reason             text        NOT NULL,
    queued_at          timestamptz,
    started_at         timestamptz,
    finished_at        timestamptz,
    counted_at         timestamptz NOT NULL,
    duration_ns        bigint      CONSTRAINT video_runs_duration_check CHECK (duration_ns >= 0),
    queue_ns           bigint      CONSTRAINT video_runs_queue_check CHECK (queue_ns >= 0),
    is_clock_corrected boolean     NOT NULL,
    video_duration_ns  bigint      CONSTRAINT video_runs_video_duration_check CHECK (video_duration_ns >= 0),
    taken_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT video_runs_one_end_key UNIQUE (video_id, generation)
);

COMMENT ON TABLE metrics.video_runs IS 'One row per run of a video that ended, as ingest_svc told it.';
COMMENT ON COLUMN metrics.video_runs.event_id IS 'Identity of the event; a second arrival changes nothing.';
COMMENT ON COLUMN metrics.video_runs.video_id IS 'The video.';
COMMENT ON COLUMN metrics.video_runs.owner_id IS 'Owner of the video.';
COMMENT ON COLUMN metrics.video_runs.generation IS 'Run of the video, counted from 1; a run ends once.';
COMMENT ON COLUMN metrics.video_runs.stage IS 'completed, or failed for a run that failed or was cancelled.';
COMMENT ON COLUMN metrics.video_runs.outcome IS 'succeeded, failed or cancelled; outcome_9 for a number that this version does not know.';
COMMENT ON COLUMN metrics.video_runs.failed_stage IS 'Stage where it broke, as a lower-case word; empty when it did not.';
COMMENT ON COLUMN metrics.video_runs.reason IS 'Machine-readable reason of the failure; empty otherwise.';
COMMENT ON COLUMN metrics.video_runs.queued_at IS 'When the run was accepted; null when not told.';
COMMENT ON COLUMN metrics.video_runs.started_at IS 'When its first attempt began; null when none did.';
COMMENT ON COLUMN metrics.video_runs.finished_at IS 'When it ended, however absurd; null when not told.';
COMMENT ON COLUMN metrics.video_runs.counted_at IS 'The moment by which it falls into windows and UTC days: finished_at, or the time of arrival when that is missing or in the future.';
COMMENT ON COLUMN metrics.video_runs.duration_ns IS 'Processing time in nanoseconds, the sum of the attempts of the run; null when it was not measured.';
COMMENT ON COLUMN metrics.video_runs.queue_ns IS 'Nanoseconds from queued_at to started_at, not below 0; null when one is not known.';
COMMENT ON COLUMN metrics.video_runs.is_clock_corrected IS 'Whether queue_ns or counted_at had to be corrected because clocks contradict each other.';
COMMENT ON COLUMN metrics.video_runs.video_duration_ns IS 'Length of the video in nanoseconds; null when not known.';
COMMENT ON COLUMN metrics.video_runs.taken_at IS 'When this row was written.';

CREATE INDEX video_runs_counted_at_idx ON metrics.video_runs (counted_at);
CREATE INDEX video_runs_owner_counted_at_idx ON metrics.video_runs (owner_id, counted_at);
CREATE INDEX video_runs_duration_idx ON metrics.video_runs (duration_ns);
CREATE INDEX video_runs_failed_stage_idx ON metrics.video_runs (failed_stage) WHERE outcome = 'failed';

CREATE TABLE metrics.search_events (
    event_id      text        CONSTRAINT search_events_pkey PRIMARY KEY,
    owner_id      text        NOT NULL,
    asked_at      timestamptz,
    counted_at    timestamptz NOT NULL,
    latency_ns    bigint      CONSTRAINT search_events_latency_check CHECK (latency_ns >= 0),
    results_count integer     NOT NULL,
    query_text    text        NOT NULL,
    taken_at      timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE metrics.search_events IS 'One row per search that was answered, as index_svc told it.';
COMMENT ON COLUMN metrics.search_events.event_id IS 'Identity of the search; a second arrival changes nothing.';
COMMENT ON COLUMN metrics.search_events.owner_id IS 'Who searched.';
COMMENT ON COLUMN metrics.search_events.asked_at IS 'When it was asked, however absurd; null when not told.';
COMMENT ON COLUMN metrics.search_events.counted_at IS 'The moment by which it falls into windows and UTC days: asked_at, or the time of arrival when that is missing or in the future.';
COMMENT ON COLUMN metrics.search_events.latency_ns IS 'Nanoseconds from request to answer inside index_svc; null when it was not measured.';
COMMENT ON COLUMN metrics.search_events.results_count IS 'Results on the first page.';
COMMENT ON COLUMN metrics.search_events.query_text IS 'The query, at most 1,000 characters.';
COMMENT ON COLUMN metrics.search_events.taken_at IS 'When this row was written.';

CREATE INDEX search_events_counted_at_idx ON metrics.search_events (counted_at);
CREATE INDEX search_events_owner_counted_at_idx ON metrics.search_events (owner_id, counted_at);
