-- Old videos get the one time that can be known of them, a page at a time in the order of their ids.

-- name: promise_not_to_write
-- Makes the transaction one in which the database itself refuses every change.
SET TRANSACTION READ ONLY

-- name: list_backfill_page
-- A page of videos by id; a time that no date can hold is null.
SELECT id, owner_id, filename, state, generation, end_backfilled_by AS backfilled_by,
    processing_started_at IS NOT NULL AS has_start, processing_finished_at IS NOT NULL AS has_end,
    CASE WHEN processing_finished_at BETWEEN '0001-01-02Z' AND '9999-12-30Z' THEN processing_finished_at END AS ended_at,
    CASE WHEN updated_at BETWEEN '0001-01-02Z' AND '9999-12-30Z' THEN updated_at END AS changed_at,
    created_at BETWEEN '0001-01-02Z' AND '9999-12-30Z' AS has_beginning
FROM ingest.videos WHERE id > $1 ORDER BY id LIMIT $2

-- name: backfill_ends
-- Takes the end of runs from the last change, where nothing has changed since it was looked at, and numbers what tells of it.
UPDATE ingest.videos SET processing_finished_at = updated_at, end_backfilled_by = $3, told_at = now()
FROM unnest($1::text[], $2::timestamptz[]) AS seen (video_id, changed_at)
WHERE id = video_id AND updated_at = changed_at AND processing_finished_at IS NULL AND processing_started_at IS NULL
    AND state IN ('ready', 'failed', 'cancelled')
RETURNING id, owner_id, nextval('ingest.video_change_sequence') AS sequence, filename, state, stage, generation, duration_ns,
    size_bytes, scene_count, error_reason, error_message, created_at, updated_at, processing_finished_at AS finished_at,
    failed_stage

-- name: count_videos
-- How many videos there are.
SELECT count(*) FROM ingest.videos
