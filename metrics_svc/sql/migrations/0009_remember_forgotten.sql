CREATE TABLE metrics.forgotten_totals (
    measure     text    NOT NULL,
    stage       text    NOT NULL,
    outcome     text    NOT NULL,
    model       text    NOT NULL,
    measured    bigint  NOT NULL,
    approximate bigint  NOT NULL,
    missing     bigint  NOT NULL,
    total       numeric NOT NULL,
    CONSTRAINT forgotten_totals_pkey PRIMARY KEY (measure, stage, outcome, model)
);

COMMENT ON TABLE metrics.forgotten_totals IS 'What the sketches of forgotten days added up to, of everybody together: a counter of Prometheus never shrinks.';
COMMENT ON COLUMN metrics.forgotten_totals.measure IS 'What was measured: a word of metrics_svc.domain.events.measures.';
COMMENT ON COLUMN metrics.forgotten_totals.stage IS 'Stage as a lower-case word; empty for what is not a stage.';
COMMENT ON COLUMN metrics.forgotten_totals.outcome IS 'Outcome as a lower-case word.';
COMMENT ON COLUMN metrics.forgotten_totals.model IS 'Model, name@revision; empty without one.';
COMMENT ON COLUMN metrics.forgotten_totals.measured IS 'Samples whose value was measured.';
COMMENT ON COLUMN metrics.forgotten_totals.approximate IS 'Samples whose value was approximate.';
COMMENT ON COLUMN metrics.forgotten_totals.missing IS 'Samples that should have had a value and had none.';
COMMENT ON COLUMN metrics.forgotten_totals.total IS 'Exact sum of all values.';
