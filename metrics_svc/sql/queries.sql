-- Every statement of metrics_svc. $1 and $2 are a half-open window, $3 an owner (empty: all), $4 the fractions of percentile_cont.

-- name: add_stage_event
-- Keep one stage event unless it is there.
INSERT INTO metrics.stage_events (
    event_id, video_id, owner_id, generation, stage, attempt, outcome, reason, queued_at, started_at, finished_at, counted_at,
    duration_ns, wait_ns, is_clock_corrected, video_duration_ns, items, bytes_read, model, worker, cpu_ns
)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::integer[], $7::text[], $8::text[], $9::timestamptz[],
    $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::bigint[], $14::bigint[], $15::boolean[], $16::bigint[],
    $17::bigint[], $18::bigint[], $19::text[], $20::text[], $21::bigint[]
)
ON CONFLICT DO NOTHING
RETURNING event_id

-- name: add_video_run
-- Keep the end of one run unless it is there.
INSERT INTO metrics.video_runs (
    event_id, video_id, owner_id, generation, stage, outcome, failed_stage, reason, queued_at, started_at, finished_at,
    counted_at, duration_ns, queue_ns, is_clock_corrected, video_duration_ns
)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[],
    $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::bigint[], $14::bigint[], $15::boolean[], $16::bigint[]
)
ON CONFLICT DO NOTHING
RETURNING event_id

-- name: add_search_event
-- Keep one search unless it is there.
INSERT INTO metrics.search_events (event_id, owner_id, asked_at, counted_at, latency_ns, results_count, query_text)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::integer[], $7::text[]
)
ON CONFLICT DO NOTHING
RETURNING event_id

-- name: latency
-- Processing, queue and total time of videos that became ready; queue and total over those whose wait is known.
SELECT
    count(duration_ns)                                                            AS videos,
    count(*) FILTER (WHERE duration_ns IS NOT NULL AND NOT is_clock_corrected)     AS measured,
    count(*) FILTER (WHERE duration_ns IS NOT NULL AND is_clock_corrected)         AS approximate,
    count(*) FILTER (WHERE duration_ns IS NULL)                                    AS missing,
    (avg(duration_ns) / 1e6)::float8                                               AS avg_processing_ms,
    percentile_cont($4::float8[]) WITHIN GROUP (ORDER BY duration_ns / 1e6::float8) AS processing_ms,
    (avg(queue_ns) / 1e6)::float8                                                  AS avg_queue_ms,
    (avg(queue_ns::numeric + duration_ns) / 1e6)::float8                           AS avg_total_ms
FROM metrics.video_runs
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
  AND stage = 'completed'

-- name: rtf
-- Processing seconds per second of video, for videos that became ready and have a known, positive length.
WITH ready AS (
    SELECT duration_ns, video_duration_ns, duration_ns IS NOT NULL AND video_duration_ns > 0 AS is_known
    FROM metrics.video_runs
    WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
      AND stage = 'completed'
)
SELECT
    count(*) FILTER (WHERE is_known)                                          AS videos,
    count(*) FILTER (WHERE is_known IS NOT TRUE)                              AS missing,
    count(*) FILTER (WHERE (video_duration_ns > 0) IS NOT TRUE)               AS videos_without_duration,
    avg(duration_ns::float8 / nullif(video_duration_ns, 0)) FILTER (WHERE is_known)      AS avg_rtf,
    percentile_cont($4::float8[]) WITHIN GROUP (ORDER BY duration_ns::float8 / nullif(video_duration_ns, 0))
        FILTER (WHERE is_known)                                               AS rtf,
    (avg(video_duration_ns) FILTER (WHERE is_known) / 1e9)::float8            AS avg_video_s,
    (avg(duration_ns) FILTER (WHERE is_known) / 1e9)::float8                  AS avg_processing_s
FROM ready

-- name: queue
-- Waiting and working of videos that became ready and have both.
WITH ready AS (
    SELECT duration_ns, queue_ns, is_clock_corrected, duration_ns IS NOT NULL AND queue_ns IS NOT NULL AS is_known
    FROM metrics.video_runs
    WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
      AND stage = 'completed'
)
SELECT
    count(*) FILTER (WHERE is_known)                              AS videos,
    count(*) FILTER (WHERE is_known AND NOT is_clock_corrected)   AS measured,
    count(*) FILTER (WHERE is_known AND is_clock_corrected)       AS approximate,
    count(*) FILTER (WHERE NOT is_known)                          AS missing,
    (avg(queue_ns) FILTER (WHERE is_known) / 1e9)::float8         AS avg_queue_s,
    (avg(duration_ns) FILTER (WHERE is_known) / 1e9)::float8      AS avg_processing_s
FROM ready

-- name: stages
-- Lengths by stage, outcome and model, with the heat map over the bounds $5 (nanoseconds, ascending).
WITH sample AS NOT MATERIALIZED (
    SELECT stage, outcome, model, duration_ns, wait_ns, is_clock_corrected
    FROM metrics.stage_events
    WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
), cell AS (
    SELECT stage, outcome, model, width_bucket(duration_ns, $5::bigint[]) AS bucket, count(*) AS events
    FROM sample
    WHERE duration_ns IS NOT NULL
    GROUP BY stage, outcome, model, bucket
), heat AS (
    SELECT stage, outcome, model, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(events ORDER BY bucket) AS bucket_counts
    FROM cell
    GROUP BY stage, outcome, model
), length AS (
    SELECT
        stage, outcome, model,
        count(duration_ns)                                                              AS events,
        count(*) FILTER (WHERE duration_ns IS NOT NULL AND NOT is_clock_corrected)       AS measured,
        count(*) FILTER (WHERE duration_ns IS NOT NULL AND is_clock_corrected)           AS approximate,
        count(*) FILTER (WHERE duration_ns IS NULL)                                      AS missing,
        (avg(duration_ns) / 1e6)::float8                                                 AS avg_ms,
        percentile_cont($4::float8[]) WITHIN GROUP (ORDER BY duration_ns / 1e6::float8)  AS ms,
        (max(duration_ns) / 1e6)::float8                                                 AS max_ms,
        (coalesce(sum(duration_ns), 0) / 1e6)::float8                                    AS sum_ms,
        (avg(wait_ns) / 1e6)::float8                                                     AS avg_wait_ms
    FROM sample
    GROUP BY stage, outcome, model
)
SELECT length.*, coalesce(buckets, '{}') AS buckets, coalesce(bucket_counts, '{}') AS bucket_counts
FROM length LEFT JOIN heat USING (stage, outcome, model)

-- name: failures
-- Videos that failed, by the stage where they broke.
SELECT failed_stage AS stage, count(*) AS videos
FROM metrics.video_runs
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
  AND stage = 'failed' AND outcome = 'failed'
GROUP BY failed_stage

-- name: throughput
-- What ended on each UTC day; averages over videos that became ready.
SELECT
    (counted_at AT TIME ZONE 'UTC')::date                                                    AS day,
    count(*) FILTER (WHERE stage = 'completed')                                              AS videos_ready,
    count(*) FILTER (WHERE stage = 'failed' AND outcome = 'failed')                          AS videos_failed,
    (coalesce(sum(video_duration_ns) FILTER (WHERE stage = 'completed'), 0) / 3.6e12)::float8 AS hours_ready,
    (avg(duration_ns) FILTER (WHERE stage = 'completed') / 1e9)::float8                      AS avg_processing_s,
    avg(duration_ns::float8 / nullif(video_duration_ns, 0)) FILTER (WHERE stage = 'completed') AS avg_rtf,
    count(*) FILTER (WHERE stage = 'completed' AND num_nulls(duration_ns, video_duration_ns) = 0 AND NOT is_clock_corrected) AS measured,
    count(*) FILTER (WHERE stage = 'completed' AND num_nulls(duration_ns, video_duration_ns) = 0 AND is_clock_corrected)     AS approximate,
    count(*) FILTER (WHERE stage = 'completed' AND num_nulls(duration_ns, video_duration_ns) > 0)                     AS missing
FROM metrics.video_runs
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
GROUP BY day

-- name: searches
-- Searches of each UTC day.
SELECT
    (counted_at AT TIME ZONE 'UTC')::date                AS day,
    count(*)                                             AS searches,
    count(latency_ns)                                    AS measured,
    count(*) FILTER (WHERE latency_ns IS NULL)           AS missing,
    (avg(latency_ns) / 1e6)::float8                      AS avg_latency_ms
FROM metrics.search_events
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
GROUP BY day
