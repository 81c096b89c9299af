-- The five functions by which the numbers were first told (R-AD2-08). They are the oracle: every sketch is held against
-- them. Each comes in two forms. The one of `days` may be called by role metrics_reader, which sees no row of any table
-- (R-AD2-09); the one of an interval is for the owner of the schema alone, since a narrow interval tells single videos.
-- Sums and real-time factors end where 64 bits do, in nanoseconds and in billionths: 9223372036854775807.

CREATE FUNCTION metrics.window_of_days(days integer, OUT starts_at timestamptz, OUT ends_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    today timestamp := date_trunc('day', now() AT TIME ZONE 'UTC');
BEGIN
    IF days IS NULL OR days NOT BETWEEN 1 AND 365 THEN
        RAISE EXCEPTION 'days must be 1 to 365' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    starts_at := (today - make_interval(days => days - 1)) AT TIME ZONE 'UTC';
    ends_at := (today + interval '1 day') AT TIME ZONE 'UTC';
END $$;
COMMENT ON FUNCTION metrics.window_of_days IS
    'As many whole UTC days, today included; half-open. Refuses less than 1 and more than 365.';

CREATE FUNCTION metrics.get_admin_processing_latency(starts_at timestamptz, ends_at timestamptz, owner text DEFAULT '')
RETURNS TABLE (
    videos_measured integer, avg_processing_ms float8, p50_processing_ms float8, p95_processing_ms float8,
    p99_processing_ms float8, avg_queue_ms float8, avg_total_ms float8
)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT
        count(duration_ns)::integer,
        (avg(duration_ns) / 1e6)::float8,
        percentile_cont(0.50) WITHIN GROUP (ORDER BY duration_ns / 1e6::float8),
        percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ns / 1e6::float8),
        percentile_cont(0.99) WITHIN GROUP (ORDER BY duration_ns / 1e6::float8),
        (avg(queue_ns) / 1e6)::float8,
        (avg(CASE WHEN queue_ns::numeric + duration_ns IS NOT NULL
            THEN least(queue_ns::numeric + duration_ns, 9223372036854775807) END) / 1e6)::float8
    FROM metrics.video_runs
    WHERE counted_at >= $1 AND counted_at < $2 AND ($3 = '' OR owner_id = $3)
      AND stage = 'completed' AND outcome = 'succeeded'
$$;
COMMENT ON FUNCTION metrics.get_admin_processing_latency(timestamptz, timestamptz, text) IS
    'Processing, queue and total time in milliseconds of videos that became ready in [starts_at, ends_at); owner empty: all.';

CREATE FUNCTION metrics.get_admin_rtf_distribution(starts_at timestamptz, ends_at timestamptz, owner text DEFAULT '')
RETURNS TABLE (
    videos_measured integer, avg_rtf float8, p50_rtf float8, p95_rtf float8, p99_rtf float8,
    avg_video_duration_s float8, avg_processing_duration_s float8
)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH ready AS (
        SELECT
            duration_ns, video_duration_ns,
            least(duration_ns::float8 / video_duration_ns, 9223372036.854775807::float8) AS rtf
        FROM metrics.video_runs
        WHERE counted_at >= $1 AND counted_at < $2 AND ($3 = '' OR owner_id = $3)
          AND stage = 'completed' AND outcome = 'succeeded' AND duration_ns IS NOT NULL AND video_duration_ns > 0
    )
    SELECT
        count(*)::integer,
        avg(rtf),
        percentile_cont(0.50) WITHIN GROUP (ORDER BY rtf),
        percentile_cont(0.95) WITHIN GROUP (ORDER BY rtf),
        percentile_cont(0.99) WITHIN GROUP (ORDER BY rtf),
        (avg(video_duration_ns) / 1e9)::float8,
        (avg(duration_ns) / 1e9)::float8
    FROM ready
$$;
COMMENT ON FUNCTION metrics.get_admin_rtf_distribution(timestamptz, timestamptz, text) IS
    'Processing seconds per second of video, of videos that became ready in [starts_at, ends_at) and have a known, positive length; owner empty: all.';

CREATE FUNCTION metrics.get_admin_queue_analysis(starts_at timestamptz, ends_at timestamptz, owner text DEFAULT '')
RETURNS TABLE (
    videos_measured integer, avg_queue_time_s float8, avg_processing_time_s float8, avg_total_time_s float8,
    queue_time_pct float8, processing_time_pct float8
)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH ready AS (
        SELECT duration_ns, least(queue_ns::numeric + duration_ns, 9223372036854775807) AS total_ns
        FROM metrics.video_runs
        WHERE counted_at >= $1 AND counted_at < $2 AND ($3 = '' OR owner_id = $3)
          AND stage = 'completed' AND outcome = 'succeeded' AND duration_ns IS NOT NULL AND queue_ns IS NOT NULL
    )
    SELECT
        count(*)::integer,
        (avg(total_ns - duration_ns) / 1e9)::float8,
        (avg(duration_ns) / 1e9)::float8,
        (avg(total_ns) / 1e9)::float8,
        (100 * sum(total_ns - duration_ns) / nullif(sum(total_ns), 0))::float8,
        (100 * sum(duration_ns) / nullif(sum(total_ns), 0))::float8
    FROM ready
$$;
COMMENT ON FUNCTION metrics.get_admin_queue_analysis(timestamptz, timestamptz, text) IS
    'Waiting against working in seconds, of videos that became ready in [starts_at, ends_at) and have both; owner empty: all.';

CREATE FUNCTION metrics.get_admin_failures_by_stage(starts_at timestamptz, ends_at timestamptz, owner text DEFAULT '')
RETURNS TABLE (processing_stage text, failure_count integer, failure_pct float8)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT failed_stage, count(*)::integer, (100.0 * count(*) / sum(count(*)) OVER ())::float8
    FROM metrics.video_runs
    WHERE counted_at >= $1 AND counted_at < $2 AND ($3 = '' OR owner_id = $3)
      AND stage = 'failed' AND outcome = 'failed'
    GROUP BY failed_stage
    ORDER BY failed_stage
$$;
COMMENT ON FUNCTION metrics.get_admin_failures_by_stage(timestamptz, timestamptz, text) IS
    'Videos that failed in [starts_at, ends_at), by the stage where they broke, cancelled ones not among them; owner empty: all.';

CREATE FUNCTION metrics.get_admin_throughput_timeseries_v2(
    starts_at timestamptz, ends_at timestamptz, owner text DEFAULT ''
)
RETURNS TABLE (
    day date, videos_ready integer, videos_failed integer, hours_ready float8, avg_processing_s float8, avg_rtf float8
)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH ended AS (
        SELECT
            (counted_at AT TIME ZONE 'UTC')::date AS of_day,
            stage = 'completed' AND outcome = 'succeeded' AS is_ready,
            stage = 'failed' AND outcome = 'failed' AS is_failed,
            duration_ns,
            video_duration_ns
        FROM metrics.video_runs
        WHERE counted_at >= $1 AND counted_at < $2 AND ($3 = '' OR owner_id = $3)
    ), every AS (
        SELECT generate_series(
            ($1 AT TIME ZONE 'UTC')::date, (($2 - interval '1 microsecond') AT TIME ZONE 'UTC')::date, interval '1 day'
        )::date AS of_day
    )
    SELECT
        of_day,
        count(*) FILTER (WHERE is_ready)::integer,
        count(*) FILTER (WHERE is_failed)::integer,
        CASE WHEN count(*) FILTER (WHERE is_ready) = 0 OR count(video_duration_ns) FILTER (WHERE is_ready) > 0
            THEN (coalesce(sum(video_duration_ns) FILTER (WHERE is_ready), 0) / 3.6e12)::float8 END,
        (avg(duration_ns) FILTER (WHERE is_ready) / 1e9)::float8,
        avg(least(duration_ns::float8 / nullif(video_duration_ns, 0), 9223372036.854775807::float8))
            FILTER (WHERE is_ready AND duration_ns IS NOT NULL AND video_duration_ns > 0)
    FROM every LEFT JOIN ended USING (of_day)
    GROUP BY of_day
    ORDER BY of_day
$$;
COMMENT ON FUNCTION metrics.get_admin_throughput_timeseries_v2(timestamptz, timestamptz, text) IS
    'What ended on every UTC day of [starts_at, ends_at), empty days included; averages over videos that became ready; hours null when some did and the length of none is known; owner empty: all.';

CREATE FUNCTION metrics.get_admin_processing_latency(days integer)
RETURNS TABLE (
    videos_measured integer, avg_processing_ms float8, p50_processing_ms float8, p95_processing_ms float8,
    p99_processing_ms float8, avg_queue_ms float8, avg_total_ms float8
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT told.*
    FROM metrics.window_of_days($1) AS asked, metrics.get_admin_processing_latency(asked.starts_at, asked.ends_at) AS told
$$;
COMMENT ON FUNCTION metrics.get_admin_processing_latency(integer) IS
    'The same over as many whole UTC days, today included; runs with the rights of the owner of the schema.';

CREATE FUNCTION metrics.get_admin_rtf_distribution(days integer)
RETURNS TABLE (
    videos_measured integer, avg_rtf float8, p50_rtf float8, p95_rtf float8, p99_rtf float8,
    avg_video_duration_s float8, avg_processing_duration_s float8
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT told.*
    FROM metrics.window_of_days($1) AS asked, metrics.get_admin_rtf_distribution(asked.starts_at, asked.ends_at) AS told
$$;
COMMENT ON FUNCTION metrics.get_admin_rtf_distribution(integer) IS
    'The same over as many whole UTC days, today included; runs with the rights of the owner of the schema.';

CREATE FUNCTION metrics.get_admin_queue_analysis(days integer)
RETURNS TABLE (
    videos_measured integer, avg_queue_time_s float8, avg_processing_time_s float8, avg_total_time_s float8,
    queue_time_pct float8, processing_time_pct float8
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT told.*
    FROM metrics.window_of_days($1) AS asked, metrics.get_admin_queue_analysis(asked.starts_at, asked.ends_at) AS told
$$;
COMMENT ON FUNCTION metrics.get_admin_queue_analysis(integer) IS
    'The same over as many whole UTC days, today included; runs with the rights of the owner of the schema.';

CREATE FUNCTION metrics.get_admin_failures_by_stage(days integer)
RETURNS TABLE (processing_stage text, failure_count integer, failure_pct float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT told.*
    FROM metrics.window_of_days($1) AS asked, metrics.get_admin_failures_by_stage(asked.starts_at, asked.ends_at) AS told
$$;
COMMENT ON FUNCTION metrics.get_admin_failures_by_stage(integer) IS
    'The same over as many whole UTC days, today included; runs with the rights of the owner of the schema.';

CREATE FUNCTION metrics.get_admin_throughput_timeseries_v2(days integer)
RETURNS TABLE (
    day date, videos_ready integer, videos_failed integer, hours_ready float8, avg_processing_s float8, avg_rtf float8
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT told.*
    FROM metrics.window_of_days($1) AS asked, metrics.get_admin_throughput_timeseries_v2(asked.starts_at, asked.ends_at) AS told
$$;
COMMENT ON FUNCTION metrics.get_admin_throughput_timeseries_v2(integer) IS
    'The same over as many whole UTC days, today included; runs with the rights of the owner of the schema.';

-- Who may call what: nobody but the owner by default.
REVOKE ALL ON FUNCTION metrics.window_of_days(integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION metrics.get_admin_processing_latency(timestamptz, timestamptz, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION metrics.get_admin_processing_latency(integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION metrics.get_admin_rtf_distribution(timestamptz, timestamptz, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION metrics.get_admin_rtf_distribution(integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION metrics.get_admin_queue_analysis(timestamptz, timestamptz, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION metrics.get_admin_queue_analysis(integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION metrics.get_admin_failures_by_stage(timestamptz, timestamptz, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION metrics.get_admin_failures_by_stage(integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION metrics.get_admin_throughput_timeseries_v2(timestamptz, timestamptz, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION metrics.get_admin_throughput_timeseries_v2(integer) FROM PUBLIC;

CREATE PROCEDURE metrics.let_readers_in()
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'metrics_reader') THEN
        BEGIN
            CREATE ROLE metrics_reader NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN RETURN;
        END;
    END IF;
    GRANT USAGE ON SCHEMA metrics TO metrics_reader;
    GRANT EXECUTE ON FUNCTION
        metrics.get_admin_processing_latency(integer),
        metrics.get_admin_rtf_distribution(integer),
        metrics.get_admin_queue_analysis(integer),
        metrics.get_admin_failures_by_stage(integer),
        metrics.get_admin_throughput_timeseries_v2(integer)
    TO metrics_reader;
END $$;
COMMENT ON PROCEDURE metrics.let_readers_in IS
    'Lets role metrics_reader call the functions of days and nothing else. On a server where the owner of the schema may not make a role, its administrator makes it and the owner calls this again.';
REVOKE ALL ON PROCEDURE metrics.let_readers_in FROM PUBLIC;

CALL metrics.let_readers_in();
