COMMENT ON COLUMN metrics.video_runs.duration_ns IS
    'Processing time in nanoseconds, from the first start to the end of the run, waits before retries included; null when it was not measured.';
