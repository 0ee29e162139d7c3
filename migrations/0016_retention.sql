-- Bounded storage: what is needed no more goes, by whole partitions.

-- What has no partition of its own: rows that come late for one that is gone (results that waited while the database was away, clocks that are
-- slow), or that come while no partition was made for them. Nothing fails for want of a partition. All but empty, and swept row by row.
CREATE TABLE tasks_rest PARTITION OF tasks DEFAULT;
CREATE TABLE attempts_rest PARTITION OF attempts DEFAULT;

CREATE TABLE compactions (
    partition text PRIMARY KEY,
    at timestamptz NOT NULL
);
COMMENT ON TABLE compactions IS 'Partitions of which only what was needed then is left: a small table took the place of the large one.';

CREATE TABLE expunged (
    task_id uuid PRIMARY KEY,
    queue_id uuid NOT NULL,
    at timestamptz NOT NULL
);
COMMENT ON TABLE expunged IS 'Tasks whose content was cleared on request. Beside the tasks, so that these stay insert-only and no enqueue pays for it.';
CREATE INDEX expunged_at ON expunged (at);

CREATE TABLE chores (
    name text PRIMARY KEY,
    holder uuid,
    leased_until timestamptz
);
COMMENT ON TABLE chores IS 'What one node at a time does. Each of its transactions locks the row and names the holder: so one that lost the lease does nothing more.';
INSERT INTO chores (name) VALUES ('storage');

ALTER TABLE nodes ADD COLUMN version text, ADD COLUMN role text;
COMMENT ON COLUMN nodes.version IS 'Of the program; null from versions before this column.';

-- Vacuum comes to what is inserted and deleted all the time long before a fifth of it is dead.
ALTER TABLE idempotency_keys SET (
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0
);
ALTER TABLE dead_letters SET (
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0.05
);
-- A row is updated a dozen times while its minute lasts, and never again: room for that within the page.
ALTER TABLE rollups SET (
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_threshold = 5000
);
-- A few rows, each updated several times a second.
ALTER TABLE replay_jobs SET (fillfactor = 70, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE shards SET (fillfactor = 50, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0);
CREATE INDEX replay_jobs_ended ON replay_jobs (ended_at) WHERE ended_at IS NOT NULL;
