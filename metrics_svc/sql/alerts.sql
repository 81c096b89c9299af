-- name: alert_turn
-- Try to be the one who looks; the session keeps the lock until it gives it back or ends.
SELECT pg_try_advisory_lock($1::bigint)

-- name: end_alert_turn
-- Give the lock back.
SELECT pg_advisory_unlock($1::bigint)

-- name: changed_alert_rules
-- Rules whose numbers somebody changed.
SELECT rule_id, version, is_enabled, fire_threshold, resolve_threshold, fire_after, resolve_after, min_samples, look_back,
    updated_at, updated_by
FROM metrics.alert_rules

-- name: alert_silences
-- Silences, over or not.
SELECT rule_id, until_at, set_by, comment
FROM metrics.alert_silences

-- name: alert_watchpoints
-- Where each rule stands.
SELECT rule_id, phase, since, began_at, looked_at, value, samples, about, sentence, measured_at, no_data_since,
    memory::text AS memory, alert_id, told_alert_id
FROM metrics.alert_watchpoints

-- name: alerts_of_watchpoints
-- Alerts that are open, or were told and not ended, of the rules that this version knows.
SELECT alert_id, rule_id, began_at, fired_at, value, worst_value, fire_threshold, samples, about, sentence, resolved_at,
    resolved_value, end_reason
FROM metrics.alerts
WHERE alert_id IN (SELECT alert_id FROM metrics.alert_watchpoints UNION SELECT told_alert_id FROM metrics.alert_watchpoints)
  AND rule_id = ANY($1::text[])

-- name: set_alert_rule
-- Keep the next version of a rule unless somebody was faster; a first version comes after the default, version 0.
INSERT INTO metrics.alert_rules AS rule (rule_id, version, is_enabled, fire_threshold, resolve_threshold, fire_after,
    resolve_after, min_samples, look_back, updated_at, updated_by)
VALUES ($1::text, $2::integer, $3::boolean, $4::float8, $5::float8, $6::interval, $7::interval, $8::integer, $9::interval,
    $10::timestamptz, $11::text)
ON CONFLICT ON CONSTRAINT alert_rules_pkey DO UPDATE SET
    version = excluded.version, is_enabled = excluded.is_enabled, fire_threshold = excluded.fire_threshold,
    resolve_threshold = excluded.resolve_threshold, fire_after = excluded.fire_after,
    resolve_after = excluded.resolve_after, min_samples = excluded.min_samples, look_back = excluded.look_back,
    updated_at = excluded.updated_at, updated_by = excluded.updated_by
WHERE rule.version = excluded.version - 1
RETURNING rule.version

-- name: silence_alert_rule
-- Hold the notifications of a rule back.
INSERT INTO metrics.alert_silences (rule_id, until_at, set_at, set_by, comment)
VALUES ($1::text, $2::timestamptz, $3::timestamptz, $4::text, $5::text)
ON CONFLICT ON CONSTRAINT alert_silences_pkey DO UPDATE SET
    until_at = excluded.until_at, set_at = excluded.set_at, set_by = excluded.set_by, comment = excluded.comment

-- name: end_alert_silence
-- End the silence of a rule, if there is one.
DELETE FROM metrics.alert_silences
WHERE rule_id = $1::text

-- name: lock_alert_watchpoints
-- Let nobody else write where rules stand until this transaction ends.
LOCK TABLE metrics.alert_watchpoints IN SHARE ROW EXCLUSIVE MODE

-- name: set_alert
-- Keep an alert: a new one, or what changed of it.
INSERT INTO metrics.alerts (alert_id, rule_id, began_at, fired_at, value, worst_value, fire_threshold, samples, about,
    sentence, resolved_at, resolved_value, end_reason)
VALUES ($1::text, $2::text, $3::timestamptz, $4::timestamptz, $5::float8, $6::float8, $7::float8, $8::integer, $9::text,
    $10::text, $11::timestamptz, $12::float8, $13::text)
ON CONFLICT ON CONSTRAINT alerts_pkey DO UPDATE SET
    worst_value = excluded.worst_value, resolved_at = excluded.resolved_at, resolved_value = excluded.resolved_value,
    end_reason = excluded.end_reason

-- name: set_alert_watchpoint
-- Keep where a rule stands.
INSERT INTO metrics.alert_watchpoints (rule_id, phase, since, began_at, looked_at, value, samples, about, sentence,
    measured_at, no_data_since, memory, alert_id, told_alert_id)
VALUES ($1::text, $2::text, $3::timestamptz, $4::timestamptz, $5::timestamptz, $6::float8, $7::integer, $8::text, $9::text,
    $10::timestamptz, $11::timestamptz, $12::text::jsonb, $13::text, $14::text)
ON CONFLICT ON CONSTRAINT alert_watchpoints_pkey DO UPDATE SET
    phase = excluded.phase, since = excluded.since, began_at = excluded.began_at, looked_at = excluded.looked_at,
    value = excluded.value, samples = excluded.samples, about = excluded.about, sentence = excluded.sentence,
    measured_at = excluded.measured_at, no_data_since = excluded.no_data_since, memory = excluded.memory,
    alert_id = excluded.alert_id, told_alert_id = excluded.told_alert_id

-- name: list_alerts
-- Alerts of some rules that fired in any part of a window, or are open ($4), the newest first, after a place.
SELECT alert_id, rule_id, began_at, fired_at, value, worst_value, fire_threshold, samples, about, sentence, resolved_at,
    resolved_value, end_reason
FROM metrics.alerts
WHERE rule_id = ANY($1::text[])
  AND CASE WHEN $4::boolean THEN resolved_at IS NULL
      ELSE fired_at < $3::timestamptz AND (resolved_at IS NULL OR resolved_at >= $2::timestamptz) END
  AND ($5::timestamptz IS NULL OR (fired_at, alert_id) < ($5, $6::text))
ORDER BY fired_at DESC, alert_id DESC
LIMIT $7::integer

-- name: forget_alerts
-- Remove alerts that ended before a moment, with their deliveries; what receivers still have to hear of stays.
DELETE FROM metrics.alerts
WHERE resolved_at < $1::timestamptz AND NOT EXISTS (
    SELECT FROM metrics.alert_watchpoints AS here WHERE alerts.alert_id IN (here.alert_id, here.told_alert_id)
)

-- name: add_alert_delivery
-- Write a notification down, unless it is there.
INSERT INTO metrics.alert_deliveries (delivery_id, alert_id, rule_id, event, receiver, body, state, attempts, created_at,
    next_attempt_at, last_error)
VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::bytea, 'waiting', 0, $7::timestamptz, $7, '')
ON CONFLICT ON CONSTRAINT alert_deliveries_delivery_key DO NOTHING

-- name: claim_alert_deliveries
-- Take what is due, so that nobody else does before the lease ends. What comes later for the same rule and receiver waits.
-- A wait longer than any that we choose comes of a clock that was set back, and is over.
UPDATE metrics.alert_deliveries
SET attempts = attempts + 1, next_attempt_at = $1::timestamptz + $2::interval
WHERE number IN (
    SELECT due.number
    FROM metrics.alert_deliveries AS due
    WHERE due.state = 'waiting' AND due.receiver = ANY($3::text[])
      AND (due.next_attempt_at <= $1 OR due.next_attempt_at > $1 + interval '1 hour')
      AND NOT EXISTS (
          SELECT FROM metrics.alert_deliveries AS earlier
          WHERE earlier.state = 'waiting' AND earlier.receiver = due.receiver AND earlier.rule_id = due.rule_id
            AND earlier.number < due.number
      )
    ORDER BY due.number
    LIMIT $4::integer
    FOR UPDATE OF due SKIP LOCKED
)
RETURNING delivery_id, receiver, body, attempts

-- name: finish_alert_delivery
-- Close a notification: delivered, by whichever attempt; or given up, by the present one.
UPDATE metrics.alert_deliveries
SET state = $2::text, finished_at = $3::timestamptz, next_attempt_at = NULL, last_status = $4::integer,
    last_error = $5::text
WHERE delivery_id = $1::text AND state = 'waiting' AND ($2 = 'delivered' OR attempts = $6::integer)

-- name: postpone_alert_delivery
-- Say when the next attempt is due, after the present one failed.
UPDATE metrics.alert_deliveries
SET next_attempt_at = $2::timestamptz, last_status = $3::integer, last_error = $4::text
WHERE delivery_id = $1::text AND state = 'waiting' AND attempts = $5::integer

-- name: drop_alert_deliveries
-- Close notifications, written before a moment, for receivers that are not configured.
UPDATE metrics.alert_deliveries
SET state = 'dropped', finished_at = $2::timestamptz, next_attempt_at = NULL
WHERE state = 'waiting' AND receiver <> ALL($1::text[]) AND created_at < $3::timestamptz

-- name: list_alert_deliveries
-- Notifications, the newest first, before a number.
SELECT number, delivery_id, alert_id, rule_id, event, receiver, state, attempts, created_at, next_attempt_at, finished_at,
    last_status, last_error
FROM metrics.alert_deliveries
WHERE ($1::text = '' OR alert_id = $1) AND ($2::bigint IS NULL OR number < $2)
ORDER BY number DESC
LIMIT $3::integer

-- name: alert_rtf
-- Videos that became ready in a window and have a real-time factor, and its 95th percentile.
SELECT
    count(*)                                                                                        AS videos,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ns::float8 / video_duration_ns::float8)   AS p95
FROM metrics.video_runs
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz
  AND stage = 'completed' AND duration_ns IS NOT NULL AND video_duration_ns > 0

-- name: alert_run_ends
-- Runs that became ready or failed in a window.
SELECT
    count(*) FILTER (WHERE stage = 'completed')                         AS ready,
    count(*) FILTER (WHERE stage = 'failed' AND outcome = 'failed')     AS failed
FROM metrics.video_runs
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz

-- name: alert_waiting_videos
-- Videos that nobody has begun, since when the oldest waits, and whether there is a video at all.
SELECT
    count(*)                                                            AS waiting,
    min(updated_at)                                                     AS oldest_at,
    EXISTS (SELECT FROM metrics.videos WHERE NOT is_deleted)            AS is_known
FROM metrics.videos
WHERE state = 'queued' AND NOT is_deleted

-- name: alert_last_ends
-- When work of some stages last ended, of what ended since a moment.
SELECT stage, max(counted_at) AS ended_at
FROM metrics.stage_events
WHERE counted_at >= $1::timestamptz AND stage = ANY($2::text[])
GROUP BY stage

-- name: alert_searches
-- Searches of a window, those that found nothing, and the 95th percentile of their latency.
SELECT
    count(*)                                                                    AS searches,
    count(*) FILTER (WHERE results_count = 0)                                   AS empty,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ns / 1e6::float8)      AS p95_ms
FROM metrics.search_events
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz

-- name: alert_usual
-- Sketches of whole hours and days of everybody: searches, searches that found nothing, and work that succeeded.
SELECT measure, stage, measured, approximate, missing, total, smallest, largest, bins
FROM metrics.sketches
WHERE owner_id = '' AND period_start >= $1::timestamptz AND period_start < $2::timestamptz
  AND (measure IN ('search', 'empty_search') OR measure = 'work' AND outcome = 'succeeded')

-- name: alert_disks
-- How full the file systems under the stores were when they were last looked at.
SELECT store, free_bytes, total_bytes, scanned_at
FROM metrics.stores
WHERE num_nulls(free_bytes, total_bytes) = 0

-- name: alert_contradictions
-- Events that came again in a window and said something else.
SELECT count(*) AS events
FROM metrics.contradictions
WHERE first_seen_at >= $1::timestamptz AND first_seen_at < $2::timestamptz
