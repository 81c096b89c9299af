-- What the intake writes: raw events are copied into their tables, sketches are added to. Times are microseconds since 1970.

-- name: lock_writers
-- Let one writer in at a time; others wait until its transaction ends.
SELECT pg_advisory_xact_lock(5716346)

-- name: known_stage_events
-- What is kept of attempts with these keys.
SELECT
    event_key, video_id, owner_id, generation, stage, attempt, outcome, reason,
    (extract(epoch FROM queued_at) * 1000000)::bigint AS queued_us,
    (extract(epoch FROM started_at) * 1000000)::bigint AS started_us,
    (extract(epoch FROM finished_at) * 1000000)::bigint AS finished_us,
    (extract(epoch FROM counted_at) * 1000000)::bigint AS counted_us, duration_ns, wait_ns, is_clock_corrected,
    video_duration_ns, items, bytes_read, model, worker, cpu_ns, gpu_ns, energy_uj, model_calls, worker_slots,
    is_backfilled
FROM metrics.stage_events
WHERE event_key = ANY($1::uuid[])

-- name: known_video_runs
-- What is kept of ends of runs with these keys, or of the same runs.
SELECT
    event_key, video_id, owner_id, generation, stage, outcome, failed_stage, reason,
    (extract(epoch FROM queued_at) * 1000000)::bigint AS queued_us,
    (extract(epoch FROM started_at) * 1000000)::bigint AS started_us,
    (extract(epoch FROM finished_at) * 1000000)::bigint AS finished_us,
    (extract(epoch FROM counted_at) * 1000000)::bigint AS counted_us, duration_ns, queue_ns, is_clock_corrected,
    video_duration_ns, elapsed_ns, unmeasured_attempts, is_backfilled
FROM metrics.video_runs
WHERE event_key IN (
    SELECT event_key FROM metrics.video_runs WHERE event_key = ANY($1::uuid[])
    UNION
    SELECT run.event_key
    FROM unnest($2::text[], $3::integer[]) AS ended (video_id, generation)
    CROSS JOIN LATERAL (
        SELECT kept.event_key
        FROM metrics.video_runs AS kept
        WHERE kept.video_id = ended.video_id AND kept.generation = ended.generation
        OFFSET 0
    ) AS run
)

-- name: known_search_events
-- What is kept of searches with these keys.
SELECT
    event_key, owner_id, (extract(epoch FROM asked_at) * 1000000)::bigint AS asked_us,
    (extract(epoch FROM counted_at) * 1000000)::bigint AS counted_us, latency_ns, results_count, query_text,
    video_id
FROM metrics.search_events
WHERE event_key = ANY($1::uuid[])

-- name: known_operations
-- What is kept of operations with these keys.
SELECT
    event_key, operation, owner_id, video_id, outcome, reason,
    (extract(epoch FROM started_at) * 1000000)::bigint AS started_us,
    (extract(epoch FROM finished_at) * 1000000)::bigint AS finished_us,
    (extract(epoch FROM counted_at) * 1000000)::bigint AS counted_us, duration_ns, is_clock_corrected, size_bytes,
    media_duration_ns
FROM metrics.operations
WHERE event_key = ANY($1::uuid[])

-- name: add_contradiction
-- Remember an event that says something else than the one that stands.
INSERT INTO metrics.contradictions (event_key, digest, kind, event_id, owner_id, differences)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING

-- name: bins_of_cells
-- The bins of those rows that are there, by the number each is asked for with.
-- OFFSET 0 keeps the planner from joining thousands of rows with all rows of the same hour.
SELECT wanted.number, found.bins
FROM unnest(
    $1::text::text[], $2::text::bigint[], $3::text::text[], $4::text::text[], $5::text::text[], $6::text::text[],
    $8::text::bigint[]
) AS wanted (owner_id, period_us, measure, stage, outcome, model, number)
CROSS JOIN LATERAL (
    SELECT kept.bins
    FROM metrics.sketches AS kept
    WHERE kept.owner_id = wanted.owner_id AND kept.period_start = to_timestamp(wanted.period_us / 1000000)
      AND kept.is_day = $7::boolean AND kept.measure = wanted.measure AND kept.stage = wanted.stage
      AND kept.outcome = wanted.outcome AND kept.model = wanted.model
    OFFSET 0
) AS found

-- name: add_to_sketches
-- Add counts and sums to rows, or make them; bins come merged already, and empty where none were added.
INSERT INTO metrics.sketches AS kept (
    owner_id, period_start, measure, stage, outcome, model, is_day, measured, approximate, missing, total, smallest,
    largest, bins
)
SELECT
    owner_id, to_timestamp(period_us / 1000000), measure, stage, outcome, model, $7::boolean, measured, approximate,
    missing, total, smallest, largest, bins
FROM unnest(
    $1::text::text[], $2::text::bigint[], $3::text::text[], $4::text::text[], $5::text::text[], $6::text::text[],
    $8::text::bigint[], $9::text::bigint[], $10::text::bigint[], $11::text::numeric[], $12::text::bigint[],
    $13::text::bigint[], $14::bytea[]
) AS added (
    owner_id, period_us, measure, stage, outcome, model, measured, approximate, missing, total, smallest, largest, bins
)
ON CONFLICT (owner_id, period_start, is_day, measure, stage, outcome, model) DO UPDATE SET
    measured = kept.measured + excluded.measured,
    approximate = kept.approximate + excluded.approximate,
    missing = kept.missing + excluded.missing,
    total = kept.total + excluded.total,
    smallest = least(kept.smallest, excluded.smallest),
    largest = greatest(kept.largest, excluded.largest),
    bins = CASE excluded.bins WHEN '' THEN kept.bins ELSE excluded.bins END

-- name: touch_days
-- Make the versions of days rise; days are counted from 1970.
INSERT INTO metrics.sketch_days AS kept (owner_id, day, version)
SELECT owner_id, date '1970-01-01' + day, nextval('metrics.sketch_versions')
FROM unnest($1::text[], $2::integer[]) AS touched (owner_id, day)
ON CONFLICT (owner_id, day) DO UPDATE SET version = excluded.version

-- name: is_unsketched
-- Whether events are kept and no sketch is: they were taken by a version that had none.
SELECT NOT EXISTS (SELECT FROM metrics.sketch_days) AND NOT EXISTS (SELECT FROM metrics.forgotten_totals) AND (
    EXISTS (SELECT FROM metrics.stage_events) OR EXISTS (SELECT FROM metrics.video_runs)
    OR EXISTS (SELECT FROM metrics.search_events) OR EXISTS (SELECT FROM metrics.operations)
)

-- name: days_to_fold
-- Some days of owners that have hours before $1, at most $2; the oldest thousand rows tell them.
SELECT DISTINCT owner_id, (period_start AT TIME ZONE 'UTC')::date AS day
FROM (
    SELECT owner_id, period_start
    FROM metrics.sketches
    WHERE NOT is_day AND period_start < $1::timestamptz
    ORDER BY period_start
    LIMIT 1000
) AS oldest
ORDER BY day, owner_id
LIMIT $2

-- name: take_hours
-- Take away the hours of some days of owners.
DELETE FROM metrics.sketches AS hour
WHERE ctid = ANY(ARRAY(
    SELECT found.ctid
    FROM unnest($1::text[], $2::date[]) AS folding (owner_id, day)
    CROSS JOIN LATERAL (
        SELECT kept.ctid
        FROM metrics.sketches AS kept
        WHERE kept.owner_id = folding.owner_id AND NOT kept.is_day
          AND kept.period_start >= folding.day::timestamp AT TIME ZONE 'UTC'
          AND kept.period_start < (folding.day + 1)::timestamp AT TIME ZONE 'UTC'
        OFFSET 0
    ) AS found
))
RETURNING
    owner_id, extract(epoch FROM period_start)::bigint * 1000000 AS period_us, measure, stage, outcome, model, measured,
    approximate, missing, total, smallest, largest, bins

-- name: days_to_forget
-- The oldest days of owners before $1, at most $2.
SELECT owner_id, day FROM metrics.sketch_days WHERE day < $1::date ORDER BY day, owner_id LIMIT $2

-- name: remember_totals
-- Add what is about to be forgotten of everybody to what was forgotten before.
INSERT INTO metrics.forgotten_totals AS kept
    (measure, stage, outcome, model, measured, approximate, missing, total)
SELECT measure, stage, outcome, model, sum(measured), sum(approximate), sum(missing), sum(total)
FROM metrics.sketches
JOIN unnest($1::text[], $2::date[]) AS gone (owner, day)
  ON owner_id = gone.owner AND period_start >= gone.day::timestamp AT TIME ZONE 'UTC'
 AND period_start < (gone.day + 1)::timestamp AT TIME ZONE 'UTC'
WHERE owner_id = ''
GROUP BY measure, stage, outcome, model
ON CONFLICT (measure, stage, outcome, model) DO UPDATE SET
    measured = kept.measured + excluded.measured,
    approximate = kept.approximate + excluded.approximate,
    missing = kept.missing + excluded.missing,
    total = kept.total + excluded.total

-- name: forget_sketches
-- Remove the sketches of some days of owners.
DELETE FROM metrics.sketches
WHERE ctid = ANY(ARRAY(
    SELECT found.ctid
    FROM unnest($1::text[], $2::date[]) AS gone (owner_id, day)
    CROSS JOIN LATERAL (
        SELECT kept.ctid
        FROM metrics.sketches AS kept
        WHERE kept.owner_id = gone.owner_id
          AND kept.period_start >= gone.day::timestamp AT TIME ZONE 'UTC'
          AND kept.period_start < (gone.day + 1)::timestamp AT TIME ZONE 'UTC'
        OFFSET 0
    ) AS found
))

-- name: forget_days
-- Remove the versions of some days of owners.
DELETE FROM metrics.sketch_days AS kept
USING unnest($1::text[], $2::date[]) AS gone (owner_id, day)
WHERE kept.owner_id = gone.owner_id AND kept.day = gone.day

-- name: forget_stage_events
-- Remove attempts before $1, at most $2.
DELETE FROM metrics.stage_events WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM metrics.stage_events WHERE counted_at < $1::timestamptz LIMIT $2
))

-- name: forget_video_runs
-- Remove ends of runs before $1, at most $2.
DELETE FROM metrics.video_runs WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM metrics.video_runs WHERE counted_at < $1::timestamptz LIMIT $2
))

-- name: forget_search_events
-- Remove searches before $1, at most $2.
DELETE FROM metrics.search_events WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM metrics.search_events WHERE counted_at < $1::timestamptz LIMIT $2
))

-- name: forget_operations
-- Remove uploads and exports before $1, at most $2.
DELETE FROM metrics.operations WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM metrics.operations WHERE counted_at < $1::timestamptz LIMIT $2
))

-- name: forget_contradictions
-- Remove contradictions that were first seen before $1, at most $2.
DELETE FROM metrics.contradictions WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM metrics.contradictions WHERE first_seen_at < $1::timestamptz LIMIT $2
))
