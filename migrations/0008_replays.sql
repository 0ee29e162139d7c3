-- Replays as jobs: what a filter means is replayed in the background, at a rate of its own, over restarts.

CREATE TABLE replay_jobs (
    id uuid PRIMARY KEY,
    reach text[] NOT NULL CHECK (cardinality(reach) > 0),
    filter jsonb NOT NULL,
    target_id uuid,
    rate integer NOT NULL CHECK (rate BETWEEN 1 AND 10000),
    source text NOT NULL CHECK (source IN ('dead', 'delivered', 'any')),
    parts uuid[] NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'paused', 'done', 'cancelled')),
    part integer NOT NULL DEFAULT 0,
    after_at timestamptz,
    after_id uuid,
    expected bigint NOT NULL,
    expected_exact boolean NOT NULL,
    looked bigint NOT NULL DEFAULT 0,
    matched bigint NOT NULL DEFAULT 0,
    done bigint NOT NULL DEFAULT 0,
    problem text,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    node_id uuid,
    leased_until timestamptz,
    CHECK ((status IN ('done', 'cancelled')) = (ended_at IS NOT NULL)),
    CHECK ((after_at IS NULL) = (after_id IS NULL))
);
CREATE INDEX replay_jobs_running ON replay_jobs (id) WHERE status = 'running';
COMMENT ON TABLE replay_jobs IS 'Replays as jobs. One node at a time works on a job; each batch and the place to which it leads are one transaction.';
COMMENT ON COLUMN replay_jobs.reach IS 'Globs of the queues it may touch: the names of the queues it is about, or what whoever began it reached. Who reaches less does not see it.';
COMMENT ON COLUMN replay_jobs.filter IS 'proto::ReplayFilter, as it was given.';
COMMENT ON COLUMN replay_jobs.parts IS 'What is gone through, one after the other: queues, or endpoints, by the source and the filter.';
COMMENT ON COLUMN replay_jobs.part IS 'The part that it has come to, from 0; and in it, after_at and after_id: the last row looked at.';
COMMENT ON COLUMN replay_jobs.expected IS 'What was counted when it began; at least so many, where expected_exact is false.';
COMMENT ON COLUMN replay_jobs.problem IS 'Why the last batch failed; it is tried again.';
COMMENT ON COLUMN replay_jobs.leased_until IS 'By the database''s clock. Who works on it does not rest on it: a batch locks the row, and names its node.';

ALTER TABLE deliveries ADD COLUMN replay_id uuid;
COMMENT ON COLUMN deliveries.replay_id IS 'The job that made it, if one did.';

ALTER TABLE dead_letters ADD COLUMN replay_id uuid;
COMMENT ON COLUMN dead_letters.replay_id IS 'The job that made its delivery: that job does not replay it once more.';
