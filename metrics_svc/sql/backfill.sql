-- Backfills: one at a time, page by page.

-- name: backfill_turn
-- Tries to be the only one who works on backfills, for as long as the connection lasts.
SELECT pg_try_advisory_lock($1)

-- name: end_backfill_turn
-- Lets somebody else work on backfills.
SELECT pg_advisory_unlock($1)

-- name: add_backfill
-- Starts a backfill, unless one runs or this request was made before.
INSERT INTO metrics.backfills (backfill_id, request_id, dry_run, state, pages, last_video_id, examined, changed, fine, unfinished,
    failed, preview, failures, sentence, started_by, started_at, updated_at)
VALUES ($1, $2, $3, 'running', 0, '', 0, 0, 0, 0, 0, '[]', '[]', '', $4, $5, $5)
ON CONFLICT DO NOTHING
RETURNING backfill_id

-- name: backfill_of_request
-- The backfill that a request started.
SELECT number, backfill_id, request_id, dry_run, state, pages, last_video_id, videos_total, examined, changed, fine, unfinished,
    failed, preview, failures, sentence, started_by, started_at, updated_at, finished_at
FROM metrics.backfills WHERE request_id = $1

-- name: get_backfill
-- One backfill.
SELECT number, backfill_id, request_id, dry_run, state, pages, last_video_id, videos_total, examined, changed, fine, unfinished,
    failed, preview, failures, sentence, started_by, started_at, updated_at, finished_at
FROM metrics.backfills WHERE backfill_id = $1

-- name: running_backfill
-- The backfill that runs.
SELECT number, backfill_id, request_id, dry_run, state, pages, last_video_id, videos_total, examined, changed, fine, unfinished,
    failed, preview, failures, sentence, started_by, started_at, updated_at, finished_at
FROM metrics.backfills WHERE state = 'running'

-- name: list_backfills
-- Backfills before a number, newest first, without their videos.
SELECT number, backfill_id, request_id, dry_run, state, pages, last_video_id, videos_total, examined, changed, fine, unfinished,
    failed, '[]'::jsonb AS preview, '[]'::jsonb AS failures, sentence, started_by, started_at, updated_at, finished_at
FROM metrics.backfills WHERE $1::bigint IS NULL OR number < $1 ORDER BY number DESC LIMIT $2

-- name: keep_backfill_page
-- Writes down a page, if nobody has written down another one since it was asked for and the backfill still runs.
UPDATE metrics.backfills SET state = $3, pages = pages + 1, last_video_id = $4, videos_total = $5, examined = $6, changed = $7,
    fine = $8, unfinished = $9, failed = $10, preview = $11, failures = $12, sentence = '', updated_at = $13, finished_at = $14
WHERE backfill_id = $1 AND pages = $2 AND state = 'running'
RETURNING backfill_id

-- name: explain_backfill
-- Says what a backfill that runs waits for.
UPDATE metrics.backfills SET sentence = $2 WHERE backfill_id = $1 AND state = 'running' AND sentence <> $2

-- name: end_backfill
-- Ends a backfill that runs before it is done.
UPDATE metrics.backfills SET state = $2, sentence = $3, updated_at = $4, finished_at = $4
WHERE backfill_id = $1 AND state = 'running'

-- name: runs_of_videos
-- What is known of some runs.
SELECT r.video_id, r.generation, r.is_backfilled, r.finished_at, r.duration_ns, r.queue_ns, r.elapsed_ns
FROM unnest($1::text[], $2::integer[]) AS asked (video_id, generation)
JOIN metrics.video_runs r ON r.video_id = asked.video_id AND r.generation = asked.generation
