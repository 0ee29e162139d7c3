-- The core: configuration (queues, endpoints, secrets, keys), the way of a task (tasks, deliveries, attempts, dead letters),
-- and the cluster (nodes, shards). Hot tables have no foreign keys: a key would lock the queue's row in every group commit.

-- Lists in the console and the API are ordered by id or time; text compares by bytes everywhere.

CREATE TABLE installation (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    id uuid NOT NULL,
    vault_fingerprint text NOT NULL
);
COMMENT ON TABLE installation IS 'One row: who this database belongs to.';
COMMENT ON COLUMN installation.vault_fingerprint IS 'Names the key that secrets are sealed with, so that a node configured with another one notices at start.';

CREATE TABLE catalog (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    version bigint NOT NULL
);
COMMENT ON TABLE catalog IS 'One row: rises with every change of queues, endpoints, secrets or keys. An enqueue is committed only by the version it was prepared with.';
INSERT INTO catalog (version) VALUES (1);

CREATE TABLE queues (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    settings jsonb NOT NULL DEFAULT '{}',
    paused boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    changed bigint NOT NULL
);
CREATE UNIQUE INDEX queues_name ON queues (name) WHERE deleted_at IS NULL;
CREATE INDEX queues_changed ON queues (changed);
COMMENT ON COLUMN queues.settings IS 'proto::DeliverySettings: what was set; what is absent has the default.';
COMMENT ON COLUMN queues.deleted_at IS 'Deleted queues stay until nothing refers to them: their tasks keep a name.';
COMMENT ON COLUMN queues.changed IS 'The catalog version of its last change: nodes read what is newer than what they know.';

CREATE TABLE endpoints (
    id uuid PRIMARY KEY,
    queue_id uuid NOT NULL REFERENCES queues (id),
    shard smallint NOT NULL CHECK (shard BETWEEN 0 AND 255),
    url text NOT NULL,
    description text NOT NULL DEFAULT '',
    filter text[] NOT NULL DEFAULT '{}',
    headers jsonb NOT NULL DEFAULT '{}',
    settings jsonb NOT NULL DEFAULT '{}',
    status text NOT NULL DEFAULT 'enabled' CHECK (status IN ('enabled', 'paused', 'disabled')),
    disabled_reason text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    swept boolean NOT NULL DEFAULT false,
    changed bigint NOT NULL,
    CHECK ((status = 'disabled') = (disabled_reason IS NOT NULL))
);
CREATE INDEX endpoints_queue ON endpoints (queue_id, id);
CREATE INDEX endpoints_changed ON endpoints (changed);
COMMENT ON COLUMN endpoints.shard IS 'hash(id) % 256: whose node pushes to it.';
COMMENT ON COLUMN endpoints.swept IS 'Deleted, and nothing waits for it any more.';
CREATE INDEX endpoints_unswept ON endpoints (deleted_at) WHERE deleted_at IS NOT NULL AND NOT swept;
COMMENT ON COLUMN endpoints.filter IS 'Type globs; empty: every task.';

CREATE TABLE endpoint_secrets (
    id uuid PRIMARY KEY,
    endpoint_id uuid NOT NULL REFERENCES endpoints (id),
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz
);
CREATE INDEX endpoint_secrets_endpoint ON endpoint_secrets (endpoint_id);
COMMENT ON COLUMN endpoint_secrets.sealed IS 'Nonce and XChaCha20-Poly1305 ciphertext, bound to the row''s id.';
COMMENT ON COLUMN endpoint_secrets.expires_at IS 'When it stops signing; null for the current one.';

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    changed bigint NOT NULL
);
CREATE INDEX api_keys_changed ON api_keys (changed);
COMMENT ON COLUMN api_keys.hash IS 'SHA-256 of the key. A key has 256 random bits, so a slow hash would add nothing.';

-- Partitions are made ahead of time, a day each, bounded by the ids of the day's first instant: ids are UUIDv7, so a row's id tells its
-- day, and a look-up by id reads one partition.
CREATE TABLE tasks (
    id uuid PRIMARY KEY,
    queue_id uuid NOT NULL,
    type text NOT NULL,
    content_type text NOT NULL,
    payload bytea NOT NULL,
    headers jsonb,
    priority smallint NOT NULL,
    due_at timestamptz NOT NULL,
    expires_at timestamptz,
    retry jsonb,
    idempotency_key text,
    fanout integer NOT NULL
) PARTITION BY RANGE (id);
CREATE INDEX tasks_queue ON tasks (queue_id, id);
COMMENT ON TABLE tasks IS 'What producers enqueued. Insert-only; retention drops partitions.';
COMMENT ON COLUMN tasks.payload IS 'Sent byte for byte.';
COMMENT ON COLUMN tasks.fanout IS 'How many deliveries were made of it; 0: no endpoint wanted its type.';

CREATE TABLE deliveries (
    id uuid PRIMARY KEY,
    task_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    due_at timestamptz NOT NULL,
    expires_at timestamptz,
    size integer NOT NULL,
    priority smallint NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    purpose smallint NOT NULL DEFAULT 0 CHECK (purpose BETWEEN 0 AND 2),
    reason text
) WITH (
    -- Rows live for milliseconds: what is dead must go long before a fifth of the table is.
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_insert_scale_factor = 0.2,
    autovacuum_analyze_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX deliveries_due ON deliveries (endpoint_id, priority, due_at, id);
CREATE INDEX deliveries_queue ON deliveries (queue_id, id);
COMMENT ON TABLE deliveries IS 'Only what is not finished: no payload, deleted when finished. Never updated before the first attempt.';
COMMENT ON COLUMN deliveries.id IS 'Begins with the 64 bits of the task''s id: the deliveries of a task are a short range.';
COMMENT ON COLUMN deliveries.size IS 'Bytes of the payload: a page of rows is cut by what they will take in memory.';
COMMENT ON COLUMN deliveries.attempts IS 'Attempts made. Whoever writes a verdict names the count it saw: a node that lost the shard changes nothing.';
COMMENT ON COLUMN deliveries.purpose IS '0 live, 1 replay, 2 test-send (pushed although the endpoint is paused or disabled, and never a dead letter).';
COMMENT ON COLUMN deliveries.reason IS 'Why the last attempt failed.';
COMMENT ON INDEX deliveries_due IS 'What a lane reads: for each priority the rows that are due, oldest first, and never one that is not.';

CREATE TABLE attempts (
    id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    task_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    number smallint NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('delivered', 'retry', 'dead', 'cancelled')),
    reason text,
    retry_at timestamptz,
    url text,
    status smallint,
    failure text,
    wait_us integer NOT NULL,
    dns_us integer,
    connect_us integer,
    tls_us integer,
    first_byte_us integer,
    total_us integer NOT NULL,
    response_headers text,
    response_body bytea,
    response_truncated boolean NOT NULL DEFAULT false,
    PRIMARY KEY (delivery_id, id),
    CHECK ((verdict = 'retry') = (retry_at IS NOT NULL))
) PARTITION BY RANGE (id);
CREATE INDEX attempts_endpoint ON attempts (endpoint_id, id);
COMMENT ON TABLE attempts IS 'The log of what happened. Insert-only; retention drops partitions. An expiry or a cancellation is a row without a url.';
COMMENT ON COLUMN attempts.id IS 'UUIDv7 of the attempt''s begin.';
COMMENT ON COLUMN attempts.reason IS 'Null where the verdict is delivered: the status says it all.';
COMMENT ON COLUMN attempts.response_headers IS 'A line each: name, colon, space, value.';

CREATE TABLE dead_letters (
    id uuid PRIMARY KEY,
    task_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    type text NOT NULL,
    size integer NOT NULL,
    priority smallint NOT NULL,
    attempts smallint NOT NULL,
    reason text NOT NULL,
    status smallint,
    failure text,
    died_at timestamptz NOT NULL
);
CREATE INDEX dead_letters_queue ON dead_letters (queue_id, died_at, id);
CREATE INDEX dead_letters_endpoint ON dead_letters (endpoint_id, died_at, id);
CREATE INDEX dead_letters_died ON dead_letters (died_at, id);
COMMENT ON TABLE dead_letters IS 'Deliveries that were given up; kept until replayed, purged or expired.';
COMMENT ON COLUMN dead_letters.id IS 'The delivery''s id.';

CREATE TABLE idempotency_keys (
    queue_id uuid NOT NULL,
    key text NOT NULL,
    task_id uuid NOT NULL,
    fanout integer NOT NULL,
    fingerprint bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (queue_id, key)
);
CREATE INDEX idempotency_keys_expires ON idempotency_keys (expires_at);
COMMENT ON COLUMN idempotency_keys.fingerprint IS 'SHA-256 of the task''s content: the same key with other content is an error.';

CREATE TABLE rollups (
    minute timestamptz NOT NULL,
    queue_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    enqueued bigint NOT NULL DEFAULT 0,
    unmatched bigint NOT NULL DEFAULT 0,
    delivered bigint NOT NULL DEFAULT 0,
    retried bigint NOT NULL DEFAULT 0,
    dead bigint NOT NULL DEFAULT 0,
    latency bigint[] NOT NULL,
    PRIMARY KEY (queue_id, endpoint_id, minute)
);
COMMENT ON TABLE rollups IS 'What went through, by minute: added up in memory, flushed every few seconds by each node.';
COMMENT ON COLUMN rollups.endpoint_id IS 'All zeros for the queue''s own counts.';
COMMENT ON COLUMN rollups.latency IS 'Attempts by duration; bounds are proto::LATENCY_BOUNDS_MS.';

CREATE TABLE nodes (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    dispatching boolean NOT NULL
);
COMMENT ON TABLE nodes IS 'Who is alive, by the database''s clock. A node that was not seen for a lease''s length counts as gone.';

CREATE TABLE shards (
    id smallint PRIMARY KEY CHECK (id BETWEEN 0 AND 255),
    node_id uuid,
    leased_until timestamptz,
    CHECK ((node_id IS NULL) = (leased_until IS NULL))
);
COMMENT ON TABLE shards IS 'Which node pushes for which shard, and until when; by the database''s clock.';
INSERT INTO shards (id) SELECT generate_series(0, 255);
