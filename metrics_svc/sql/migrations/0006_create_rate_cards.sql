CREATE TABLE metrics.rate_cards (
    version           integer     CONSTRAINT rate_cards_pkey PRIMARY KEY
                                  CONSTRAINT rate_cards_version_check CHECK (version >= 1),
    currency          text        NOT NULL CONSTRAINT rate_cards_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    per_cpu_second    numeric(19, 12) NOT NULL CONSTRAINT rate_cards_cpu_check CHECK (per_cpu_second BETWEEN 0 AND 1000000),
    per_gpu_second    numeric(19, 12) NOT NULL CONSTRAINT rate_cards_gpu_check CHECK (per_gpu_second BETWEEN 0 AND 1000000),
    per_joule         numeric(19, 12) NOT NULL CONSTRAINT rate_cards_joule_check CHECK (per_joule BETWEEN 0 AND 1000000),
    per_gb_month      numeric(19, 12) NOT NULL CONSTRAINT rate_cards_gb_month_check CHECK (per_gb_month BETWEEN 0 AND 1000000),
    per_model_call    numeric(19, 12) NOT NULL CONSTRAINT rate_cards_call_check CHECK (per_model_call BETWEEN 0 AND 1000000),
    per_model_call_of jsonb       NOT NULL,
    updated_at        timestamptz NOT NULL,
    updated_by        text        NOT NULL
);

COMMENT ON TABLE metrics.rate_cards IS 'Prices, one row per version; the highest is the present one, rows are never changed. Without a row every price is 0.';
COMMENT ON COLUMN metrics.rate_cards.version IS 'Counted from 1.';
COMMENT ON COLUMN metrics.rate_cards.currency IS 'ISO 4217 code.';
COMMENT ON COLUMN metrics.rate_cards.per_cpu_second IS 'Price of a second of CPU time.';
COMMENT ON COLUMN metrics.rate_cards.per_gpu_second IS 'Price of a second that an accelerator is held.';
COMMENT ON COLUMN metrics.rate_cards.per_joule IS 'Price of a joule.';
COMMENT ON COLUMN metrics.rate_cards.per_gb_month IS 'Price of 10^9 bytes for 30 days of 24 hours.';
COMMENT ON COLUMN metrics.rate_cards.per_model_call IS 'Price of a call of a model that has no price of its own.';
COMMENT ON COLUMN metrics.rate_cards.per_model_call_of IS 'Price of a call by model, name@revision or name: decimal numbers as text.';
COMMENT ON COLUMN metrics.rate_cards.updated_at IS 'When this version was set.';
COMMENT ON COLUMN metrics.rate_cards.updated_by IS 'Who set it.';
