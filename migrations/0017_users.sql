-- People who sign in to the console by a name and a password.

CREATE TABLE users (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    password text NOT NULL,
    role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    queues text[] NOT NULL CHECK (cardinality(queues) > 0),
    disabled boolean NOT NULL,
    epoch integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    signed_in_at timestamptz,
    deleted_at timestamptz,
    changed bigint NOT NULL
);
CREATE UNIQUE INDEX users_name ON users (name) WHERE deleted_at IS NULL;
CREATE INDEX users_changed ON users (changed);
COMMENT ON COLUMN users.name IS 'In lower case: a name is the same however it is typed.';
COMMENT ON COLUMN users.password IS 'Argon2id, as a PHC string with its own parameters and salt; empty once the user is deleted.';
COMMENT ON COLUMN users.queues IS 'Globs of the names of queues that the user sees and touches.';
COMMENT ON COLUMN users.epoch IS 'A session names the one it was begun in; a higher one ends it.';
COMMENT ON COLUMN users.signed_in_at IS 'The last time. Writing it does not count as a change.';

ALTER TABLE audit
    DROP CONSTRAINT audit_actor_kind_check,
    ADD CONSTRAINT audit_actor_kind_check CHECK (actor_kind IN ('key', 'token', 'user', 'server'));
COMMENT ON COLUMN audit.actor IS 'The id of an API key or a user, or the subject of a token at its issuer.';
