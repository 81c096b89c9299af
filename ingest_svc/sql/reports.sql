-- What is told to metrics_svc besides stages: videos as they are, and what the object store holds of them.

-- name: tell_video
-- Numbers the event that tells of a video as it is now.
UPDATE ingest.videos SET told_at = now() WHERE id = $1
RETURNING id, owner_id, nextval('ingest.video_change_sequence') AS sequence, filename, state, stage, generation, duration_ns,
    size_bytes, scene_count, error_reason, error_message, created_at, updated_at, processing_finished_at AS finished_at

-- name: tell_untold_videos
-- The same of the videos that were not told of since a time, those that nobody is changing now.
UPDATE ingest.videos SET told_at = now()
WHERE id IN (
    SELECT id FROM ingest.videos WHERE told_at IS NULL OR told_at < $1 ORDER BY told_at NULLS FIRST LIMIT $2
    FOR UPDATE SKIP LOCKED
)
RETURNING id, owner_id, nextval('ingest.video_change_sequence') AS sequence, filename, state, stage, generation, duration_ns,
    size_bytes, scene_count, error_reason, error_message, created_at, updated_at, processing_finished_at AS finished_at

-- name: tell_deleted_video
-- Removes a video, its other rows with it, and numbers the event that tells so.
DELETE FROM ingest.videos WHERE id = $1 AND owner_id = $2
RETURNING id, owner_id, nextval('ingest.video_change_sequence') AS sequence, filename, state, stage, generation, duration_ns,
    size_bytes, scene_count, error_reason, error_message, created_at, now() AS updated_at, processing_finished_at AS finished_at

-- name: owners_of_videos
-- Whose videos these are, and whether more is to come of them.
SELECT id, owner_id, state IN ('uploading', 'queued', 'processing') AS is_open FROM ingest.videos WHERE id = ANY($1::text[])

-- name: stored_videos
-- Of which videos something is stored, all or some, and whose they are or were.
SELECT DISTINCT video_id, owner_id FROM ingest.stored WHERE $1::text[] IS NULL OR video_id = ANY($1)

-- name: lock_stored
-- What metrics_svc was last told of some videos, locked until the transaction ends.
SELECT video_id, kind, owner_id, bytes, measured_at FROM ingest.stored WHERE video_id = ANY($1::text[]) FOR UPDATE

-- name: set_stored
-- Remembers what metrics_svc is told.
INSERT INTO ingest.stored (video_id, kind, owner_id, bytes, measured_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT ON CONSTRAINT stored_pkey DO UPDATE SET owner_id = $3, bytes = $4, measured_at = $5

-- name: delete_stored
-- Forgets what is gone.
DELETE FROM ingest.stored WHERE video_id = $1 AND kind = $2
