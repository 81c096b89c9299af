-- Exports: what was asked for, what became of it, and what the quota counts.

-- name: lock_quota
-- Serialises what changes the quota of one user.
SELECT pg_advisory_xact_lock(hashtextextended('heimdex export quota of ' || $1::text, 0))

-- name: counted_exports
-- When the exports of a user that count were asked for, oldest first.
SELECT created_at FROM ingest.exports WHERE owner_id = $1 AND is_charged AND created_at > $2 ORDER BY created_at, id

-- name: insert_export
-- Stores a new export.
INSERT INTO ingest.exports (id, owner_id, request_id, request_digest, state, run, attempt, fence, starts, is_charged, strategy,
    ratio, quality, captions, snaps, video_ids, scene_ids, starts_ns, ends_ns, resolution, storage_path, created_at, asked_at,
    queued_at, expires_at, updated_at, asked_ns, asked_on)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $22,
    $26, $27)

-- name: export_of_request
-- The export that a user asked for under a name.
SELECT * FROM ingest.exports WHERE owner_id = $1 AND request_id = $2

-- name: get_export
-- One export of a user.
SELECT * FROM ingest.exports WHERE id = $1 AND owner_id = $2 AND deleted_at IS NULL

-- name: lock_export
-- One export of anybody, locked until the transaction ends.
SELECT * FROM ingest.exports WHERE id = $1 FOR UPDATE

-- name: list_exports
-- A page of a user's exports, newest first.
SELECT * FROM ingest.exports
WHERE owner_id = $1 AND deleted_at IS NULL AND ($2::text IS NULL OR state = $2)
    AND ($3::text IS NULL OR $3 = ANY(scene_ids)) AND ($4::text IS NULL OR video_ids @> ARRAY[$4])
    AND ($5::timestamptz IS NULL OR (created_at, id) < ($5, $6))
ORDER BY created_at DESC, id DESC LIMIT $7

-- name: update_export
-- Stores the progress of an export.
UPDATE ingest.exports SET state = $2, run = $3, attempt = $4, fence = $5, starts = $6, is_charged = $7, asked_at = $8,
    queued_at = $9, started_at = $10, completed_at = $11, worker = $12, error_reason = $13, error_message = $14,
    updated_at = $15, beat_at = $15, version = version + 1,
    progress = CASE $2 WHEN 'queued' THEN NULL WHEN 'processing' THEN 0 WHEN 'completed' THEN 1 ELSE progress END,
    may_hold_objects = may_hold_objects OR $2 = 'processing'
WHERE id = $1

-- name: set_asked_clock
-- Stores when a run was asked for by a monotonic clock.
UPDATE ingest.exports SET asked_ns = $2, asked_on = $3 WHERE id = $1

-- name: set_export_result
-- Stores what was made.
UPDATE ingest.exports SET cut_starts_ns = $2, cut_ends_ns = $3, used_strategy = $4, is_stream_copy = $5, notes = $6,
    check_report = $7, has_captions = $8, file_size_bytes = $9, duration_ns = $10
WHERE id = $1

-- name: beat_export
-- Shows that a worker is at it and how far it is; returns nothing when the work is no longer its.
UPDATE ingest.exports SET beat_at = $3, updated_at = $3, progress = greatest(progress, $4), version = version + 1
WHERE id = $1 AND fence = $2 AND state = 'processing'
RETURNING id

-- name: is_export_held
-- Whether a worker still has the export in hand.
SELECT EXISTS (SELECT FROM ingest.exports WHERE id = $1 AND fence = $2 AND state = 'processing')

-- name: upsert_export_attempt
-- Stores a hand-out.
INSERT INTO ingest.export_attempts (export_id, fence, run, number, worker, queued_at, started_at, finished_at, outcome, reason,
    message, starts)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT ON CONSTRAINT export_attempts_pkey DO UPDATE
SET worker = $5, started_at = $7, finished_at = $8, outcome = $9, reason = $10, message = $11, starts = $12

-- name: delete_export
-- Hides an export from its owner.
UPDATE ingest.exports SET deleted_at = $2, updated_at = $2, version = version + 1 WHERE id = $1

-- name: open_exports_of_video
-- The exports of a user that show a video and are not over.
SELECT id FROM ingest.exports WHERE owner_id = $1 AND video_ids @> ARRAY[$2::text] AND state IN ('queued', 'processing')

-- name: overdue_exports
-- Exports that were handed out before a time, with nobody at work since, and what the carrier said of their message.
SELECT e.id, e.fence, o.msg_id, o.published_at, o.stream_sequence
FROM ingest.exports e
LEFT JOIN ingest.outbox o ON o.msg_id = 'work/' || e.id || '/exporting/' || e.fence
WHERE e.state IN ('queued', 'processing') AND e.queued_at < $1 AND (e.beat_at IS NULL OR e.beat_at < $1)
ORDER BY e.queued_at LIMIT 100

-- name: exports_out_of_time
-- Exports whose time is over and that do not say so yet.
SELECT id FROM ingest.exports WHERE state <> 'expired' AND expires_at <= $1 ORDER BY expires_at LIMIT 100

-- name: lock_held_export
-- One export that is over, deleted or without a file, of which the store may hold something; nobody else may be at it.
SELECT id, owner_id, storage_path, video_ids FROM ingest.exports
WHERE may_hold_objects AND (state IN ('failed', 'cancelled', 'expired') OR deleted_at IS NOT NULL)
ORDER BY updated_at LIMIT 1 FOR UPDATE SKIP LOCKED

-- name: set_export_emptied
-- Remembers that the store holds nothing of an export any more.
UPDATE ingest.exports SET may_hold_objects = false WHERE id = $1

-- name: purge_exports
-- Forgets exports that ended to exist before a time; deleted ones as soon as they no longer count.
DELETE FROM ingest.exports
WHERE NOT may_hold_objects AND (
    state = 'expired' AND expires_at < $1 OR deleted_at IS NOT NULL AND created_at < $2 AND state NOT IN ('queued', 'processing')
)

-- name: holders_of_exports
-- Whose the exports are, and to which video they are counted: all those of which the store may hold something, or of some videos.
SELECT id, owner_id, video_ids[1] AS video_id, storage_path FROM ingest.exports
WHERE may_hold_objects AND ($1::text[] IS NULL OR video_ids[1] = ANY($1))

-- name: export_source
-- What the making of an export must know of a video.
SELECT v.state, v.duration_ns, v.media_info, v.source_key, v.size_bytes, v.generation, t.transcript
FROM ingest.videos v LEFT JOIN ingest.transcripts t ON t.video_id = v.id
WHERE v.id = $1 AND v.owner_id = $2

-- name: scene_span
-- Where a scene of an owner lies.
SELECT video_id, start_ns, end_ns FROM ingest.scenes WHERE id = $1 AND owner_id = $2
