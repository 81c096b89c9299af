CREATE TABLE ingest.exports (
    id text NOT NULL,
    owner_id text NOT NULL,
    request_id text,
    request_digest text NOT NULL,
    state text NOT NULL,
    run integer NOT NULL,
    attempt integer NOT NULL,
    fence bigint NOT NULL,
    starts integer NOT NULL,
    is_charged boolean NOT NULL,
    strategy text NOT NULL,
    ratio text NOT NULL,
    quality text NOT NULL,
    captions text NOT NULL,
    snaps boolean NOT NULL,
    video_ids text[] NOT NULL,
    scene_ids text[] NOT NULL,
    starts_ns bigint[] NOT NULL,
    ends_ns bigint[] NOT NULL,
    cut_starts_ns bigint[],
    cut_ends_ns bigint[],
    used_strategy text,
    is_stream_copy boolean NOT NULL DEFAULT false,
    notes text[] NOT NULL DEFAULT '{}',
    check_report bytea,
    has_captions boolean NOT NULL DEFAULT false,
    resolution text NOT NULL,
    storage_path text NOT NULL,
    file_size_bytes bigint,
    duration_ns bigint,
    error_reason text NOT NULL DEFAULT '',
    error_message text NOT NULL DEFAULT '',
    worker text NOT NULL DEFAULT '',
    progress double precision,
    beat_at timestamptz,
    created_at timestamptz NOT NULL,
    asked_at timestamptz NOT NULL,
    queued_at timestamptz NOT NULL,
    started_at timestamptz,
    completed_at timestamptz,
    expires_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    asked_ns bigint NOT NULL,
    asked_on text NOT NULL,
    may_hold_objects boolean NOT NULL DEFAULT false,
    version bigint NOT NULL DEFAULT 1,
    CONSTRAINT exports_pkey PRIMARY KEY (id),
    CONSTRAINT exports_owner_request_key UNIQUE (owner_id, request_id),
    CONSTRAINT exports_state_check CHECK (state IN ('queued', 'processing', 'completed', 'failed', 'cancelled', 'expired')),
    CONSTRAINT exports_end_check CHECK ((completed_at IS NULL) = (state IN ('queued', 'processing'))),
    CONSTRAINT exports_failure_check CHECK (state <> 'failed' OR (error_reason <> '' AND error_message <> '')),
    CONSTRAINT exports_result_check CHECK (
        state <> 'completed' OR (file_size_bytes IS NOT NULL AND duration_ns IS NOT NULL AND check_report IS NOT NULL)
    ),
    CONSTRAINT exports_times_check CHECK (
        created_at <= asked_at AND created_at <= started_at AND created_at <= completed_at AND created_at <= expires_at
    ),
    CONSTRAINT exports_segments_check CHECK (
        cardinality(video_ids) >= 1 AND cardinality(video_ids) = cardinality(scene_ids)
        AND cardinality(video_ids) = cardinality(starts_ns) AND cardinality(video_ids) = cardinality(ends_ns)
    ),
    CONSTRAINT exports_progress_check CHECK (progress BETWEEN 0 AND 1)
);
COMMENT ON TABLE ingest.exports IS 'One row per export: what was asked for, and what became of it.';
COMMENT ON COLUMN ingest.exports.id IS 'Computed from owner and request, or drawn.';
COMMENT ON COLUMN ingest.exports.owner_id IS 'Subject of the token that asked for it.';
COMMENT ON COLUMN ingest.exports.request_id IS 'Name that the caller gave the request; null for none.';
COMMENT ON COLUMN ingest.exports.request_digest IS 'Digest of what was asked for; another one under the same name is refused.';
COMMENT ON COLUMN ingest.exports.state IS 'queued, processing, completed, failed, cancelled or expired.';
COMMENT ON COLUMN ingest.exports.run IS 'Counted from 1; a retry begins the next one.';
COMMENT ON COLUMN ingest.exports.attempt IS 'Attempt, counted from 1 within the run.';
COMMENT ON COLUMN ingest.exports.fence IS 'Last fence that was handed out; answers with any other are refused.';
COMMENT ON COLUMN ingest.exports.starts IS 'How often workers began the present hand-out.';
COMMENT ON COLUMN ingest.exports.is_charged IS 'Whether it counts in the quota of its owner; failures of ours do not.';
COMMENT ON COLUMN ingest.exports.strategy IS 'How the picture was to fill the frame.';
COMMENT ON COLUMN ingest.exports.ratio IS 'Shape of the frame, width to height.';
COMMENT ON COLUMN ingest.exports.quality IS 'How much the encoder may spend.';
COMMENT ON COLUMN ingest.exports.captions IS 'How words were to be burned in.';
COMMENT ON COLUMN ingest.exports.snaps IS 'Whether begin and end move to where nobody is speaking.';
COMMENT ON COLUMN ingest.exports.video_ids IS 'Video of each stretch, in order; it may be gone.';
COMMENT ON COLUMN ingest.exports.scene_ids IS 'Scene by which each stretch was named; empty for a range.';
COMMENT ON COLUMN ingest.exports.starts_ns IS 'First instant of each stretch, nanoseconds from the start of its video.';
COMMENT ON COLUMN ingest.exports.ends_ns IS 'First instant that no longer belongs to each stretch, nanoseconds.';
COMMENT ON COLUMN ingest.exports.cut_starts_ns IS 'First instants after snapping; null until a worker has decided.';
COMMENT ON COLUMN ingest.exports.cut_ends_ns IS 'First instants that no longer belong to them after snapping.';
COMMENT ON COLUMN ingest.exports.used_strategy IS 'Strategy that was used; null until made.';
COMMENT ON COLUMN ingest.exports.is_stream_copy IS 'Whether the streams were copied as they are.';
COMMENT ON COLUMN ingest.exports.notes IS 'What was done otherwise than asked, and why.';
COMMENT ON COLUMN ingest.exports.check_report IS 'Serialised heimdex.ingest.v1.CheckReport; null until made.';
COMMENT ON COLUMN ingest.exports.has_captions IS 'Whether caption files lie beside the file.';
COMMENT ON COLUMN ingest.exports.resolution IS 'Width x height in pixels.';
COMMENT ON COLUMN ingest.exports.storage_path IS 'Key of the file in the object store.';
COMMENT ON COLUMN ingest.exports.file_size_bytes IS 'Length of the file in bytes; null until made.';
COMMENT ON COLUMN ingest.exports.duration_ns IS 'Length of the clip in nanoseconds; null until made.';
COMMENT ON COLUMN ingest.exports.error_reason IS 'Machine-readable reason of a failure; empty otherwise.';
COMMENT ON COLUMN ingest.exports.error_message IS 'The same for people.';
COMMENT ON COLUMN ingest.exports.worker IS 'Who has it in hand or had it last, service/host/pid.';
COMMENT ON COLUMN ingest.exports.progress IS 'Part that is done, 0 to 1; null while queued.';
COMMENT ON COLUMN ingest.exports.beat_at IS 'When its worker last showed that it is at it.';
COMMENT ON COLUMN ingest.exports.created_at IS 'When it was asked for.';
COMMENT ON COLUMN ingest.exports.asked_at IS 'When the present run was asked for.';
COMMENT ON COLUMN ingest.exports.queued_at IS 'When the present attempt was or will be handed out.';
COMMENT ON COLUMN ingest.exports.started_at IS 'When the present or last attempt began; null until then.';
COMMENT ON COLUMN ingest.exports.completed_at IS 'When it ended, in success or failure; null until then.';
COMMENT ON COLUMN ingest.exports.expires_at IS 'When it ends to exist for its owner.';
COMMENT ON COLUMN ingest.exports.updated_at IS 'When any field last changed.';
COMMENT ON COLUMN ingest.exports.deleted_at IS 'When its owner removed it; it is kept as long as it counts in the quota.';
COMMENT ON COLUMN ingest.exports.asked_ns IS 'The same moment as asked_at by the monotonic clock of asked_on.';
COMMENT ON COLUMN ingest.exports.asked_on IS 'Which monotonic clock: the boot of a machine; empty when it has no name.';
COMMENT ON COLUMN ingest.exports.may_hold_objects IS 'Whether the object store may hold something of it.';
COMMENT ON COLUMN ingest.exports.version IS 'Rises with every change.';
CREATE INDEX idx_exports_owner_created_at ON ingest.exports (owner_id, created_at DESC, id DESC);
CREATE INDEX idx_exports_open ON ingest.exports (queued_at) WHERE state IN ('queued', 'processing');
CREATE INDEX idx_exports_expires_at ON ingest.exports (expires_at) WHERE state <> 'expired';
CREATE INDEX idx_exports_held ON ingest.exports (updated_at) WHERE may_hold_objects;
CREATE INDEX idx_exports_video_ids ON ingest.exports USING gin (video_ids);

CREATE TABLE ingest.export_attempts (
    export_id text NOT NULL,
    fence bigint NOT NULL,
    run integer NOT NULL,
    number integer NOT NULL,
    worker text NOT NULL DEFAULT '',
    queued_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    outcome text,
    reason text NOT NULL DEFAULT '',
    message text NOT NULL DEFAULT '',
    starts integer NOT NULL DEFAULT 0,
    CONSTRAINT export_attempts_pkey PRIMARY KEY (export_id, fence),
    CONSTRAINT export_attempts_export_id_fkey FOREIGN KEY (export_id) REFERENCES ingest.exports (id) ON DELETE CASCADE,
    CONSTRAINT export_attempts_outcome_check CHECK (outcome IN ('succeeded', 'failed', 'cancelled'))
);
COMMENT ON TABLE ingest.export_attempts IS 'Every hand-out of every export, and how it ended.';
COMMENT ON COLUMN ingest.export_attempts.export_id IS 'The export.';
COMMENT ON COLUMN ingest.export_attempts.fence IS 'Fence of the hand-out.';
COMMENT ON COLUMN ingest.export_attempts.run IS 'Run it belongs to.';
COMMENT ON COLUMN ingest.export_attempts.number IS 'Attempt within the run; one that was given back or lost is handed out again under its number.';
COMMENT ON COLUMN ingest.export_attempts.worker IS 'Who took it.';
COMMENT ON COLUMN ingest.export_attempts.queued_at IS 'When it was or will be handed out.';
COMMENT ON COLUMN ingest.export_attempts.started_at IS 'When a worker last began it; null until then.';
COMMENT ON COLUMN ingest.export_attempts.finished_at IS 'When it ended; null while it is open.';
COMMENT ON COLUMN ingest.export_attempts.outcome IS 'How it ended; null while it is open. cancelled: stopped, given back or lost.';
COMMENT ON COLUMN ingest.export_attempts.reason IS 'Machine-readable reason; empty for a success.';
COMMENT ON COLUMN ingest.export_attempts.message IS 'The same for people.';
COMMENT ON COLUMN ingest.export_attempts.starts IS 'How often workers began it.';
