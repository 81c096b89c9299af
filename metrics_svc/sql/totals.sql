-- What Prometheus is shown: sums over all time.

-- name: totals
-- Samples and their sum since ever, of everybody together.
SELECT
    measure, stage, outcome, model,
    sum(measured)::bigint    AS measured,
    sum(approximate)::bigint AS approximate,
    sum(missing)::bigint     AS missing,
    sum(total)::numeric      AS total
FROM (
    SELECT measure, stage, outcome, model, measured, approximate, missing, total
    FROM metrics.sketches
    WHERE owner_id = ''
    UNION ALL
    SELECT measure, stage, outcome, model, measured, approximate, missing, total FROM metrics.forgotten_totals
) AS counted
GROUP BY measure, stage, outcome, model
