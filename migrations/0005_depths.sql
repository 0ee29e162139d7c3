-- How deep each queue is, without ever counting it, and how deep it may get.

CREATE TABLE depths (
    queue_id uuid NOT NULL,
    slot smallint NOT NULL,
    deliveries bigint NOT NULL,
    PRIMARY KEY (queue_id, slot)
) WITH (
    -- A few rows, each updated many times a second: room for that within the page.
    fillfactor = 20,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 0
);
COMMENT ON TABLE depths IS 'Deliveries that have not ended, by queue: the sum over the slots. Kept by the statements that make and end deliveries, in their transactions.';
COMMENT ON COLUMN depths.slot IS 'Transactions that are under way at once use different slots, so that none waits for the other''s commit. One slot alone means nothing, and may be negative.';

INSERT INTO depths (queue_id, slot, deliveries) SELECT queue_id, 0, count(*) FROM deliveries GROUP BY queue_id;

ALTER TABLE queues ADD COLUMN max_depth bigint CHECK (max_depth > 0);
COMMENT ON COLUMN queues.max_depth IS 'How many deliveries may wait before enqueues are refused with 429; null for no limit.';
