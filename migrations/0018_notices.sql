-- What those who run an installation are told on the queue `posthaste.ops`.

CREATE TABLE conditions (
    kind text NOT NULL CHECK (kind IN ('dead_letters', 'backlog', 'storage', 'down', 'disabled')),
    subject uuid NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (kind, subject)
);
COMMENT ON TABLE conditions IS 'What was told to have begun and has not ended: so each is told once, whatever nodes do and however often they are started.';
COMMENT ON COLUMN conditions.subject IS 'The queue (dead_letters, backlog) or endpoint (down, disabled); all zeros for the installation (storage).';

CREATE TABLE notices (
    id uuid PRIMARY KEY,
    type text NOT NULL,
    payload text NOT NULL
);
COMMENT ON TABLE notices IS 'What is to be told and is not a task yet: written in the transaction that makes it so, and gone moments later. All but empty.';
COMMENT ON COLUMN notices.id IS 'UUIDv7; also the idempotency key of the task, so that one that was told and is still here is not told twice.';
COMMENT ON COLUMN notices.payload IS 'JSON, byte for byte as it is sent.';

INSERT INTO chores (name) VALUES ('notices');
