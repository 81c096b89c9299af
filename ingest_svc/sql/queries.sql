-- name: insert_video
-- Registers a video; nothing happens when it is there already.
INSERT INTO ingest.videos (id, owner_id, state, stage, generation, fence, filename, mime_type, size_bytes, sha256, source_key,
    created_at, updated_at, queued_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $12)
ON CONFLICT ON CONSTRAINT videos_pkey DO NOTHING
RETURNING id

-- name: upsert_metadata
-- Writes what people say about a video.
INSERT INTO ingest.video_metadata (video_id, title, description, tags, attributes)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT ON CONSTRAINT video_metadata_pkey DO UPDATE
SET title = $2, description = $3, tags = $4, attributes = $5, updated_at = now()

-- name: set_thumbnail
-- Writes the key of a video's picture.
INSERT INTO ingest.video_metadata (video_id, thumbnail_key) VALUES ($1, $2)
ON CONFLICT ON CONSTRAINT video_metadata_pkey DO UPDATE SET thumbnail_key = $2, updated_at = now()

-- name: touch_video
-- Marks a video as changed.
UPDATE ingest.videos SET updated_at = now() WHERE id = $1

-- name: lock_video
-- The progress of a video, locked until the transaction ends.
SELECT id, owner_id, state, stage, generation, fence, queued_at, processing_started_at, processing_finished_at, indexed_at,
    failed_stage, error_reason, error_message, duration_ns, media_info
FROM ingest.videos WHERE id = $1 FOR UPDATE

-- name: list_steps
-- The steps of a video.
SELECT stage, state, attempt, fence, queued_at, started_at, finished_at, result_key, reason, message, worker, deliveries
FROM ingest.steps WHERE video_id = $1

-- name: list_steps_of_many
-- The steps of several videos.
SELECT video_id, stage, state, attempt, fence, queued_at, started_at, finished_at, result_key, reason, message, worker, deliveries
FROM ingest.steps WHERE video_id = ANY($1::text[])

-- name: update_video
-- Stores the progress of a video.
UPDATE ingest.videos SET state = $2, stage = $3, generation = $4, fence = $5, queued_at = $6, processing_started_at = $7,
    processing_finished_at = $8, indexed_at = $9, failed_stage = $10, error_reason = $11, error_message = $12,
    duration_ns = $13, media_info = $14, updated_at = now(),
    end_backfilled_by = CASE WHEN processing_finished_at IS NOT DISTINCT FROM $8 THEN end_backfilled_by END
WHERE id = $1

-- name: upsert_step
-- Stores a step.
INSERT INTO ingest.steps (video_id, stage, state, attempt, fence, queued_at, started_at, finished_at, result_key, reason, message,
    worker, deliveries)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT ON CONSTRAINT steps_pkey DO UPDATE
SET state = $3, attempt = $4, fence = $5, queued_at = $6, started_at = $7, finished_at = $8, result_key = $9, reason = $10,
    message = $11, worker = $12, deliveries = $13

-- name: upsert_attempt
-- Stores an attempt.
INSERT INTO ingest.attempts (video_id, fence, generation, stage, number, worker, queued_at, started_at, finished_at, outcome, reason,
    message, deliveries)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT ON CONSTRAINT attempts_pkey DO UPDATE
SET worker = $6, started_at = $8, finished_at = $9, outcome = $10, reason = $11, message = $12, deliveries = $13

-- name: set_attempt_duration
-- Keeps the first length that was told of an attempt.
UPDATE ingest.attempts SET duration_ns = $3 WHERE video_id = $1 AND fence = $2 AND duration_ns IS NULL

-- name: list_run_attempts
-- The attempts of a run, as far as their lengths go.
SELECT started_at IS NOT NULL AS has_begun, outcome IS NOT NULL AS is_over, deliveries, duration_ns
FROM ingest.attempts WHERE video_id = $1 AND generation = $2

-- name: insert_transition
-- Adds to the history of a video.
INSERT INTO ingest.transitions (video_id, stage, step_state, state, at) VALUES ($1, $2, $3, $4, $5)

-- name: list_transitions
-- The history of a video after a position.
SELECT sequence, stage, step_state, state, at FROM ingest.transitions
WHERE video_id = $1 AND sequence > $2 ORDER BY sequence LIMIT 500

-- name: insert_inbox
-- Takes a fact in; returns nothing when it was taken in before.
INSERT INTO ingest.inbox (msg_id) VALUES ($1) ON CONFLICT ON CONSTRAINT inbox_pkey DO NOTHING RETURNING msg_id

-- name: insert_outbox
-- Decides to send a message.
INSERT INTO ingest.outbox (msg_id, subject, message_type, payload, correlation_id, not_before)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT ON CONSTRAINT outbox_msg_id_key DO NOTHING

-- name: lock_due_outbox
-- The next messages to send, locked for this relay.
SELECT id, msg_id, subject, message_type, payload, correlation_id FROM ingest.outbox
WHERE published_at IS NULL AND not_before <= $1
ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED

-- name: mark_published
-- The carrier has confirmed a message.
UPDATE ingest.outbox SET published_at = now(), stream_sequence = $2 WHERE id = $1

-- name: count_outbox
-- Messages that wait.
SELECT count(*) AS waiting, min(not_before) AS next_at FROM ingest.outbox WHERE published_at IS NULL

-- name: purge_outbox
-- Forgets what was sent long ago.
DELETE FROM ingest.outbox WHERE published_at < $1

-- name: purge_inbox
-- Forgets what was taken in so long ago that the carrier has forgotten it too.
DELETE FROM ingest.inbox WHERE taken_at < $1

-- name: list_overdue_steps
-- Steps handed out before a time and not ended, with what the carrier said of their message.
SELECT s.video_id, s.stage, s.fence, s.attempt, o.msg_id, o.published_at, o.stream_sequence
FROM ingest.steps s
JOIN ingest.videos v ON v.id = s.video_id AND v.state IN ('queued', 'processing')
LEFT JOIN ingest.outbox o ON o.msg_id = 'work/' || s.video_id || '/' || s.stage || '/' || s.fence
WHERE s.state IN ('queued', 'running') AND s.queued_at < $1
ORDER BY s.queued_at LIMIT 100

-- name: work_facts
-- What a piece of work must know of its video.
SELECT v.source_key, v.size_bytes, v.sha256, v.filename, v.duration_ns, coalesce(m.title, '') AS title
FROM ingest.videos v LEFT JOIN ingest.video_metadata m ON m.video_id = v.id WHERE v.id = $1

-- name: get_video
-- One video of an owner.
SELECT v.id, v.owner_id, v.state, v.stage, v.generation, v.filename, v.mime_type, v.size_bytes, v.duration_ns, v.media_info,
    v.failed_stage, v.error_reason, v.error_message, v.language, v.scene_count, v.created_at, v.updated_at, v.queued_at,
    v.processing_started_at, v.processing_finished_at, v.indexed_at,
    m.title, m.description, m.tags, m.attributes, m.thumbnail_key
FROM ingest.videos v LEFT JOIN ingest.video_metadata m ON m.video_id = v.id
WHERE v.id = $1 AND v.owner_id = $2

-- name: list_videos
-- A page of an owner's videos, newest first.
SELECT v.id, v.owner_id, v.state, v.stage, v.generation, v.filename, v.mime_type, v.size_bytes, v.duration_ns, v.media_info,
    v.failed_stage, v.error_reason, v.error_message, v.language, v.scene_count, v.created_at, v.updated_at, v.queued_at,
    v.processing_started_at, v.processing_finished_at, v.indexed_at,
    m.title, m.description, m.tags, m.attributes, m.thumbnail_key
FROM ingest.videos v LEFT JOIN ingest.video_metadata m ON m.video_id = v.id
WHERE v.owner_id = $1 AND ($2::text IS NULL OR v.state = $2)
    AND ($3::timestamptz IS NULL OR (v.created_at, v.id) < ($3, $4))
ORDER BY v.created_at DESC, v.id DESC LIMIT $5

-- name: list_failed
-- Failed videos of an owner with the stage where they broke.
SELECT id, failed_stage FROM ingest.videos
WHERE owner_id = $1 AND state = 'failed' AND ($2::text IS NULL OR failed_stage = $2) AND ($3::text IS NULL OR error_reason = $3)
ORDER BY updated_at LIMIT $4

-- name: list_attempts
-- Every attempt at a video.
SELECT generation, stage, number, fence, worker, queued_at, started_at, finished_at, outcome, reason, message, deliveries,
    duration_ns
FROM ingest.attempts WHERE video_id = $1 ORDER BY generation, fence

-- name: delete_scenes
-- Removes the scenes of earlier runs.
DELETE FROM ingest.scenes WHERE video_id = $1

-- name: insert_scene
-- Stores a scene.
INSERT INTO ingest.scenes (id, video_id, owner_id, generation, index, start_ns, end_ns, transcript_segment, combined_text,
    text_recipe, scene, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

-- name: upsert_transcript
-- Stores a transcript.
INSERT INTO ingest.transcripts (video_id, generation, transcript) VALUES ($1, $2, $3)
ON CONFLICT ON CONSTRAINT transcripts_pkey DO UPDATE SET generation = $2, transcript = $3

-- name: set_findings
-- Stores what finalizing learnt about a video.
UPDATE ingest.videos SET language = $2, scene_count = $3, updated_at = now() WHERE id = $1 AND generation = $4 RETURNING id

-- name: list_scenes
-- A page of the scenes of a video.
SELECT id, scene, created_at FROM ingest.scenes WHERE video_id = $1 AND index >= $2 ORDER BY index LIMIT $3

-- name: get_scene
-- One scene of an owner.
SELECT id, scene, created_at FROM ingest.scenes WHERE id = $1 AND owner_id = $2

-- name: get_transcript
-- The transcript of an owner's video.
SELECT t.transcript FROM ingest.transcripts t JOIN ingest.videos v ON v.id = t.video_id WHERE v.id = $1 AND v.owner_id = $2

-- name: notify
-- Wakes whoever listens.
SELECT pg_notify($1, $2)
