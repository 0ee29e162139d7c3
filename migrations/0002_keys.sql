-- What an API key allows: scopes, queues, until when, how fast. Keys made before allow everything, as they did.

ALTER TABLE api_keys
    ADD COLUMN prefix text NOT NULL DEFAULT 'ph_',
    ADD COLUMN scopes text[] NOT NULL DEFAULT '{admin}'
        CHECK (cardinality(scopes) > 0 AND scopes <@ '{enqueue,read,manage,replay,admin}'),
    ADD COLUMN queues text[] NOT NULL DEFAULT '{*}' CHECK (cardinality(queues) > 0),
    ADD COLUMN rate integer CHECK (rate > 0),
    ADD COLUMN burst integer CHECK (burst > 0),
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN last_used_at timestamptz,
    ADD COLUMN successor uuid REFERENCES api_keys (id),
    ADD CHECK ((rate IS NULL) = (burst IS NULL));

-- From now on whoever makes a key says what it allows.
ALTER TABLE api_keys
    ALTER COLUMN prefix DROP DEFAULT,
    ALTER COLUMN scopes DROP DEFAULT,
    ALTER COLUMN queues DROP DEFAULT;

COMMENT ON COLUMN api_keys.prefix IS 'The key''s first characters, for people to know it by; of keys made before this column, only `ph_`.';
COMMENT ON COLUMN api_keys.queues IS 'Globs of the names of queues that the key sees and touches.';
COMMENT ON COLUMN api_keys.rate IS 'Tasks a second that may be enqueued with it; null: as many as there are.';
COMMENT ON COLUMN api_keys.burst IS 'Tasks that may be enqueued at once.';
COMMENT ON COLUMN api_keys.last_used_at IS 'To the minute. Writing it does not count as a change.';
COMMENT ON COLUMN api_keys.successor IS 'The key that was made in its place when it was rotated.';
