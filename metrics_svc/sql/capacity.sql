-- What capacity is computed from: the work that uploads bring. Exports are asked for one by one, belong to no run, and are
-- left out. $1 and $2 are a half-open window. Numbers come packed, eight bytes each, most significant
-- first: a hundred thousand rows are one value, which costs the reader a millisecond. -2^63 stands for null.

-- name: moment_of_piece
-- When the piece of work ended before which, counted from the newest, so many others of the window did.
SELECT counted_at
FROM metrics.stage_events
WHERE counted_at >= $1 AND counted_at < $2 AND stage <> 'exporting'
ORDER BY counted_at DESC
OFFSET $3 LIMIT 1

-- name: begin_of_work
-- When the first piece of work of a window was handed out, at most a day before it ended.
SELECT min(counted_at - make_interval(
    secs => least(coalesce(duration_ns, 0) / 1e9 + coalesce(wait_ns, 0) / 1e9, 86400)
)) AS begin_at
FROM metrics.stage_events
WHERE counted_at >= $1 AND counted_at < $2 AND NOT is_backfilled AND stage <> 'exporting'

-- name: packed_work
-- The pieces of work that ended in a window, by stage: run, attempt, queued, started (us since 1970), length, wait (ns), model, worker, slots, corrected, skipped.
SELECT stage, string_agg(
    int8send(hashtextextended(video_id || '/' || generation, 0))
    || int8send(attempt)
    || int8send(coalesce((extract(epoch FROM queued_at) * 1000000)::bigint, -9223372036854775808))
    || int8send(coalesce((extract(epoch FROM started_at) * 1000000)::bigint, -9223372036854775808))
    || int8send(coalesce(duration_ns, -9223372036854775808))
    || int8send(coalesce(wait_ns, -9223372036854775808))
    || int8send(hashtextextended(model, 0))
    || int8send(hashtextextended(worker, 0))
    || int8send(worker_slots)
    || int8send(is_clock_corrected::integer)
    || int8send((outcome = 'skipped')::integer),
    ''
) AS pieces
FROM metrics.stage_events
WHERE counted_at >= $1 AND counted_at < $2 AND stage <> 'exporting'
GROUP BY stage

-- name: packed_runs
-- The runs that ended in a window and were recorded while they went: run, queued (us since 1970).
SELECT string_agg(
    int8send(hashtextextended(video_id || '/' || generation, 0))
    || int8send(coalesce((extract(epoch FROM queued_at) * 1000000)::bigint, -9223372036854775808)),
    ''
) AS runs
FROM metrics.video_runs
WHERE counted_at >= $1 AND counted_at < $2 AND NOT is_backfilled

-- name: models_at_work
-- The models that did something in a window, and the number each has in packed_work.
SELECT model, hashtextextended(model, 0) AS key
FROM metrics.stage_events
WHERE counted_at >= $1 AND counted_at < $2 AND model <> '' AND stage <> 'exporting'
GROUP BY model
