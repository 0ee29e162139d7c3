-- How long deliveries wait, and how long endpoints fail.

ALTER TABLE deliveries ADD COLUMN first_due_at timestamptz;
COMMENT ON COLUMN deliveries.first_due_at IS 'When it was due at first; null until an attempt has failed, when due_at still says so. Its age is counted from there.';

ALTER TABLE endpoints ADD COLUMN disabled_by text CHECK (disabled_by IN ('hand', 'answer', 'failing'));
COMMENT ON COLUMN endpoints.disabled_by IS 'Who disabled it: a person, an answer of its own, or its long failing. What was not a person is undone by a test that passes. Null: not disabled, or before this column.';

CREATE TABLE failing (
    endpoint_id uuid PRIMARY KEY,
    shard smallint NOT NULL,
    since timestamptz NOT NULL
);
COMMENT ON TABLE failing IS 'Endpoints of which nothing but failures came for a minute or longer: a row is written when that begins, and deleted when it ends.';
CREATE INDEX failing_shard ON failing (shard);
