-- What the answers read: sketches, and raw events at the edges of a window. Times are microseconds since 1970 where
-- their name ends in _us.

-- name: versions_of_days
-- The days of an owner that have sketches, from $2 to $3, with the versions by which a reader knows what changed.
SELECT day, version
FROM metrics.sketch_days
WHERE owner_id = $1 AND day BETWEEN $2 AND $3

-- name: sketches_between
-- Hours and days of an owner that begin in [$2, $3), of the measures $4; with $5 also of operations not known here.
SELECT
    (period_start AT TIME ZONE 'UTC')::date AS day, measure, stage, outcome, model, measured, approximate, missing,
    total, smallest, largest, bins
FROM metrics.sketches
WHERE owner_id = $1 AND period_start >= $2 AND period_start < $3
  AND (measure = ANY($4::text[]) OR ($5::boolean AND starts_with(measure, 'operation_')))
ORDER BY period_start

-- name: folded_days
-- Those of the days $2 whose hours were folded, so that only the events still tell when in the day.
SELECT day
FROM unnest($2::date[]) AS asked (day)
WHERE EXISTS (
    SELECT FROM metrics.sketches
    WHERE owner_id = $1 AND period_start = asked.day::timestamp AT TIME ZONE 'UTC' AND is_day
)

-- name: stage_events_between
-- Attempts that count in [$1, $2), of one owner or, when $3 is empty, of all.
SELECT
    owner_id, (extract(epoch FROM counted_at) * 1000000)::bigint AS counted_us, stage, outcome, model, duration_ns,
    wait_ns, is_clock_corrected, cpu_ns, gpu_ns, energy_uj, model_calls, is_backfilled
FROM metrics.stage_events
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)

-- name: video_runs_between
-- Ends of runs that count in [$1, $2), of one owner or, when $3 is empty, of all.
SELECT
    owner_id, (extract(epoch FROM counted_at) * 1000000)::bigint AS counted_us, stage, outcome, failed_stage,
    duration_ns, queue_ns, is_clock_corrected, video_duration_ns, elapsed_ns, unmeasured_attempts, is_backfilled
FROM metrics.video_runs
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)

-- name: search_events_between
-- Searches that count in [$1, $2), of one owner or, when $3 is empty, of all.
SELECT owner_id, (extract(epoch FROM counted_at) * 1000000)::bigint AS counted_us, latency_ns, results_count
FROM metrics.search_events
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)

-- name: operations_between
-- Uploads and exports that count in [$1, $2), of one owner or, when $3 is empty, of all.
SELECT
    owner_id, (extract(epoch FROM counted_at) * 1000000)::bigint AS counted_us, operation, outcome, duration_ns,
    is_clock_corrected
FROM metrics.operations
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
