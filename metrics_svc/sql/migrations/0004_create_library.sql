CREATE TABLE metrics.videos (
    video_id      text        CONSTRAINT videos_pkey PRIMARY KEY,
    owner_id      text        NOT NULL,
    sequence      bigint      NOT NULL,
    filename      text        NOT NULL,
    state         text        NOT NULL,
    stage         text        NOT NULL,
    generation    integer     NOT NULL,
    duration_ns   bigint      CONSTRAINT videos_duration_check CHECK (duration_ns >= 0),
    size_bytes    bigint      CONSTRAINT videos_size_check CHECK (size_bytes >= 0),
    scene_count   integer     CONSTRAINT videos_scene_count_check CHECK (scene_count >= 0),
    error_reason  text        NOT NULL,
    error_message text        NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    finished_at   timestamptz,
    is_deleted    boolean     NOT NULL
);

COMMENT ON TABLE metrics.videos IS 'One row per video that ever was, as ingest_svc last told it. One that was deleted keeps its row, so that a late event does not bring it back.';
COMMENT ON COLUMN metrics.videos.video_id IS 'The video.';
COMMENT ON COLUMN metrics.videos.owner_id IS 'Owner of the video.';
COMMENT ON COLUMN metrics.videos.sequence IS 'Rises with every event of a video; an event that carries no higher one changes nothing.';
COMMENT ON COLUMN metrics.videos.filename IS 'File name given at upload; empty once it was deleted.';
COMMENT ON COLUMN metrics.videos.state IS 'State as a lower-case word; state_9 for a number that this version does not know.';
COMMENT ON COLUMN metrics.videos.stage IS 'Stage as a lower-case word, as of the last event; for a failed video the stage where it broke.';
COMMENT ON COLUMN metrics.videos.generation IS 'Run of the video, counted from 1.';
COMMENT ON COLUMN metrics.videos.duration_ns IS 'Length of the video in nanoseconds; null until known.';
COMMENT ON COLUMN metrics.videos.size_bytes IS 'Length of the source in bytes; null when not told.';
COMMENT ON COLUMN metrics.videos.scene_count IS 'Number of scenes; null until the video was ready once.';
COMMENT ON COLUMN metrics.videos.error_reason IS 'Machine-readable reason of a failure; empty otherwise.';
COMMENT ON COLUMN metrics.videos.error_message IS 'The same for people; empty once it was deleted.';
COMMENT ON COLUMN metrics.videos.created_at IS 'When it was uploaded; the time of arrival when that is missing or can not be believed.';
COMMENT ON COLUMN metrics.videos.updated_at IS 'When it last changed in a way that is told, or was deleted.';
COMMENT ON COLUMN metrics.videos.finished_at IS 'When its run ended; null until then.';
COMMENT ON COLUMN metrics.videos.is_deleted IS 'Whether it was deleted; it counts in no answer then.';

CREATE INDEX videos_owner_created_at_idx ON metrics.videos (owner_id, created_at DESC, video_id);

CREATE TABLE metrics.storage_spans (
    video_id text        NOT NULL,
    owner_id text        NOT NULL,
    kind     text        NOT NULL,
    bytes    bigint      NOT NULL CONSTRAINT storage_spans_bytes_check CHECK (bytes >= 0),
    from_at  timestamptz NOT NULL,
    until_at timestamptz,
    CONSTRAINT storage_spans_pkey PRIMARY KEY (video_id, kind, from_at),
    CONSTRAINT storage_spans_order_check CHECK (until_at > from_at)
);

COMMENT ON TABLE metrics.storage_spans IS 'How many bytes of which kind a video held from when to when, one row per measurement. The spans of a video and kind touch and do not overlap.';
COMMENT ON COLUMN metrics.storage_spans.video_id IS 'The video; empty for what belongs to none.';
COMMENT ON COLUMN metrics.storage_spans.owner_id IS 'Its owner; empty for what belongs to no video.';
COMMENT ON COLUMN metrics.storage_spans.kind IS 'source, audio, keyframe, thumbnail, result, export or other; without a video: upload, orphan or index.';
COMMENT ON COLUMN metrics.storage_spans.bytes IS 'Sum of the lengths of the files in bytes; 0 when they are gone.';
COMMENT ON COLUMN metrics.storage_spans.from_at IS 'When it was measured.';
COMMENT ON COLUMN metrics.storage_spans.until_at IS 'When the next measurement was made; null while there is none.';

CREATE INDEX storage_spans_current_idx ON metrics.storage_spans (owner_id, kind) INCLUDE (bytes) WHERE until_at IS NULL;
CREATE INDEX storage_spans_from_at_idx ON metrics.storage_spans (from_at);
CREATE INDEX storage_spans_until_at_idx ON metrics.storage_spans (until_at);

CREATE TABLE metrics.stores (
    store       text        CONSTRAINT stores_pkey PRIMARY KEY,
    scanned_at  timestamptz NOT NULL,
    free_bytes  bigint      CONSTRAINT stores_free_check CHECK (free_bytes >= 0),
    total_bytes bigint      CONSTRAINT stores_total_check CHECK (total_bytes >= 0)
);

COMMENT ON TABLE metrics.stores IS 'When each place where bytes lie was last looked at as a whole, and how full its disk was.';
COMMENT ON COLUMN metrics.stores.store IS 'objects: the object store; index: the search index.';
COMMENT ON COLUMN metrics.stores.scanned_at IS 'When the last scan began.';
COMMENT ON COLUMN metrics.stores.free_bytes IS 'Bytes of its file system that are free to us; null where it is no file system.';
COMMENT ON COLUMN metrics.stores.total_bytes IS 'Size of its file system in bytes; null where it is no file system.';

ALTER TABLE metrics.search_events ADD COLUMN video_id text NOT NULL DEFAULT '';
COMMENT ON COLUMN metrics.search_events.video_id IS 'The video it was limited to; empty when to none or to several.';
