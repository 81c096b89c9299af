CREATE TABLE metrics.backfills (
    number        bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT backfills_number_key UNIQUE,
    backfill_id   text        CONSTRAINT backfills_pkey PRIMARY KEY,
    request_id    text        NOT NULL CONSTRAINT backfills_request_key UNIQUE,
    dry_run       boolean     NOT NULL,
    state         text        NOT NULL CONSTRAINT backfills_state_check
                                       CHECK (state IN ('running', 'done', 'failed', 'cancelled')),
    pages         integer     NOT NULL,
    last_video_id text        NOT NULL,
    videos_total  integer,
    examined      integer     NOT NULL,
    changed       integer     NOT NULL,
    fine          integer     NOT NULL,
    unfinished    integer     NOT NULL,
    failed        integer     NOT NULL,
    preview       jsonb       NOT NULL,
    failures      jsonb       NOT NULL,
    sentence      text        NOT NULL,
    started_by    text        NOT NULL,
    started_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    finished_at   timestamptz,
    CONSTRAINT backfills_counts_check CHECK (examined = changed + fine + unfinished + failed),
    CONSTRAINT backfills_finished_check CHECK ((state = 'running') = (finished_at IS NULL))
);

COMMENT ON TABLE metrics.backfills IS 'Backfills and how far they are. The position and the counts of a page are written together, so each page counts once.';
COMMENT ON COLUMN metrics.backfills.number IS 'Order in which they were started.';
COMMENT ON COLUMN metrics.backfills.backfill_id IS 'Identity, computed from the request.';
COMMENT ON COLUMN metrics.backfills.request_id IS 'Chosen by who started it; the same one is the same backfill.';
COMMENT ON COLUMN metrics.backfills.dry_run IS 'Whether it counts what would change and changes nothing.';
COMMENT ON COLUMN metrics.backfills.state IS 'running, done, failed or cancelled.';
COMMENT ON COLUMN metrics.backfills.pages IS 'Pages that were counted; rises with each, so that no two workers count the same one.';
COMMENT ON COLUMN metrics.backfills.last_video_id IS 'Last video of the last page, after which it goes on; empty at the beginning.';
COMMENT ON COLUMN metrics.backfills.videos_total IS 'Videos there were when it began; null until it has asked.';
COMMENT ON COLUMN metrics.backfills.examined IS 'Videos looked at.';
COMMENT ON COLUMN metrics.backfills.changed IS 'Videos that got an end, or would get one.';
COMMENT ON COLUMN metrics.backfills.fine IS 'Videos whose end was known.';
COMMENT ON COLUMN metrics.backfills.unfinished IS 'Videos that have not ended.';
COMMENT ON COLUMN metrics.backfills.failed IS 'Videos that have no end and can not be given one.';
COMMENT ON COLUMN metrics.backfills.preview IS 'The first videos that changed, or would.';
COMMENT ON COLUMN metrics.backfills.failures IS 'The first videos that failed, with the reason.';
COMMENT ON COLUMN metrics.backfills.sentence IS 'What it waits for, or why it failed; empty while it goes on.';
COMMENT ON COLUMN metrics.backfills.started_by IS 'Who started it.';
COMMENT ON COLUMN metrics.backfills.started_at IS 'When it was started.';
COMMENT ON COLUMN metrics.backfills.updated_at IS 'When it last got on.';
COMMENT ON COLUMN metrics.backfills.finished_at IS 'When it ended, in any way; null while it runs.';

CREATE UNIQUE INDEX backfills_running_key ON metrics.backfills ((true)) WHERE state = 'running';
