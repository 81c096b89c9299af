-- name: cost_of_sketched_work
-- What attempts used, by row and model, from the sums of whole UTC days.
SELECT
    CASE $4::text WHEN 'stage' THEN stage WHEN 'owner' THEN owner_id WHEN 'model' THEN model
        ELSE to_char(period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD') END                       AS key,
    model,
    sum(total) FILTER (WHERE measure = 'cpu' AND measured + approximate > 0)                  AS cpu_ns,
    sum(total) FILTER (WHERE measure = 'gpu' AND measured + approximate > 0)                  AS gpu_ns,
    sum(total) FILTER (WHERE measure = 'energy' AND measured + approximate > 0)               AS energy_uj,
    sum(total) FILTER (WHERE measure = 'calls' AND measured + approximate > 0)                AS calls,
    coalesce(sum(measured) FILTER (WHERE measure = 'cpu'), 0)::bigint                         AS measured,
    coalesce(sum(approximate) FILTER (WHERE measure = 'cpu'), 0)::bigint                      AS approximate,
    coalesce(sum(missing) FILTER (WHERE measure = 'cpu'), 0)::bigint                          AS missing
FROM metrics.sketches
WHERE period_start >= $1::timestamptz AND period_start < $2::timestamptz
  AND measure IN ('cpu', 'gpu', 'energy', 'calls')
  AND CASE WHEN $4 = 'owner' AND $3::text = '' THEN owner_id <> '' ELSE owner_id = $3 END
GROUP BY 1, 2

-- name: cost_of_work
-- What attempts used, by row and model, from the attempts themselves.
SELECT
    CASE $4::text WHEN 'stage' THEN stage WHEN 'owner' THEN owner_id WHEN 'model' THEN model WHEN 'video' THEN video_id
        ELSE to_char(counted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') END                         AS key,
    model,
    sum(cpu_ns)                                                                               AS cpu_ns,
    sum(gpu_ns)                                                                               AS gpu_ns,
    sum(energy_uj)                                                                            AS energy_uj,
    sum(model_calls)                                                                          AS calls,
    count(cpu_ns)                                                                             AS measured,
    0::bigint                                                                                 AS approximate,
    count(*) FILTER (WHERE cpu_ns IS NULL)                                                    AS missing
FROM metrics.stage_events
WHERE counted_at >= $1::timestamptz AND counted_at < $2::timestamptz AND ($3::text = '' OR owner_id = $3)
GROUP BY 1, 2

-- name: cost_of_storage
-- Bytes times microseconds that were stored, by row; a span that has not ended lasts to the end.
SELECT
    CASE $4::text WHEN 'video' THEN video_id WHEN 'owner' THEN owner_id ELSE 'storage' END    AS key,
    sum(bytes * trunc(extract(epoch FROM least(until_at, $2::timestamptz) - greatest(from_at, $1::timestamptz)) * 1000000))
                                                                                              AS byte_us
FROM metrics.storage_spans
WHERE from_at < $2 AND (until_at IS NULL OR until_at > $1) AND ($3::text = '' OR owner_id = $3)
GROUP BY 1

-- name: storage_changes
-- What a running integral of bytes over time needs: by UTC day, the bytes that came less those that went, and each times
-- its moment in microseconds since 1970.
SELECT
    to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD')                                              AS day,
    sum(bytes)                                                                                AS bytes,
    sum(bytes * trunc(extract(epoch FROM at) * 1000000))                                      AS byte_us
FROM (
    SELECT greatest(from_at, $1::timestamptz) AS at, bytes::numeric
    FROM metrics.storage_spans
    WHERE from_at < $2::timestamptz AND (until_at IS NULL OR until_at > $1) AND ($3::text = '' OR owner_id = $3)
    UNION ALL
    SELECT until_at, -bytes
    FROM metrics.storage_spans
    WHERE from_at < $2 AND until_at > $1 AND until_at < $2 AND ($3 = '' OR owner_id = $3)
) AS change
GROUP BY 1

-- name: present_rate_card
-- The newest version of the prices, if there is one.
SELECT version, currency, per_cpu_second, per_gpu_second, per_joule, per_gb_month, per_model_call, per_model_call_of::text,
    updated_at, updated_by
FROM metrics.rate_cards
ORDER BY version DESC
LIMIT 1

-- name: rate_card
-- One version of the prices.
SELECT version, currency, per_cpu_second, per_gpu_second, per_joule, per_gb_month, per_model_call, per_model_call_of::text,
    updated_at, updated_by
FROM metrics.rate_cards
WHERE version = $1::integer

-- name: add_rate_card
-- Add a version of the prices, unless it is there.
INSERT INTO metrics.rate_cards (version, currency, per_cpu_second, per_gpu_second, per_joule, per_gb_month, per_model_call,
    per_model_call_of, updated_at, updated_by)
VALUES ($1::integer, $2::text, $3::numeric, $4::numeric, $5::numeric, $6::numeric, $7::numeric, $8::text::jsonb,
    $9::timestamptz, $10::text)
ON CONFLICT ON CONSTRAINT rate_cards_pkey DO NOTHING
RETURNING version
