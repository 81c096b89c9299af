-- A number that rises with every event of a video, also when it is deleted and uploaded again. It starts at the present time in
-- milliseconds, and so beyond those of a database that was lost.
CREATE SEQUENCE ingest.video_change_sequence;
COMMENT ON SEQUENCE ingest.video_change_sequence IS 'Numbers the events that tell of a video.';
SELECT setval('ingest.video_change_sequence', (extract(epoch FROM now()) * 1000)::bigint);

ALTER TABLE ingest.videos ADD COLUMN told_at timestamptz;
COMMENT ON COLUMN ingest.videos.told_at IS 'When metrics_svc was last told of it; null when never.';
CREATE INDEX idx_videos_told_at ON ingest.videos (told_at);

CREATE TABLE ingest.stored (
    video_id text NOT NULL,
    kind text NOT NULL,
    owner_id text NOT NULL,
    bytes bigint NOT NULL,
    measured_at timestamptz NOT NULL,
    CONSTRAINT stored_pkey PRIMARY KEY (video_id, kind),
    CONSTRAINT stored_bytes_check CHECK (bytes > 0)
);
COMMENT ON TABLE ingest.stored IS 'How many bytes the object store holds of each video, as metrics_svc was last told.';
COMMENT ON COLUMN ingest.stored.video_id IS 'The video, which may be gone; empty for what belongs to none.';
COMMENT ON COLUMN ingest.stored.kind IS 'source, audio, keyframe, thumbnail, result, export or other; without a video: upload or orphan.';
COMMENT ON COLUMN ingest.stored.owner_id IS 'Its owner; empty for what belongs to no video.';
COMMENT ON COLUMN ingest.stored.bytes IS 'Sum of the lengths of the objects in bytes.';
COMMENT ON COLUMN ingest.stored.measured_at IS 'When it was measured.';
