CREATE TABLE ingest.videos (
    id text NOT NULL,
    owner_id text NOT NULL,
    state text NOT NULL,
    stage text NOT NULL,
    generation integer NOT NULL,
    fence bigint NOT NULL,
    filename text NOT NULL,
    mime_type text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 text NOT NULL,
    source_key text NOT NULL,
    duration_ns bigint,
    media_info bytea,
    failed_stage text,
    error_reason text,
    error_message text,
    language text,
    scene_count integer,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    queued_at timestamptz NOT NULL,
    processing_started_at timestamptz,
    processing_finished_at timestamptz,
    indexed_at timestamptz,
    CONSTRAINT videos_pkey PRIMARY KEY (id),
    CONSTRAINT videos_state_check CHECK (state IN ('uploading', 'queued', 'processing', 'ready', 'failed', 'cancelled')),
    CONSTRAINT videos_stage_check CHECK (stage IN ('queued', 'downloading', 'metadata', 'scene_detection', 'transcription',
        'scene_processing', 'indexing', 'finalizing')),
    CONSTRAINT videos_source_key_check CHECK (length(source_key) <= 512),
    CONSTRAINT videos_times_check CHECK (queued_at <= processing_started_at AND processing_started_at <= processing_finished_at)
);
COMMENT ON TABLE ingest.videos IS 'One row per video: the truth about where it is and what became of it.';
COMMENT ON COLUMN ingest.videos.id IS 'Computed from owner and content.';
COMMENT ON COLUMN ingest.videos.owner_id IS 'Subject of the token that uploaded it.';
COMMENT ON COLUMN ingest.videos.state IS 'uploading, queued, processing, ready, failed or cancelled.';
COMMENT ON COLUMN ingest.videos.stage IS 'Last real stage; for a failed video the stage where it broke. Never "failed".';
COMMENT ON COLUMN ingest.videos.generation IS 'Number of the current run, counted from 1.';
COMMENT ON COLUMN ingest.videos.fence IS 'Last fence that was handed out; results with any other than their step''s are refused.';
COMMENT ON COLUMN ingest.videos.filename IS 'Name given at upload, its last part only.';
COMMENT ON COLUMN ingest.videos.mime_type IS 'Media type given at upload or guessed from the name.';
COMMENT ON COLUMN ingest.videos.size_bytes IS 'Length of the source in bytes.';
COMMENT ON COLUMN ingest.videos.sha256 IS 'Lower-case hexadecimal SHA-256 of the source.';
COMMENT ON COLUMN ingest.videos.source_key IS 'Key of the source in the object store.';
COMMENT ON COLUMN ingest.videos.duration_ns IS 'Length of the video in nanoseconds; null until known.';
COMMENT ON COLUMN ingest.videos.media_info IS 'Serialised heimdex.ingest.v1.MediaInfo; null until known.';
COMMENT ON COLUMN ingest.videos.failed_stage IS 'Stage where the last run broke; null unless failed.';
COMMENT ON COLUMN ingest.videos.error_reason IS 'Machine-readable reason of the failure; null unless failed.';
COMMENT ON COLUMN ingest.videos.error_message IS 'The same for people.';
COMMENT ON COLUMN ingest.videos.language IS 'Spoken language, BCP-47; null until known.';
COMMENT ON COLUMN ingest.videos.scene_count IS 'Number of scenes; null until the video was ready once.';
COMMENT ON COLUMN ingest.videos.created_at IS 'When it was registered.';
COMMENT ON COLUMN ingest.videos.updated_at IS 'When any field last changed.';
COMMENT ON COLUMN ingest.videos.queued_at IS 'When the current run was queued.';
COMMENT ON COLUMN ingest.videos.processing_started_at IS 'When its first stage started; null until then.';
COMMENT ON COLUMN ingest.videos.processing_finished_at IS 'When it ended, in success or failure; null until then.';
COMMENT ON COLUMN ingest.videos.indexed_at IS 'When its moments last became searchable; null until then.';
CREATE INDEX idx_videos_owner_created_at ON ingest.videos (owner_id, created_at DESC, id DESC);
CREATE INDEX idx_videos_open ON ingest.videos (updated_at) WHERE state IN ('queued', 'processing');
CREATE INDEX idx_videos_processing_finished_at ON ingest.videos (processing_finished_at);
CREATE INDEX idx_videos_processing_stage ON ingest.videos (stage);
CREATE INDEX idx_videos_processing_duration_ms ON ingest.videos
    ((floor(extract(epoch FROM processing_finished_at - processing_started_at) * 1000)));

CREATE TABLE ingest.video_metadata (
    video_id text NOT NULL,
    title text NOT NULL DEFAULT '',
    description text NOT NULL DEFAULT '',
    tags text[] NOT NULL DEFAULT '{}',
    attributes jsonb NOT NULL DEFAULT '{}',
    thumbnail_key text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT video_metadata_pkey PRIMARY KEY (video_id),
    CONSTRAINT video_metadata_video_id_fkey FOREIGN KEY (video_id) REFERENCES ingest.videos (id) ON DELETE CASCADE,
    CONSTRAINT video_metadata_title_check CHECK (length(title) <= 255),
    CONSTRAINT video_metadata_thumbnail_key_check CHECK (length(thumbnail_key) <= 512)
);
COMMENT ON TABLE ingest.video_metadata IS 'What people say about a video. Optional, one to one, kept apart so that the main table stays lean.';
COMMENT ON COLUMN ingest.video_metadata.video_id IS 'The video.';
COMMENT ON COLUMN ingest.video_metadata.title IS 'Title, at most 255 characters.';
COMMENT ON COLUMN ingest.video_metadata.description IS 'Free text.';
COMMENT ON COLUMN ingest.video_metadata.tags IS 'Words to find it by.';
COMMENT ON COLUMN ingest.video_metadata.attributes IS 'Anything else, a JSON object.';
COMMENT ON COLUMN ingest.video_metadata.thumbnail_key IS 'Key of its picture in the object store; never an address.';
COMMENT ON COLUMN ingest.video_metadata.created_at IS 'When the row was made.';
COMMENT ON COLUMN ingest.video_metadata.updated_at IS 'When it last changed.';

CREATE TABLE ingest.steps (
    video_id text NOT NULL,
    stage text NOT NULL,
    state text NOT NULL,
    attempt integer NOT NULL,
    fence bigint NOT NULL,
    queued_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    result_key text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    message text NOT NULL DEFAULT '',
    worker text NOT NULL DEFAULT '',
    deliveries integer NOT NULL DEFAULT 0,
    CONSTRAINT steps_pkey PRIMARY KEY (video_id, stage),
    CONSTRAINT steps_video_id_fkey FOREIGN KEY (video_id) REFERENCES ingest.videos (id) ON DELETE CASCADE,
    CONSTRAINT steps_state_check CHECK (state IN ('pending', 'queued', 'running', 'done', 'skipped', 'failed'))
);
COMMENT ON TABLE ingest.steps IS 'One row per stage of the current run: its last attempt.';
COMMENT ON COLUMN ingest.steps.video_id IS 'The video.';
COMMENT ON COLUMN ingest.steps.stage IS 'Which stage.';
COMMENT ON COLUMN ingest.steps.state IS 'pending, queued, running, done, skipped or failed.';
COMMENT ON COLUMN ingest.steps.attempt IS 'Attempts so far, counted from 1.';
COMMENT ON COLUMN ingest.steps.fence IS 'Fence that the answer must carry; 0 before the first hand-out.';
COMMENT ON COLUMN ingest.steps.queued_at IS 'When the attempt was or will be handed out.';
COMMENT ON COLUMN ingest.steps.started_at IS 'When a worker began it.';
COMMENT ON COLUMN ingest.steps.finished_at IS 'When it ended.';
COMMENT ON COLUMN ingest.steps.result_key IS 'Key of the StageResult in the object store.';
COMMENT ON COLUMN ingest.steps.reason IS 'Machine-readable reason of a failure or skip.';
COMMENT ON COLUMN ingest.steps.message IS 'The same for people.';
COMMENT ON COLUMN ingest.steps.worker IS 'Who took it, service/host/pid.';
COMMENT ON COLUMN ingest.steps.deliveries IS 'How often the carrier delivered it.';
CREATE INDEX idx_steps_open ON ingest.steps (queued_at) WHERE state IN ('queued', 'running');

CREATE TABLE ingest.attempts (
    video_id text NOT NULL,
    fence bigint NOT NULL,
    generation integer NOT NULL,
    stage text NOT NULL,
    number integer NOT NULL,
    worker text NOT NULL DEFAULT '',
    queued_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    outcome text,
    reason text NOT NULL DEFAULT '',
    message text NOT NULL DEFAULT '',
    deliveries integer NOT NULL DEFAULT 0,
    CONSTRAINT attempts_pkey PRIMARY KEY (video_id, fence),
    CONSTRAINT attempts_video_id_fkey FOREIGN KEY (video_id) REFERENCES ingest.videos (id) ON DELETE CASCADE,
    CONSTRAINT attempts_outcome_check CHECK (outcome IN ('succeeded', 'failed', 'cancelled', 'skipped'))
);
COMMENT ON TABLE ingest.attempts IS 'Every attempt at every stage of every run. Times of a video are sums over it.';
COMMENT ON COLUMN ingest.attempts.video_id IS 'The video.';
COMMENT ON COLUMN ingest.attempts.fence IS 'Fence of the attempt.';
COMMENT ON COLUMN ingest.attempts.generation IS 'Run it belongs to.';
COMMENT ON COLUMN ingest.attempts.stage IS 'Which stage.';
COMMENT ON COLUMN ingest.attempts.number IS 'Counted from 1 within run and stage.';
COMMENT ON COLUMN ingest.attempts.worker IS 'Who took it.';
COMMENT ON COLUMN ingest.attempts.queued_at IS 'When it was handed out.';
COMMENT ON COLUMN ingest.attempts.started_at IS 'When a worker began it.';
COMMENT ON COLUMN ingest.attempts.finished_at IS 'When it ended.';
COMMENT ON COLUMN ingest.attempts.outcome IS 'How it ended; null while it runs, or when it was lost.';
COMMENT ON COLUMN ingest.attempts.reason IS 'Machine-readable reason of a failure or skip.';
COMMENT ON COLUMN ingest.attempts.message IS 'The same for people.';
COMMENT ON COLUMN ingest.attempts.deliveries IS 'How often the carrier delivered it.';

CREATE TABLE ingest.transitions (
    video_id text NOT NULL,
    sequence bigint GENERATED ALWAYS AS IDENTITY,
    stage text,
    step_state text,
    state text NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT transitions_pkey PRIMARY KEY (video_id, sequence),
    CONSTRAINT transitions_video_id_fkey FOREIGN KEY (video_id) REFERENCES ingest.videos (id) ON DELETE CASCADE
);
COMMENT ON TABLE ingest.transitions IS 'The history of a video: one row per change of a step or of the state, for those who watch.';
COMMENT ON COLUMN ingest.transitions.video_id IS 'The video.';
COMMENT ON COLUMN ingest.transitions.sequence IS 'Rising position.';
COMMENT ON COLUMN ingest.transitions.stage IS 'Stage that changed; null when only the state did.';
COMMENT ON COLUMN ingest.transitions.step_state IS 'What the step changed to.';
COMMENT ON COLUMN ingest.transitions.state IS 'State of the video after the change.';
COMMENT ON COLUMN ingest.transitions.at IS 'When it changed.';

CREATE TABLE ingest.scenes (
    id text NOT NULL,
    video_id text NOT NULL,
    owner_id text NOT NULL,
    generation integer NOT NULL,
    index integer NOT NULL,
    start_ns bigint NOT NULL,
    end_ns bigint NOT NULL,
    transcript_segment text NOT NULL,
    combined_text text NOT NULL,
    text_recipe text NOT NULL,
    scene bytea NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT scenes_pkey PRIMARY KEY (id),
    CONSTRAINT scenes_video_id_fkey FOREIGN KEY (video_id) REFERENCES ingest.videos (id) ON DELETE CASCADE,
    CONSTRAINT scenes_video_id_index_key UNIQUE (video_id, index),
    CONSTRAINT scenes_span_check CHECK (0 <= start_ns AND start_ns <= end_ns)
);
COMMENT ON TABLE ingest.scenes IS 'The scenes of the last run that became ready.';
COMMENT ON COLUMN ingest.scenes.id IS 'Computed from video, pipeline version and start.';
COMMENT ON COLUMN ingest.scenes.video_id IS 'The video.';
COMMENT ON COLUMN ingest.scenes.owner_id IS 'Owner of the video, repeated so that one lookup by id can refuse strangers.';
COMMENT ON COLUMN ingest.scenes.generation IS 'Run that made it.';
COMMENT ON COLUMN ingest.scenes.index IS 'Position in the video, counted from 0.';
COMMENT ON COLUMN ingest.scenes.start_ns IS 'First instant, nanoseconds.';
COMMENT ON COLUMN ingest.scenes.end_ns IS 'First instant that no longer belongs to it, nanoseconds.';
COMMENT ON COLUMN ingest.scenes.transcript_segment IS 'What is said in it.';
COMMENT ON COLUMN ingest.scenes.combined_text IS 'All text as it was embedded.';
COMMENT ON COLUMN ingest.scenes.text_recipe IS 'Version of the recipe that composed combined_text.';
COMMENT ON COLUMN ingest.scenes.scene IS 'Serialised heimdex.ingest.v1.Scene.';
COMMENT ON COLUMN ingest.scenes.created_at IS 'When the row was written.';

CREATE TABLE ingest.transcripts (
    video_id text NOT NULL,
    generation integer NOT NULL,
    transcript bytea NOT NULL,
    CONSTRAINT transcripts_pkey PRIMARY KEY (video_id),
    CONSTRAINT transcripts_video_id_fkey FOREIGN KEY (video_id) REFERENCES ingest.videos (id) ON DELETE CASCADE
);
COMMENT ON TABLE ingest.transcripts IS 'What is said in a video, from the last run that became ready.';
COMMENT ON COLUMN ingest.transcripts.video_id IS 'The video.';
COMMENT ON COLUMN ingest.transcripts.generation IS 'Run that made it.';
COMMENT ON COLUMN ingest.transcripts.transcript IS 'Serialised heimdex.ingest.v1.Transcript.';

CREATE TABLE ingest.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    msg_id text NOT NULL,
    subject text NOT NULL,
    message_type text NOT NULL,
    payload bytea NOT NULL,
    correlation_id text NOT NULL,
    not_before timestamptz NOT NULL,
    published_at timestamptz,
    stream_sequence bigint,
    CONSTRAINT outbox_pkey PRIMARY KEY (id),
    CONSTRAINT outbox_msg_id_key UNIQUE (msg_id)
);
COMMENT ON TABLE ingest.outbox IS 'What must be sent, written in the transaction that decided it.';
COMMENT ON COLUMN ingest.outbox.id IS 'Order of decision.';
COMMENT ON COLUMN ingest.outbox.msg_id IS 'Identity of the message on the carrier.';
COMMENT ON COLUMN ingest.outbox.subject IS 'Where it goes.';
COMMENT ON COLUMN ingest.outbox.message_type IS 'Full protobuf name of the payload.';
COMMENT ON COLUMN ingest.outbox.payload IS 'Serialised message.';
COMMENT ON COLUMN ingest.outbox.correlation_id IS 'Request of a user that this belongs to.';
COMMENT ON COLUMN ingest.outbox.not_before IS 'Earliest time to send it; later than now for a retry.';
COMMENT ON COLUMN ingest.outbox.published_at IS 'When the carrier confirmed it; null until then.';
COMMENT ON COLUMN ingest.outbox.stream_sequence IS 'Position the carrier gave it.';
CREATE INDEX idx_outbox_due ON ingest.outbox (not_before, id) WHERE published_at IS NULL;
CREATE INDEX idx_outbox_published_at ON ingest.outbox (published_at) WHERE published_at IS NOT NULL;

CREATE TABLE ingest.inbox (
    msg_id text NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT inbox_pkey PRIMARY KEY (msg_id)
);
COMMENT ON TABLE ingest.inbox IS 'Facts that were taken in; a second one with the same identity changes nothing.';
COMMENT ON COLUMN ingest.inbox.msg_id IS 'Identity of the message.';
COMMENT ON COLUMN ingest.inbox.taken_at IS 'When it was taken in.';
CREATE INDEX idx_inbox_taken_at ON ingest.inbox (taken_at);

CREATE VIEW ingest.legacy_videos AS
SELECT
    id,
    owner_id AS user_id,
    filename,
    state AS status,
    queued_at,
    processing_started_at,
    processing_finished_at,
    floor(extract(epoch FROM processing_finished_at - processing_started_at) * 1000)::bigint AS processing_duration_ms,
    CASE state WHEN 'ready' THEN 'completed' WHEN 'failed' THEN 'failed' ELSE stage END AS processing_stage
FROM ingest.videos;
COMMENT ON VIEW ingest.legacy_videos IS 'Columns and meanings of the first versions: processing_stage is overwritten by completed or failed there.';
