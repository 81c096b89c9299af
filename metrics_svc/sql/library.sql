-- Videos, users, bytes, and the runs of one video.

-- name: add_videos
-- Keep what is told of videos where it is newer than what is known; one row per video.
INSERT INTO metrics.videos AS known (
    video_id, owner_id, sequence, filename, state, stage, generation, duration_ns, size_bytes, scene_count, error_reason,
    error_message, created_at, updated_at, finished_at, is_deleted
)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::bigint[], $9::bigint[],
    $10::integer[], $11::text[], $12::text[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[], $16::boolean[]
)
ON CONFLICT ON CONSTRAINT videos_pkey DO UPDATE
SET owner_id = excluded.owner_id, sequence = excluded.sequence, filename = excluded.filename, state = excluded.state,
    stage = excluded.stage, generation = excluded.generation, duration_ns = excluded.duration_ns,
    size_bytes = excluded.size_bytes, scene_count = excluded.scene_count, error_reason = excluded.error_reason,
    error_message = excluded.error_message, created_at = excluded.created_at, updated_at = excluded.updated_at,
    finished_at = excluded.finished_at, is_deleted = excluded.is_deleted
WHERE known.sequence < excluded.sequence
RETURNING video_id

-- name: video_totals
-- All videos that are there, by state, with what of the ready ones is known.
SELECT
    count(*)                                                                   AS videos,
    count(*) FILTER (WHERE state = 'ready')                                    AS ready,
    count(*) FILTER (WHERE state = 'failed')                                   AS failed,
    count(*) FILTER (WHERE state = 'queued')                                   AS queued,
    count(*) FILTER (WHERE state = 'processing')                               AS processing,
    count(*) FILTER (WHERE state = 'cancelled')                                AS cancelled,
    count(duration_ns) FILTER (WHERE state = 'ready')                          AS measured,
    coalesce(sum(duration_ns) FILTER (WHERE state = 'ready'), 0)::numeric      AS ready_ns,
    coalesce(sum(scene_count), 0)::bigint                                      AS scenes
FROM metrics.videos
WHERE NOT is_deleted

-- name: videos_by_state
-- How many videos there are in each state.
SELECT state, count(*) AS videos FROM metrics.videos WHERE NOT is_deleted GROUP BY state

-- name: search_totals
-- Searches and exports of everybody together since $2, and of them the searches since $1.
SELECT
    coalesce(sum(measured + approximate + missing) FILTER (WHERE measure = 'search' AND period_start >= $1::timestamptz), 0)::bigint
        AS searches_7d,
    coalesce(sum(measured + approximate) FILTER (WHERE measure = 'search' AND period_start >= $1), 0)::bigint AS known_7d,
    coalesce(sum(total) FILTER (WHERE measure = 'search' AND period_start >= $1), 0)::numeric                 AS total_7d,
    coalesce(sum(measured + approximate + missing) FILTER (WHERE measure = 'search'), 0)::bigint AS searches_30d,
    coalesce(sum(measured + approximate) FILTER (WHERE measure = 'search'), 0)::bigint           AS known_30d,
    coalesce(sum(total) FILTER (WHERE measure = 'search'), 0)::numeric                           AS total_30d,
    coalesce(sum(measured + approximate + missing) FILTER (WHERE measure = 'export' AND outcome = 'succeeded'), 0)::bigint
        AS exports_30d
FROM metrics.sketches
WHERE owner_id = '' AND period_start >= $2::timestamptz AND period_start < $3::timestamptz
    AND measure IN ('search', 'export')

-- name: count_users
-- How many people ever had a video or searched; those who searched are found by one step in the index each.
WITH RECURSIVE searcher AS (
    SELECT min(owner_id) AS owner_id FROM metrics.search_events
    UNION ALL
    SELECT (SELECT min(owner_id) FROM metrics.search_events WHERE owner_id > searcher.owner_id)
    FROM searcher WHERE searcher.owner_id IS NOT NULL
)
SELECT count(*) AS users
FROM (SELECT owner_id FROM searcher WHERE owner_id IS NOT NULL UNION SELECT owner_id FROM metrics.videos) AS person

-- name: users
-- Users by $1 from the most down, at most $7 after the one of rank $5 and id $6 or after $8 of them, with their number. $2 is
-- one user or empty, [$3, $4) the window, [$9, $10) the last seven days.
WITH RECURSIVE searcher AS (
    SELECT CASE
        WHEN $2::text = '' THEN (SELECT min(owner_id) FROM metrics.search_events)
        ELSE (SELECT min(owner_id) FROM metrics.search_events WHERE owner_id = $2)
    END AS owner_id
    UNION ALL
    SELECT (SELECT min(owner_id) FROM metrics.search_events WHERE owner_id > searcher.owner_id)
    FROM searcher WHERE searcher.owner_id IS NOT NULL AND $2 = ''
), searched AS (
    SELECT
        owner_id,
        count(*) FILTER (WHERE counted_at >= $3::timestamptz AND counted_at < $4::timestamptz)   AS searches,
        count(*) FILTER (WHERE counted_at >= $9::timestamptz AND counted_at < $10::timestamptz)  AS searches_7d,
        count(latency_ns) FILTER (WHERE counted_at >= $9 AND counted_at < $10)                   AS known_7d,
        sum(latency_ns) FILTER (WHERE counted_at >= $9 AND counted_at < $10)                     AS total_ns_7d
    FROM metrics.search_events
    WHERE counted_at >= least($3, $9) AND counted_at < greatest($4, $10) AND ($2 = '' OR owner_id = $2)
    GROUP BY owner_id
), uploaded AS (
    SELECT
        owner_id,
        count(*) FILTER (WHERE NOT is_deleted)                                              AS videos,
        count(*) FILTER (WHERE NOT is_deleted AND state = 'ready')                          AS ready,
        count(*) FILTER (WHERE NOT is_deleted AND state = 'failed')                         AS failed,
        count(duration_ns) FILTER (WHERE NOT is_deleted AND state = 'ready')                AS measured,
        coalesce(sum(duration_ns) FILTER (WHERE NOT is_deleted AND state = 'ready'), 0)     AS ready_ns,
        max(created_at)                                                                     AS last_upload,
        count(*) FILTER (WHERE created_at >= $3 AND created_at < $4)                        AS uploads
    FROM metrics.videos
    WHERE $2 = '' OR owner_id = $2
    GROUP BY owner_id
), person AS (
    SELECT owner_id FROM searcher WHERE owner_id IS NOT NULL
    UNION
    SELECT owner_id FROM uploaded
), counted AS (
    SELECT
        person.owner_id                  AS user_id,
        coalesce(videos, 0)              AS videos,
        coalesce(ready, 0)               AS ready,
        coalesce(failed, 0)              AS failed,
        coalesce(measured, 0)            AS measured,
        coalesce(ready_ns, 0)            AS ready_ns,
        coalesce(uploads, 0)             AS uploads,
        coalesce(searches, 0)            AS searches,
        coalesce(searches_7d, 0)         AS searches_7d,
        coalesce(known_7d, 0)            AS known_7d,
        coalesce(total_ns_7d, 0)         AS total_ns_7d,
        greatest(last_upload, (
            SELECT max(counted_at) FROM metrics.search_events WHERE owner_id = person.owner_id
        ))                               AS last_activity
    FROM person
    LEFT JOIN uploaded USING (owner_id)
    LEFT JOIN searched USING (owner_id)
), ranked AS (
    SELECT
        counted.*,
        CASE $1::text
            WHEN 'hours_ready' THEN ready_ns
            WHEN 'videos_ready' THEN ready
            WHEN 'searches_7d' THEN searches_7d
            ELSE trunc(extract(epoch FROM last_activity) * 1000000)
        END::numeric AS rank
    FROM counted
)
SELECT *, (SELECT count(*) FROM ranked) AS total
FROM ranked
WHERE $5::numeric IS NULL OR rank < $5 OR (rank = $5 AND user_id COLLATE "C" > $6::text COLLATE "C")
ORDER BY rank DESC, user_id COLLATE "C"
LIMIT $7::bigint OFFSET $8::bigint

-- name: recent_videos
-- The newest videos of a user, newest upload first.
SELECT video_id, filename, state, duration_ns, updated_at, error_message
FROM metrics.videos
WHERE owner_id = $1 AND NOT is_deleted
ORDER BY created_at DESC, video_id
LIMIT $2

-- name: recent_searches
-- The newest searches of a user, newest first.
SELECT query_text, counted_at AS asked_at, latency_ns, results_count, video_id
FROM metrics.search_events
WHERE owner_id = $1
ORDER BY counted_at DESC, event_key
LIMIT $2

-- name: searched_phrases
-- What an owner searched for in words since an instant, the most frequent phrase first.
SELECT phrase, count(*) AS searches, max(counted_at) AS last_asked_at
FROM (
    SELECT lower(btrim(regexp_replace(query_text, '\s+', ' ', 'g'))) AS phrase, counted_at
    FROM metrics.search_events
    WHERE owner_id = $1 AND counted_at >= $2
) AS asked
WHERE phrase <> ''
GROUP BY phrase
ORDER BY searches DESC, last_asked_at DESC, phrase COLLATE "C"
LIMIT $3

-- name: lock_storage
-- Let one measurement in at a time: spans are cut where the next one begins.
SELECT pg_advisory_xact_lock(5716347)

-- name: add_spans
-- Keep measurements; of two of the same moment the larger one, so that their order does not matter.
INSERT INTO metrics.storage_spans AS known (video_id, kind, from_at, owner_id, bytes)
SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::bigint[])
ON CONFLICT ON CONSTRAINT storage_spans_pkey DO UPDATE
SET owner_id = excluded.owner_id, bytes = excluded.bytes
WHERE known.bytes < excluded.bytes
RETURNING 1

-- name: close_spans
-- Let each of these spans last until the next of its video and kind begins.
UPDATE metrics.storage_spans AS span
SET until_at = (
    SELECT min(later.from_at) FROM metrics.storage_spans AS later
    WHERE later.video_id = span.video_id AND later.kind = span.kind AND later.from_at > span.from_at
)
FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS measured (video_id, kind, from_at)
WHERE span.video_id = measured.video_id AND span.kind = measured.kind AND span.from_at = measured.from_at

-- name: cut_spans
-- Let the span before each of these end where it begins.
UPDATE metrics.storage_spans AS span
SET until_at = measured.from_at
FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS measured (video_id, kind, from_at)
WHERE span.video_id = measured.video_id AND span.kind = measured.kind AND span.from_at = (
    SELECT max(earlier.from_at) FROM metrics.storage_spans AS earlier
    WHERE earlier.video_id = measured.video_id AND earlier.kind = measured.kind AND earlier.from_at < measured.from_at
)

-- name: add_store
-- Keep when a store was last scanned, unless a later scan is known.
INSERT INTO metrics.stores AS known (store, scanned_at, free_bytes, total_bytes) VALUES ($1, $2, $3, $4)
ON CONFLICT ON CONSTRAINT stores_pkey DO UPDATE
SET scanned_at = excluded.scanned_at, free_bytes = excluded.free_bytes, total_bytes = excluded.total_bytes
WHERE known.scanned_at < excluded.scanned_at
RETURNING 1

-- name: stored_by_kind
-- What is held now, by kind.
SELECT kind, sum(bytes)::bigint AS bytes
FROM metrics.storage_spans
WHERE until_at IS NULL AND bytes > 0 AND ($1::text = '' OR owner_id = $1)
GROUP BY kind

-- name: stored_by_owner
-- What is held now by those who hold most, by kind, and how many hold anything.
WITH held AS (
    SELECT owner_id, kind, sum(bytes)::bigint AS bytes
    FROM metrics.storage_spans
    WHERE until_at IS NULL AND bytes > 0 AND ($1::text = '' OR owner_id = $1)
    GROUP BY owner_id, kind
), largest AS (
    SELECT owner_id, count(*) OVER () AS owners
    FROM held
    GROUP BY owner_id
    ORDER BY sum(bytes) DESC, owner_id COLLATE "C"
    LIMIT $2
)
SELECT owner_id, kind, bytes, owners FROM held JOIN largest USING (owner_id)

-- name: stored_changes
-- By how much what is held rose on each UTC day of a window; the day before it stands for all that was before.
SELECT
    greatest((at AT TIME ZONE 'UTC')::date, ($1::timestamptz AT TIME ZONE 'UTC')::date - 1) AS day,
    sum(bytes)::bigint                                                                     AS bytes
FROM (
    SELECT from_at AS at, bytes FROM metrics.storage_spans
    WHERE from_at < $2::timestamptz AND (until_at IS NULL OR until_at >= $1) AND ($3::text = '' OR owner_id = $3)
    UNION ALL
    SELECT until_at, -bytes FROM metrics.storage_spans
    WHERE until_at < $2 AND until_at >= $1 AND ($3 = '' OR owner_id = $3)
) AS change
GROUP BY 1

-- name: first_measured
-- When anything was measured first.
SELECT min(from_at) AS at FROM metrics.storage_spans

-- name: stores
-- What is known of each store.
SELECT store, scanned_at, free_bytes, total_bytes FROM metrics.stores

-- name: measured_videos
-- Videos whose bytes were measured, and those whose bytes were not.
SELECT
    count(*) FILTER (WHERE is_measured)     AS measured,
    count(*) FILTER (WHERE NOT is_measured) AS missing
FROM (
    SELECT EXISTS (SELECT 1 FROM metrics.storage_spans AS span WHERE span.video_id = video.video_id) AS is_measured
    FROM metrics.videos AS video
    WHERE NOT is_deleted AND ($1::text = '' OR owner_id = $1)
) AS known

-- name: video
-- What is known of one video.
SELECT
    video_id, owner_id, sequence, filename, state, stage, generation, duration_ns, size_bytes, scene_count, error_reason,
    error_message, created_at, updated_at, finished_at, is_deleted
FROM metrics.videos
WHERE video_id = $1

-- name: attempts_of_video
-- Attempts at the stages of one video, of one run or ($2 = 0) of the newest; its exports belong to none.
SELECT
    owner_id, generation, stage, attempt, outcome, reason, model, worker, queued_at, started_at, counted_at, duration_ns,
    wait_ns, is_clock_corrected, cpu_ns, gpu_ns, energy_uj, model_calls, items, bytes_read
FROM metrics.stage_events
WHERE video_id = $1 AND ($2::integer = 0 OR generation = $2) AND stage <> 'exporting'
ORDER BY generation DESC, counted_at DESC
LIMIT $3

-- name: ends_of_video
-- How the runs of one video ended, one of them or ($2 = 0) the newest.
SELECT owner_id, generation, stage, outcome, failed_stage, reason, queued_at, counted_at, is_backfilled
FROM metrics.video_runs
WHERE video_id = $1 AND ($2::integer = 0 OR generation = $2)
ORDER BY generation DESC
LIMIT $3
