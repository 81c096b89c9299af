CREATE TABLE metrics.alert_rules (
    rule_id           text             CONSTRAINT alert_rules_pkey PRIMARY KEY,
    version           integer          NOT NULL CONSTRAINT alert_rules_version_check CHECK (version >= 1),
    is_enabled        boolean          NOT NULL,
    fire_threshold    double precision NOT NULL,
    resolve_threshold double precision NOT NULL,
    fire_after        interval         NOT NULL,
    resolve_after     interval         NOT NULL,
    min_samples       integer          NOT NULL CONSTRAINT alert_rules_min_samples_check CHECK (min_samples >= 1),
    look_back         interval,
    updated_at        timestamptz      NOT NULL,
    updated_by        text             NOT NULL
);

COMMENT ON TABLE metrics.alert_rules IS 'Rules whose numbers somebody changed, whole; the others have their defaults, which are in the code (domain/alert_rules.py).';
COMMENT ON COLUMN metrics.alert_rules.rule_id IS 'Id of the rule, a lower-case word.';
COMMENT ON COLUMN metrics.alert_rules.version IS 'Rises with every change, counted from 1.';
COMMENT ON COLUMN metrics.alert_rules.is_enabled IS 'Whether it is looked at.';
COMMENT ON COLUMN metrics.alert_rules.fire_threshold IS 'Value at which it fires, in the unit of the rule.';
COMMENT ON COLUMN metrics.alert_rules.resolve_threshold IS 'Value at which it resolves, on the good side of fire_threshold.';
COMMENT ON COLUMN metrics.alert_rules.fire_after IS 'How long it must be broken before it fires.';
COMMENT ON COLUMN metrics.alert_rules.resolve_after IS 'How long it must be kept before it resolves.';
COMMENT ON COLUMN metrics.alert_rules.min_samples IS 'How many samples must be behind the value before it may fire.';
COMMENT ON COLUMN metrics.alert_rules.look_back IS 'How far back it looks; null for a rule that looks at the present alone.';
COMMENT ON COLUMN metrics.alert_rules.updated_at IS 'When it was changed.';
COMMENT ON COLUMN metrics.alert_rules.updated_by IS 'Who changed it.';

CREATE TABLE metrics.alert_silences (
    rule_id  text        CONSTRAINT alert_silences_pkey PRIMARY KEY,
    until_at timestamptz NOT NULL,
    set_at   timestamptz NOT NULL,
    set_by   text        NOT NULL,
    comment  text        NOT NULL
);

COMMENT ON TABLE metrics.alert_silences IS 'Rules of which nobody is told for a while; a silence that is over lifts itself.';
COMMENT ON COLUMN metrics.alert_silences.rule_id IS 'The rule.';
COMMENT ON COLUMN metrics.alert_silences.until_at IS 'First moment at which somebody is told again.';
COMMENT ON COLUMN metrics.alert_silences.set_at IS 'When it was asked for.';
COMMENT ON COLUMN metrics.alert_silences.set_by IS 'Who asked for it.';
COMMENT ON COLUMN metrics.alert_silences.comment IS 'Why; empty when nobody said.';

CREATE TABLE metrics.alerts (
    alert_id       text             CONSTRAINT alerts_pkey PRIMARY KEY,
    rule_id        text             NOT NULL,
    began_at       timestamptz      NOT NULL,
    fired_at       timestamptz      NOT NULL,
    value          double precision NOT NULL,
    worst_value    double precision NOT NULL,
    fire_threshold double precision NOT NULL,
    samples        integer          NOT NULL,
    about          text             NOT NULL,
    sentence       text             NOT NULL,
    resolved_at    timestamptz      CONSTRAINT alerts_order_check CHECK (resolved_at >= fired_at),
    resolved_value double precision,
    end_reason     text             CONSTRAINT alerts_end_reason_check CHECK (end_reason IN ('kept', 'disabled')),
    CONSTRAINT alerts_end_check CHECK ((resolved_at IS NULL) = (end_reason IS NULL))
);

COMMENT ON TABLE metrics.alerts IS 'One row per alert that fired; a rule has at most one that is open.';
COMMENT ON COLUMN metrics.alerts.alert_id IS 'Identity of the alert.';
COMMENT ON COLUMN metrics.alerts.rule_id IS 'Its rule.';
COMMENT ON COLUMN metrics.alerts.began_at IS 'Since when the rule was broken.';
COMMENT ON COLUMN metrics.alerts.fired_at IS 'When it fired.';
COMMENT ON COLUMN metrics.alerts.value IS 'Value by which it fired, in the unit of the rule.';
COMMENT ON COLUMN metrics.alerts.worst_value IS 'Worst value while it was open.';
COMMENT ON COLUMN metrics.alerts.fire_threshold IS 'Value at which the rule fired then.';
COMMENT ON COLUMN metrics.alerts.samples IS 'How many samples were behind the value.';
COMMENT ON COLUMN metrics.alerts.about IS 'Which part is concerned, such as a stage; empty where a rule knows no parts.';
COMMENT ON COLUMN metrics.alerts.sentence IS 'What was measured when it fired, for people.';
COMMENT ON COLUMN metrics.alerts.resolved_at IS 'When it was resolved; null while it is open.';
COMMENT ON COLUMN metrics.alerts.resolved_value IS 'Value by which it was resolved; null before, or when nothing was measured.';
COMMENT ON COLUMN metrics.alerts.end_reason IS 'kept, or disabled when the rule was turned off; null while it is open.';

CREATE UNIQUE INDEX alerts_open_key ON metrics.alerts (rule_id) WHERE resolved_at IS NULL;
CREATE INDEX alerts_fired_at_idx ON metrics.alerts (fired_at DESC, alert_id DESC);

CREATE TABLE metrics.alert_watchpoints (
    rule_id       text        CONSTRAINT alert_watchpoints_pkey PRIMARY KEY,
    phase         text        NOT NULL CONSTRAINT alert_watchpoints_phase_check
                                       CHECK (phase IN ('inactive', 'pending', 'firing', 'resolving')),
    since         timestamptz NOT NULL,
    began_at      timestamptz,
    looked_at     timestamptz NOT NULL,
    value         double precision,
    samples       integer,
    about         text,
    sentence      text,
    measured_at   timestamptz,
    no_data_since timestamptz,
    memory        jsonb       NOT NULL,
    alert_id      text        CONSTRAINT alert_watchpoints_alert_fkey REFERENCES metrics.alerts,
    told_alert_id text        CONSTRAINT alert_watchpoints_told_fkey REFERENCES metrics.alerts,
    CONSTRAINT alert_watchpoints_reading_check CHECK (num_nulls(value, samples, about, sentence, measured_at) IN (0, 5)),
    CONSTRAINT alert_watchpoints_open_check CHECK ((phase IN ('firing', 'resolving')) = (alert_id IS NOT NULL))
);

COMMENT ON TABLE metrics.alert_watchpoints IS 'Where each rule stands between two looks; a rule nobody looked at yet has no row.';
COMMENT ON COLUMN metrics.alert_watchpoints.rule_id IS 'The rule.';
COMMENT ON COLUMN metrics.alert_watchpoints.phase IS 'inactive, pending, firing or resolving.';
COMMENT ON COLUMN metrics.alert_watchpoints.since IS 'When the phase began.';
COMMENT ON COLUMN metrics.alert_watchpoints.began_at IS 'Since when the rule is broken; null while it is not.';
COMMENT ON COLUMN metrics.alert_watchpoints.looked_at IS 'When the rule was last looked at.';
COMMENT ON COLUMN metrics.alert_watchpoints.value IS 'Latest value, in the unit of the rule; null before the first.';
COMMENT ON COLUMN metrics.alert_watchpoints.samples IS 'How many samples were behind it.';
COMMENT ON COLUMN metrics.alert_watchpoints.about IS 'Which part was concerned, such as a stage; empty where a rule knows no parts.';
COMMENT ON COLUMN metrics.alert_watchpoints.sentence IS 'What was measured, for people.';
COMMENT ON COLUMN metrics.alert_watchpoints.measured_at IS 'When it was measured.';
COMMENT ON COLUMN metrics.alert_watchpoints.no_data_since IS 'First look in a row that found no data; null when the last one found some.';
COMMENT ON COLUMN metrics.alert_watchpoints.memory IS 'What the measurement remembers: moments by word, such as since when a stage has had work.';
COMMENT ON COLUMN metrics.alert_watchpoints.alert_id IS 'The open alert; null without one.';
COMMENT ON COLUMN metrics.alert_watchpoints.told_alert_id IS 'The alert of which receivers were told that it fires, and not yet that it was resolved; null without one.';

CREATE TABLE metrics.alert_deliveries (
    number          bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT alert_deliveries_pkey PRIMARY KEY,
    delivery_id     text        NOT NULL CONSTRAINT alert_deliveries_delivery_key UNIQUE,
    alert_id        text        NOT NULL CONSTRAINT alert_deliveries_alert_fkey REFERENCES metrics.alerts ON DELETE CASCADE,
    rule_id         text        NOT NULL,
    event           text        NOT NULL CONSTRAINT alert_deliveries_event_check CHECK (event IN ('fired', 'resolved')),
    receiver        text        NOT NULL,
    body            bytea       NOT NULL,
    state           text        NOT NULL CONSTRAINT alert_deliveries_state_check
                                         CHECK (state IN ('waiting', 'delivered', 'given_up', 'dropped')),
    attempts        integer     NOT NULL,
    created_at      timestamptz NOT NULL,
    next_attempt_at timestamptz,
    finished_at     timestamptz,
    last_status     integer,
    last_error      text        NOT NULL,
    CONSTRAINT alert_deliveries_waiting_check CHECK ((state = 'waiting') = (next_attempt_at IS NOT NULL)),
    CONSTRAINT alert_deliveries_finished_check CHECK ((state = 'waiting') = (finished_at IS NULL))
);

COMMENT ON TABLE metrics.alert_deliveries IS 'Notifications, one row per alert, event and receiver, written in the transaction that changes the alert.';
COMMENT ON COLUMN metrics.alert_deliveries.number IS 'Order in which they were written down.';
COMMENT ON COLUMN metrics.alert_deliveries.delivery_id IS 'Identity, the same in every attempt.';
COMMENT ON COLUMN metrics.alert_deliveries.alert_id IS 'The alert.';
COMMENT ON COLUMN metrics.alert_deliveries.rule_id IS 'Its rule.';
COMMENT ON COLUMN metrics.alert_deliveries.event IS 'fired or resolved.';
COMMENT ON COLUMN metrics.alert_deliveries.receiver IS 'Host of the receiver and a digest of its address; the address itself, which may hold a secret, is only in the settings.';
COMMENT ON COLUMN metrics.alert_deliveries.body IS 'What is sent, byte for byte the same in every attempt.';
COMMENT ON COLUMN metrics.alert_deliveries.state IS 'waiting, delivered, given_up after too many attempts, or dropped because the receiver is no longer configured.';
COMMENT ON COLUMN metrics.alert_deliveries.attempts IS 'Attempts that began.';
COMMENT ON COLUMN metrics.alert_deliveries.created_at IS 'When it was written down.';
COMMENT ON COLUMN metrics.alert_deliveries.next_attempt_at IS 'When the next attempt is due; null unless it waits.';
COMMENT ON COLUMN metrics.alert_deliveries.finished_at IS 'When it was delivered, given up or dropped; null while it waits.';
COMMENT ON COLUMN metrics.alert_deliveries.last_status IS 'HTTP status of the last answer; null without one.';
COMMENT ON COLUMN metrics.alert_deliveries.last_error IS 'What went wrong in the last attempt, cut; empty when nothing did.';

CREATE INDEX alert_deliveries_waiting_idx ON metrics.alert_deliveries (receiver, rule_id, number) WHERE state = 'waiting';
CREATE INDEX alert_deliveries_alert_idx ON metrics.alert_deliveries (alert_id, number);

CREATE INDEX videos_queued_idx ON metrics.videos (updated_at) WHERE state = 'queued' AND NOT is_deleted;
