ALTER TABLE ingest.videos ADD COLUMN end_backfilled_by text;
COMMENT ON COLUMN ingest.videos.end_backfilled_by IS
    'Backfill that took processing_finished_at from updated_at, so that it is known approximately; null when it was measured.';
