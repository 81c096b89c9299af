-- The view shows whole milliseconds as bigint; an index over the same expression is the only one the planner takes (R-STG-12).
DROP INDEX ingest.idx_videos_processing_duration_ms;
CREATE INDEX idx_videos_processing_duration_ms ON ingest.videos
    ((floor(extract(epoch FROM processing_finished_at - processing_started_at) * 1000)::bigint));
