-- What the audit reads: every answer computed anew from the raw events, exactly, by percentile_cont; a column is named as
-- its field. $1 and $2 are a half-open window, $3 an owner (empty: all); what follows is in metrics_svc.adapters.audit_store:
-- day, week or month, the stages and outcomes in the order of the pipeline, the lower bounds of the heat map in nanoseconds.
-- Nothing here reads sketches but the last two statements, which fetch them as they are kept.

-- name: latency
-- Processing, queue, total and elapsed time of videos that became ready.
WITH ready AS (
    SELECT
        duration_ns, queue_ns, elapsed_ns,
        is_clock_corrected OR is_backfilled OR unmeasured_attempts > 0     AS is_partial,
        CASE WHEN queue_ns IS NOT NULL AND duration_ns IS NOT NULL
            THEN least(queue_ns::numeric + duration_ns, 9223372036854775807) END AS total_ns
    FROM metrics.video_runs
    WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
      AND stage = 'completed' AND outcome = 'succeeded'
)
SELECT
    count(duration_ns)                                                        AS videos_measured,
    (avg(duration_ns) / 1e6)::float8                                          AS avg_processing_ms,
    percentile_cont(0.50) WITHIN GROUP (ORDER BY duration_ns::float8) / 1e6   AS p50_processing_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ns::float8) / 1e6   AS p95_processing_ms,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY duration_ns::float8) / 1e6   AS p99_processing_ms,
    count(queue_ns)                                                           AS videos_with_queue,
    (avg(queue_ns) / 1e6)::float8                                             AS avg_queue_ms,
    percentile_cont(0.50) WITHIN GROUP (ORDER BY queue_ns::float8) / 1e6      AS p50_queue_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY queue_ns::float8) / 1e6      AS p95_queue_ms,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY queue_ns::float8) / 1e6      AS p99_queue_ms,
    count(total_ns)                                                           AS videos_with_total,
    (avg(total_ns) / 1e6)::float8                                             AS avg_total_ms,
    percentile_cont(0.50) WITHIN GROUP (ORDER BY total_ns::float8) / 1e6      AS p50_total_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY total_ns::float8) / 1e6      AS p95_total_ms,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY total_ns::float8) / 1e6      AS p99_total_ms,
    count(elapsed_ns)                                                         AS videos_with_elapsed,
    (avg(elapsed_ns) / 1e6)::float8                                           AS avg_elapsed_ms,
    percentile_cont(0.50) WITHIN GROUP (ORDER BY elapsed_ns::float8) / 1e6    AS p50_elapsed_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY elapsed_ns::float8) / 1e6    AS p95_elapsed_ms,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY elapsed_ns::float8) / 1e6    AS p99_elapsed_ms,
    count(duration_ns) FILTER (WHERE NOT is_partial)                          AS measured,
    count(duration_ns) FILTER (WHERE is_partial)                              AS approximate,
    count(*) FILTER (WHERE duration_ns IS NULL)                               AS missing
FROM ready

-- name: rtf
-- Processing seconds over seconds of video, of videos that became ready and have both.
WITH ready AS (
    SELECT
        duration_ns, video_duration_ns,
        is_clock_corrected OR is_backfilled OR unmeasured_attempts > 0                    AS is_partial,
        CASE WHEN duration_ns IS NOT NULL AND video_duration_ns > 0
            THEN least(duration_ns::float8 / video_duration_ns, 9223372036.854775807::float8) END AS rtf
    FROM metrics.video_runs
    WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
      AND stage = 'completed' AND outcome = 'succeeded'
)
SELECT
    count(rtf)                                                              AS videos_measured,
    count(*) FILTER (WHERE (video_duration_ns > 0) IS NOT TRUE)             AS videos_without_duration,
    avg(rtf)                                                                AS avg_rtf,
    percentile_cont(0.50) WITHIN GROUP (ORDER BY rtf)                       AS p50_rtf,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY rtf)                       AS p95_rtf,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY rtf)                       AS p99_rtf,
    (avg(video_duration_ns) FILTER (WHERE rtf IS NOT NULL) / 1e9)::float8   AS avg_video_duration_s,
    (avg(duration_ns) FILTER (WHERE rtf IS NOT NULL) / 1e9)::float8         AS avg_processing_duration_s,
    count(rtf) FILTER (WHERE NOT is_partial)                                AS measured,
    count(rtf) FILTER (WHERE is_partial)                                    AS approximate,
    count(*) FILTER (WHERE rtf IS NULL)                                     AS missing
FROM ready

-- name: queue
-- Waiting against working, of videos that became ready and have both.
WITH ready AS (
    SELECT
        duration_ns,
        is_clock_corrected OR is_backfilled OR unmeasured_attempts > 0     AS is_partial,
        CASE WHEN queue_ns IS NOT NULL AND duration_ns IS NOT NULL
            THEN least(queue_ns::numeric + duration_ns, 9223372036854775807) END AS total_ns
    FROM metrics.video_runs
    WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
      AND stage = 'completed' AND outcome = 'succeeded'
), told AS (
    SELECT
        avg(total_ns - duration_ns)                                        AS waiting,
        avg(duration_ns) FILTER (WHERE total_ns IS NOT NULL)               AS working,
        count(total_ns) FILTER (WHERE NOT is_partial)                      AS measured,
        count(total_ns) FILTER (WHERE is_partial)                          AS approximate,
        count(*) FILTER (WHERE total_ns IS NULL)                           AS missing
    FROM ready
)
SELECT
    measured + approximate                                                 AS videos_measured,
    (waiting / 1e9)::float8                                                AS avg_queue_time_s,
    (working / 1e9)::float8                                                AS avg_processing_time_s,
    ((waiting + working) / 1e9)::float8                                    AS avg_total_time_s,
    (100 * waiting / nullif(waiting + working, 0))::float8                 AS queue_time_pct,
    (100 * working / nullif(waiting + working, 0))::float8                 AS processing_time_pct,
    measured, approximate, missing
FROM told

-- name: failures
-- Videos that failed, by the stage where they broke.
SELECT
    failed_stage                                            AS processing_stage,
    count(*)                                                AS failure_count,
    (100.0 * count(*) / sum(count(*)) OVER ())::float8      AS failure_pct
FROM metrics.video_runs
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
  AND stage = 'failed' AND outcome = 'failed'
GROUP BY failed_stage

-- name: failures_in_all
-- How runs ended that did not become ready.
SELECT
    count(*) FILTER (WHERE is_failed)                                        AS videos_failed,
    count(*) FILTER (WHERE stage = 'failed' AND outcome = 'cancelled')       AS videos_cancelled,
    count(*) FILTER (WHERE is_otherwise)                                     AS videos_otherwise,
    count(*) FILTER (WHERE is_failed AND NOT is_backfilled)                  AS measured,
    count(*) FILTER (WHERE is_failed AND is_backfilled)                      AS approximate,
    0                                                                        AS missing
FROM (
    SELECT
        stage, outcome, is_backfilled,
        stage = 'failed' AND outcome = 'failed'                              AS is_failed,
        (stage, outcome) NOT IN
            (('completed', 'succeeded'), ('failed', 'failed'), ('failed', 'cancelled')) AS is_otherwise
    FROM metrics.video_runs
    WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
) AS run

-- name: throughput
-- What ended in each period, empty ones included.
WITH period AS (
    SELECT DISTINCT date_trunc($4::text, day)::date AS day
    FROM generate_series(
        ($1::timestamptz AT TIME ZONE 'UTC')::date,
        (($2::timestamptz - interval '1 microsecond') AT TIME ZONE 'UTC')::date,
        interval '1 day'
    ) AS day
), run AS (
    SELECT
        date_trunc($4, counted_at AT TIME ZONE 'UTC')::date                  AS day,
        stage, outcome, duration_ns, video_duration_ns,
        stage = 'completed' AND outcome = 'succeeded'                        AS is_ready,
        CASE WHEN duration_ns IS NOT NULL AND video_duration_ns > 0
            THEN least(duration_ns::float8 / video_duration_ns, 9223372036.854775807::float8) END AS rtf
    FROM metrics.video_runs
    WHERE counted_at >= $1 AND counted_at < $2 AND ($3::text = '' OR owner_id = $3)
)
SELECT
    day,
    count(*) FILTER (WHERE is_ready)                                                      AS videos_ready,
    count(*) FILTER (WHERE stage = 'failed' AND outcome = 'failed')                       AS videos_failed,
    count(*) FILTER (WHERE stage = 'failed' AND outcome = 'cancelled')                    AS videos_cancelled,
    count(*) FILTER (WHERE (stage, outcome) NOT IN
        (('completed', 'succeeded'), ('failed', 'failed'), ('failed', 'cancelled')))      AS videos_otherwise,
    CASE WHEN count(*) FILTER (WHERE is_ready) = 0 OR count(video_duration_ns) FILTER (WHERE is_ready) > 0
        THEN (coalesce(sum(video_duration_ns) FILTER (WHERE is_ready), 0) / 3.6e12)::float8 END AS hours_ready,
    count(*) FILTER (WHERE is_ready AND (video_duration_ns > 0) IS NOT TRUE)              AS videos_without_duration,
    (avg(duration_ns) FILTER (WHERE is_ready) / 1e9)::float8                              AS avg_processing_s,
    avg(rtf) FILTER (WHERE is_ready)                                                      AS avg_rtf
FROM period LEFT JOIN run USING (day)
GROUP BY day

-- name: runs_in_all
-- How many ends of runs were seen, and how many were filled in later.
SELECT
    count(*) FILTER (WHERE NOT is_backfilled)                    AS measured,
    count(*) FILTER (WHERE is_backfilled)                        AS approximate,
    0                                                            AS missing
FROM metrics.video_runs
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)

-- name: ready_in_all
-- The same of those that became ready.
SELECT
    count(*) FILTER (WHERE NOT is_backfilled)                    AS measured,
    count(*) FILTER (WHERE is_backfilled)                        AS approximate,
    0                                                            AS missing
FROM metrics.video_runs
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
  AND stage = 'completed' AND outcome = 'succeeded'

-- name: stages
-- Lengths of work by stage, outcome and model, the first 500 in the order of the pipeline.
SELECT
    stage                                                                         AS processing_stage,
    outcome, model,
    count(duration_ns)                                                            AS count,
    (avg(duration_ns) / 1e6)::float8                                              AS avg_ms,
    percentile_cont(0.50) WITHIN GROUP (ORDER BY duration_ns::float8) / 1e6       AS p50_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ns::float8) / 1e6       AS p95_ms,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY duration_ns::float8) / 1e6       AS p99_ms,
    (max(duration_ns) / 1e6)::float8                                              AS max_ms,
    (coalesce(sum(duration_ns), 0) / 1e6)::float8                                 AS sum_ms,
    (avg(wait_ns) / 1e6)::float8                                                  AS avg_wait_ms,
    percentile_cont(0.50) WITHIN GROUP (ORDER BY wait_ns::float8) / 1e6           AS p50_wait_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY wait_ns::float8) / 1e6           AS p95_wait_ms,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY wait_ns::float8) / 1e6           AS p99_wait_ms,
    count(duration_ns) FILTER (WHERE NOT (is_clock_corrected OR is_backfilled))   AS measured,
    count(duration_ns) FILTER (WHERE is_clock_corrected OR is_backfilled)         AS approximate,
    count(*) FILTER (WHERE duration_ns IS NULL)                                   AS missing
FROM metrics.stage_events
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
GROUP BY stage, outcome, model
ORDER BY
    array_position($4::text[], stage), stage COLLATE "C", array_position($5::text[], outcome), outcome COLLATE "C",
    model COLLATE "C"
LIMIT 500

-- name: stage_heat
-- The heat map of the same.
WITH kept AS (
    SELECT stage, outcome, model
    FROM metrics.stage_events
    WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
    GROUP BY stage, outcome, model
    ORDER BY
        array_position($4::text[], stage), stage COLLATE "C", array_position($5::text[], outcome), outcome COLLATE "C",
        model COLLATE "C"
    LIMIT 500
)
SELECT
    stage                                                                         AS processing_stage,
    outcome, model,
    width_bucket(duration_ns, $6::bigint[])                                       AS bucket,
    count(*)                                                                      AS count
FROM metrics.stage_events JOIN kept USING (stage, outcome, model)
WHERE counted_at >= $1 AND counted_at < $2 AND ($3 = '' OR owner_id = $3) AND duration_ns IS NOT NULL
GROUP BY stage, outcome, model, bucket

-- name: stages_in_all
-- How far the lengths of all work are known.
SELECT
    greatest(0, count(DISTINCT (stage, outcome, model)) - 500)                    AS items_left_out,
    count(duration_ns) FILTER (WHERE NOT (is_clock_corrected OR is_backfilled))   AS measured,
    count(duration_ns) FILTER (WHERE is_clock_corrected OR is_backfilled)         AS approximate,
    count(*) FILTER (WHERE duration_ns IS NULL)                                   AS missing
FROM metrics.stage_events
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)

-- name: stage_series
-- Lengths of work that succeeded by stage, and of whole videos; the first 32 series.
WITH sample AS (
    SELECT stage, duration_ns, is_clock_corrected OR is_backfilled AS is_partial
    FROM metrics.stage_events
    WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
      AND outcome = 'succeeded'
    UNION ALL
    SELECT '', duration_ns, is_clock_corrected OR is_backfilled OR unmeasured_attempts > 0
    FROM metrics.video_runs
    WHERE counted_at >= $1 AND counted_at < $2 AND ($3 = '' OR owner_id = $3)
      AND stage = 'completed' AND outcome = 'succeeded'
), series AS (
    SELECT stage FROM sample UNION SELECT ''
)
SELECT
    CASE stage WHEN '' THEN 'total' ELSE stage END                            AS processing_stage,
    count(duration_ns)                                                        AS count,
    (avg(duration_ns) / 1e6)::float8                                          AS avg_ms,
    percentile_cont(0.50) WITHIN GROUP (ORDER BY duration_ns::float8) / 1e6   AS p50_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ns::float8) / 1e6   AS p95_ms,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY duration_ns::float8) / 1e6   AS p99_ms,
    count(duration_ns) FILTER (WHERE NOT is_partial)                          AS measured,
    count(duration_ns) FILTER (WHERE is_partial)                              AS approximate,
    count(is_partial) FILTER (WHERE duration_ns IS NULL)                      AS missing
FROM series LEFT JOIN sample USING (stage)
GROUP BY stage
ORDER BY stage <> '', array_position($4::text[], stage), stage COLLATE "C"
LIMIT 32

-- name: series_in_all
-- How far the lengths of the first 32 series are known, and how many more there are.
WITH sample AS (
    SELECT stage, duration_ns, is_clock_corrected OR is_backfilled AS is_partial
    FROM metrics.stage_events
    WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
      AND outcome = 'succeeded'
    UNION ALL
    SELECT '', duration_ns, is_clock_corrected OR is_backfilled OR unmeasured_attempts > 0
    FROM metrics.video_runs
    WHERE counted_at >= $1 AND counted_at < $2 AND ($3 = '' OR owner_id = $3)
      AND stage = 'completed' AND outcome = 'succeeded'
), series AS (
    SELECT
        stage, count(*) OVER () AS size,
        row_number() OVER (ORDER BY stage <> '', array_position($4::text[], stage), stage COLLATE "C") AS place
    FROM (SELECT DISTINCT stage FROM sample UNION SELECT '') AS found
)
SELECT
    greatest(0, max(size) - 32)                                               AS series_left_out,
    count(duration_ns) FILTER (WHERE NOT is_partial)                          AS measured,
    count(duration_ns) FILTER (WHERE is_partial)                              AS approximate,
    count(is_partial) FILTER (WHERE duration_ns IS NULL)                      AS missing
FROM series LEFT JOIN sample USING (stage)
WHERE place <= 32

-- name: stage_points
-- The same in each period, empty ones included.
WITH period AS (
    SELECT DISTINCT date_trunc($4::text, day)::date AS day
    FROM generate_series(
        ($1::timestamptz AT TIME ZONE 'UTC')::date,
        (($2::timestamptz - interval '1 microsecond') AT TIME ZONE 'UTC')::date,
        interval '1 day'
    ) AS day
), sample AS (
    SELECT stage, date_trunc($4, counted_at AT TIME ZONE 'UTC')::date AS day, duration_ns
    FROM metrics.stage_events
    WHERE counted_at >= $1 AND counted_at < $2 AND ($3::text = '' OR owner_id = $3) AND outcome = 'succeeded'
    UNION ALL
    SELECT '', date_trunc($4, counted_at AT TIME ZONE 'UTC')::date, duration_ns
    FROM metrics.video_runs
    WHERE counted_at >= $1 AND counted_at < $2 AND ($3 = '' OR owner_id = $3)
      AND stage = 'completed' AND outcome = 'succeeded'
), series AS (
    SELECT stage
    FROM (SELECT DISTINCT stage FROM sample UNION SELECT '') AS found
    ORDER BY stage <> '', array_position($5::text[], stage), stage COLLATE "C"
    LIMIT 32
)
SELECT
    CASE stage WHEN '' THEN 'total' ELSE stage END                            AS processing_stage,
    day,
    count(duration_ns)                                                        AS count,
    (avg(duration_ns) / 1e6)::float8                                          AS avg_ms,
    percentile_cont(0.50) WITHIN GROUP (ORDER BY duration_ns::float8) / 1e6   AS p50_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ns::float8) / 1e6   AS p95_ms,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY duration_ns::float8) / 1e6   AS p99_ms
FROM series CROSS JOIN period LEFT JOIN sample USING (stage, day)
GROUP BY stage, day

-- name: searches
-- Searches of each period, empty ones included.
WITH period AS (
    SELECT DISTINCT date_trunc($4::text, day)::date AS day
    FROM generate_series(
        ($1::timestamptz AT TIME ZONE 'UTC')::date,
        (($2::timestamptz - interval '1 microsecond') AT TIME ZONE 'UTC')::date,
        interval '1 day'
    ) AS day
), search AS (
    SELECT date_trunc($4, counted_at AT TIME ZONE 'UTC')::date AS day, latency_ns, results_count
    FROM metrics.search_events
    WHERE counted_at >= $1 AND counted_at < $2 AND ($3::text = '' OR owner_id = $3)
)
SELECT
    day,
    count(results_count)                                                      AS searches,
    count(*) FILTER (WHERE results_count = 0)                                 AS searches_without_result,
    (100.0 * count(*) FILTER (WHERE results_count = 0) / nullif(count(results_count), 0))::float8 AS zero_result_rate_pct,
    (avg(latency_ns) / 1e6)::float8                                           AS avg_latency_ms,
    (avg(latency_ns) / 1e6)::float8                                           AS avg_ms,
    percentile_cont(0.50) WITHIN GROUP (ORDER BY latency_ns::float8) / 1e6    AS p50_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ns::float8) / 1e6    AS p95_ms,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY latency_ns::float8) / 1e6    AS p99_ms
FROM period LEFT JOIN search USING (day)
GROUP BY day

-- name: searches_in_all
-- All searches of the window.
SELECT
    count(*)                                                                  AS searches,
    count(*) FILTER (WHERE results_count = 0)                                 AS searches_without_result,
    (100.0 * count(*) FILTER (WHERE results_count = 0) / nullif(count(*), 0))::float8 AS zero_result_rate_pct,
    (avg(latency_ns) / 1e6)::float8                                           AS avg_ms,
    percentile_cont(0.50) WITHIN GROUP (ORDER BY latency_ns::float8) / 1e6    AS p50_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ns::float8) / 1e6    AS p95_ms,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY latency_ns::float8) / 1e6    AS p99_ms,
    count(latency_ns)                                                         AS measured,
    0                                                                         AS approximate,
    count(*) FILTER (WHERE latency_ns IS NULL)                                AS missing
FROM metrics.search_events
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)

-- name: operations
-- Lengths of searches, uploads, exports and what a newer version knows, by outcome; the first 100.
WITH sample AS (
    SELECT 'search' AS operation, 'succeeded' AS outcome, latency_ns AS ns, false AS is_partial
    FROM metrics.search_events
    WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
    UNION ALL
    SELECT operation, outcome, duration_ns, is_clock_corrected
    FROM metrics.operations
    WHERE counted_at >= $1 AND counted_at < $2 AND ($3 = '' OR owner_id = $3)
)
SELECT
    operation, outcome,
    count(ns)                                                                 AS count,
    (avg(ns) / 1e6)::float8                                                   AS avg_ms,
    percentile_cont(0.50) WITHIN GROUP (ORDER BY ns::float8) / 1e6            AS p50_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY ns::float8) / 1e6            AS p95_ms,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY ns::float8) / 1e6            AS p99_ms,
    (max(ns) / 1e6)::float8                                                   AS max_ms,
    count(ns) FILTER (WHERE NOT is_partial)                                   AS measured,
    count(ns) FILTER (WHERE is_partial)                                       AS approximate,
    count(*) FILTER (WHERE ns IS NULL)                                        AS missing
FROM sample
GROUP BY operation, outcome
ORDER BY
    array_position(ARRAY['search', 'upload', 'export'], operation), operation COLLATE "C",
    array_position($4::text[], outcome), outcome COLLATE "C"
LIMIT 100

-- name: operations_in_all
-- How far the lengths of all operations are known.
WITH sample AS (
    SELECT 'search' AS operation, 'succeeded' AS outcome, latency_ns AS ns, false AS is_partial
    FROM metrics.search_events
    WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
    UNION ALL
    SELECT operation, outcome, duration_ns, is_clock_corrected
    FROM metrics.operations
    WHERE counted_at >= $1 AND counted_at < $2 AND ($3 = '' OR owner_id = $3)
)
SELECT
    greatest(0, count(DISTINCT (operation, outcome)) - 100)                   AS items_left_out,
    count(ns) FILTER (WHERE NOT is_partial)                                   AS measured,
    count(ns) FILTER (WHERE is_partial)                                       AS approximate,
    count(*) FILTER (WHERE ns IS NULL)                                        AS missing
FROM sample

-- name: work
-- What attempts used, by stage, UTC day or model ($4); every day of the window is there.
WITH used AS (
    SELECT
        CASE $4::text WHEN 'stage' THEN stage WHEN 'model' THEN model
            ELSE to_char(counted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') END         AS key,
        true AS is_attempt, cpu_ns, gpu_ns, energy_uj, model_calls
    FROM metrics.stage_events
    WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
    UNION ALL
    SELECT to_char(day, 'YYYY-MM-DD'), NULL, NULL, NULL, NULL, NULL
    FROM generate_series(
        ($1 AT TIME ZONE 'UTC')::date, (($2 - interval '1 microsecond') AT TIME ZONE 'UTC')::date, interval '1 day'
    ) AS day
    WHERE $4 = 'day'
)
SELECT
    key,
    CASE WHEN key = '' THEN 'none' ELSE '' END                                    AS name,
    (sum(cpu_ns) / 1e9)::float8                                                   AS cpu_s,
    (sum(gpu_ns) / 1e9)::float8                                                   AS gpu_s,
    (sum(energy_uj) / 1e6)::float8                                                AS joules,
    sum(model_calls)::float8                                                      AS model_calls,
    count(cpu_ns)                                                                 AS attempts_measured,
    count(is_attempt) - count(cpu_ns)                                             AS attempts_missing
FROM used
GROUP BY key

-- name: work_in_all
-- What all attempts used.
SELECT
    ''                                                                            AS key,
    'total'                                                                       AS name,
    (sum(cpu_ns) / 1e9)::float8                                                   AS cpu_s,
    (sum(gpu_ns) / 1e9)::float8                                                   AS gpu_s,
    (sum(energy_uj) / 1e6)::float8                                                AS joules,
    sum(model_calls)::float8                                                      AS model_calls,
    count(cpu_ns)                                                                 AS attempts_measured,
    count(*) - count(cpu_ns)                                                      AS attempts_missing
FROM metrics.stage_events
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)

-- name: work_coverage
-- Of how many attempts the CPU time is known.
SELECT
    count(cpu_ns)                                                                 AS measured,
    0                                                                             AS approximate,
    count(*) - count(cpu_ns)                                                      AS missing
FROM metrics.stage_events
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)

-- name: overview
-- Key figures: videos as they are, searches and exports of the 30 days of the window and of the last 7 of them.
WITH video AS (
    SELECT state, duration_ns, scene_count FROM metrics.videos WHERE NOT is_deleted
), search AS (
    SELECT latency_ns, counted_at >= $2::timestamptz - interval '7 days' AS is_of_week
    FROM metrics.search_events
    WHERE counted_at >= $1::timestamptz AND counted_at < $2 AND $3::text = ''
), searched AS (
    SELECT
        count(*) FILTER (WHERE is_of_week)                                        AS searches_7d,
        count(*)                                                                  AS searches_30d,
        (avg(latency_ns) FILTER (WHERE is_of_week) / 1e6)::float8                 AS avg_search_latency_ms_7d,
        (avg(latency_ns) / 1e6)::float8                                           AS avg_search_latency_ms_30d,
        count(*) - count(latency_ns)                                              AS searches_unmeasured_30d
    FROM search
), counted AS (
    SELECT
        count(*)                                                                  AS videos_total,
        count(*) FILTER (WHERE state = 'ready')                                   AS videos_ready_total,
        count(*) FILTER (WHERE state = 'failed')                                  AS videos_failed_total,
        count(*) FILTER (WHERE state = 'queued')                                  AS videos_queued_total,
        count(*) FILTER (WHERE state = 'processing')                              AS videos_processing_total,
        count(*) FILTER (WHERE state = 'cancelled')                               AS videos_cancelled_total,
        coalesce(sum(scene_count), 0)::bigint                                     AS scenes_total,
        sum(duration_ns) FILTER (WHERE state = 'ready')                           AS ready_ns,
        count(duration_ns) FILTER (WHERE state = 'ready')                         AS measured
    FROM video
)
SELECT
    videos_total, videos_ready_total, videos_failed_total, videos_queued_total, videos_processing_total,
    videos_cancelled_total, scenes_total, searched.*,
    (100.0 * videos_failed_total / nullif(videos_ready_total + videos_failed_total, 0))::float8 AS failure_rate_pct,
    CASE WHEN videos_ready_total = 0 OR measured > 0 THEN (coalesce(ready_ns, 0) / 3.6e12)::float8 END AS hours_ready_total,
    (
        SELECT count(*)
        FROM (SELECT owner_id FROM metrics.videos UNION SELECT owner_id FROM metrics.search_events) AS person
    )                                                                             AS users_total,
    (
        SELECT count(*)
        FROM metrics.operations
        WHERE counted_at >= $1 AND counted_at < $2 AND operation = 'export' AND outcome = 'succeeded'
    )                                                                             AS exports_30d,
    measured,
    0                                                                             AS approximate,
    videos_ready_total - measured                                                 AS missing
FROM counted CROSS JOIN searched

-- name: oracle_latency
-- What the SQL function tells.
SELECT * FROM metrics.get_admin_processing_latency($1::timestamptz, $2::timestamptz, $3::text)

-- name: oracle_rtf
-- What the SQL function tells.
SELECT * FROM metrics.get_admin_rtf_distribution($1::timestamptz, $2::timestamptz, $3::text)

-- name: oracle_queue
-- What the SQL function tells.
SELECT * FROM metrics.get_admin_queue_analysis($1::timestamptz, $2::timestamptz, $3::text)

-- name: oracle_failures
-- What the SQL function tells.
SELECT * FROM metrics.get_admin_failures_by_stage($1::timestamptz, $2::timestamptz, $3::text)

-- name: oracle_throughput
-- What the SQL function tells.
SELECT * FROM metrics.get_admin_throughput_timeseries_v2($1::timestamptz, $2::timestamptz, $3::text)

-- name: rebuilt_attempts
-- What the sketches of attempts should hold, by hour, of each owner and of all together.
SELECT
    coalesce(owner_id, '')                                                        AS owner_id,
    date_trunc('hour', counted_at, 'UTC')                                         AS period_start,
    measure, stage, outcome, model,
    count(value) FILTER (WHERE NOT is_partial)                                    AS measured,
    count(value) FILTER (WHERE is_partial)                                        AS approximate,
    count(*) FILTER (WHERE value IS NULL)                                         AS missing,
    coalesce(sum(value), 0)                                                       AS total,
    min(value)                                                                    AS smallest,
    max(value)                                                                    AS largest,
    CASE WHEN measure IN ('work', 'wait')
        THEN array_agg(value) FILTER (WHERE value IS NOT NULL) END                AS lengths
FROM metrics.stage_events
CROSS JOIN LATERAL (VALUES
    ('work', duration_ns, is_clock_corrected OR is_backfilled),
    ('wait', wait_ns, is_clock_corrected OR is_backfilled),
    ('cpu', cpu_ns, false),
    ('gpu', gpu_ns, false),
    ('energy', energy_uj, false),
    ('calls', model_calls, false)
) AS told (measure, value, is_partial)
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
  AND (value IS NOT NULL OR measure IN ('work', 'wait', 'cpu'))
GROUP BY GROUPING SETS (
    (owner_id, period_start, measure, stage, outcome, model), (period_start, measure, stage, outcome, model)
)

-- name: rebuilt_runs
-- What the sketches of runs should hold, by hour, of each owner and of all together.
WITH run AS (
    SELECT
        owner_id,
        date_trunc('hour', counted_at, 'UTC')                                     AS period_start,
        CASE WHEN stage = 'failed' THEN failed_stage ELSE stage END               AS end_stage,
        outcome,
        stage = 'completed' AND outcome = 'succeeded'                             AS is_ready,
        is_backfilled,
        is_clock_corrected OR is_backfilled                                       AS is_corrected,
        is_clock_corrected OR is_backfilled OR unmeasured_attempts > 0            AS is_partial,
        duration_ns, queue_ns, elapsed_ns, video_duration_ns,
        CASE WHEN queue_ns IS NOT NULL AND duration_ns IS NOT NULL
            THEN least(queue_ns::numeric + duration_ns, 9223372036854775807)::bigint END AS total_ns,
        duration_ns IS NOT NULL AND video_duration_ns > 0                         AS has_rtf,
        CASE WHEN duration_ns IS NOT NULL AND video_duration_ns > 0
            THEN duration_ns::float8 / video_duration_ns::float8 * 1e9::float8 END AS ratio
    FROM metrics.video_runs
    WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
)
SELECT
    coalesce(owner_id, '')                                                        AS owner_id,
    period_start, measure,
    end_stage                                                                     AS stage,
    outcome,
    ''                                                                            AS model,
    count(*) FILTER (WHERE (value IS NOT NULL OR measure = 'run') AND NOT told.is_partial) AS measured,
    count(*) FILTER (WHERE (value IS NOT NULL OR measure = 'run') AND told.is_partial)     AS approximate,
    count(*) FILTER (WHERE value IS NULL AND measure <> 'run')                    AS missing,
    coalesce(sum(value), 0)                                                       AS total,
    min(value)                                                                    AS smallest,
    max(value)                                                                    AS largest,
    CASE WHEN measure IN ('processing', 'queue', 'total', 'elapsed', 'rtf', 'video_length')
        THEN array_agg(value) FILTER (WHERE value IS NOT NULL) END                AS lengths
FROM run
CROSS JOIN LATERAL (VALUES
    ('run', NULL::bigint, is_backfilled),
    ('processing', duration_ns, run.is_partial),
    ('queue', queue_ns, is_corrected),
    ('total', total_ns, run.is_partial),
    ('queued_processing', CASE WHEN total_ns IS NOT NULL THEN duration_ns END, run.is_partial),
    ('elapsed', elapsed_ns, is_corrected),
    ('rtf', CASE WHEN ratio < 9223372036854775807::float8 THEN round(ratio)::bigint
                 WHEN ratio IS NOT NULL THEN 9223372036854775807 END, run.is_partial),
    ('rtf_video', CASE WHEN has_rtf THEN video_duration_ns END, run.is_partial),
    ('rtf_processing', CASE WHEN has_rtf THEN duration_ns END, run.is_partial),
    ('video_length', video_duration_ns, is_backfilled)
) AS told (measure, value, is_partial)
WHERE is_ready OR measure = 'run'
GROUP BY GROUPING SETS (
    (owner_id, period_start, measure, end_stage, outcome), (period_start, measure, end_stage, outcome)
)

-- name: rebuilt_searches
-- What the sketches of searches should hold, by hour, of each owner and of all together.
SELECT
    coalesce(owner_id, '')                                                        AS owner_id,
    date_trunc('hour', counted_at, 'UTC')                                         AS period_start,
    measure,
    ''                                                                            AS stage,
    'succeeded'                                                                   AS outcome,
    ''                                                                            AS model,
    count(*) FILTER (WHERE value IS NOT NULL OR measure = 'empty_search')         AS measured,
    0                                                                             AS approximate,
    count(*) FILTER (WHERE value IS NULL AND measure = 'search')                  AS missing,
    coalesce(sum(value), 0)                                                       AS total,
    min(value)                                                                    AS smallest,
    max(value)                                                                    AS largest,
    CASE WHEN measure = 'search' THEN array_agg(value) FILTER (WHERE value IS NOT NULL) END AS lengths
FROM metrics.search_events
CROSS JOIN LATERAL (VALUES ('search', latency_ns), ('empty_search', NULL)) AS told (measure, value)
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
  AND (measure = 'search' OR results_count = 0)
GROUP BY GROUPING SETS ((owner_id, period_start, measure), (period_start, measure))

-- name: rebuilt_operations
-- What the sketches of uploads and exports should hold, by hour, of each owner and of all together.
SELECT
    coalesce(owner_id, '')                                                        AS owner_id,
    date_trunc('hour', counted_at, 'UTC')                                         AS period_start,
    operation                                                                     AS measure,
    ''                                                                            AS stage,
    outcome,
    ''                                                                            AS model,
    count(duration_ns) FILTER (WHERE NOT is_clock_corrected)                      AS measured,
    count(duration_ns) FILTER (WHERE is_clock_corrected)                          AS approximate,
    count(*) FILTER (WHERE duration_ns IS NULL)                                   AS missing,
    coalesce(sum(duration_ns), 0)                                                 AS total,
    min(duration_ns)                                                              AS smallest,
    max(duration_ns)                                                              AS largest,
    array_agg(duration_ns) FILTER (WHERE duration_ns IS NOT NULL)                 AS lengths
FROM metrics.operations
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
GROUP BY GROUPING SETS ((owner_id, period_start, operation, outcome), (period_start, operation, outcome))

-- name: kept_sketches
-- The sketches as they are kept; with an owner ($3) only of this one.
SELECT
    owner_id, period_start, is_day, measure, stage, outcome, model, measured, approximate, missing, total, smallest,
    largest, bins
FROM metrics.sketches
WHERE period_start >= $1::timestamptz AND period_start < $2::timestamptz AND ($3::text = '' OR owner_id = $3)

-- name: totals_outside
-- What the sketches of everybody add up to, but for those of a window, with what was forgotten.
SELECT
    measure, stage, outcome, model,
    sum(measured)::bigint                                                         AS measured,
    sum(approximate)::bigint                                                      AS approximate,
    sum(missing)::bigint                                                          AS missing,
    sum(total)                                                                    AS total
FROM (
    SELECT measure, stage, outcome, model, measured, approximate, missing, total
    FROM metrics.sketches
    WHERE owner_id = '' AND NOT (period_start >= $1::timestamptz AND period_start < $2::timestamptz)
    UNION ALL
    SELECT measure, stage, outcome, model, measured, approximate, missing, total FROM metrics.forgotten_totals
) AS counted
GROUP BY measure, stage, outcome, model
