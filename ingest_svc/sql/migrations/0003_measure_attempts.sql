ALTER TABLE ingest.attempts
    ADD COLUMN duration_ns bigint CONSTRAINT attempts_duration_check CHECK (duration_ns >= 0);
COMMENT ON COLUMN ingest.attempts.duration_ns IS
    'Length of the work in nanoseconds by the monotonic clock of its worker; null where nobody measured it. 0 where the result of an earlier attempt was found, which has the length.';
