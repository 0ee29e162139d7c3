-- Deliveries in order: of each key of an endpoint one goes at a time, the oldest first. Those behind it are held: they have a priority that
-- no lane reads, and so cost neither a slot nor memory, however many they are.

ALTER TABLE deliveries ADD COLUMN ordering_key text;
COMMENT ON COLUMN deliveries.ordering_key IS 'What it is in order with, of its endpoint; empty where all are; null for what has no order.';
COMMENT ON COLUMN deliveries.priority IS '0 to 9, 10 for test-sends. Below 0: held behind others of its key; its own is -1 minus this.';

CREATE UNIQUE INDEX deliveries_going ON deliveries (endpoint_id, ordering_key) WHERE ordering_key IS NOT NULL AND priority >= 0;
COMMENT ON INDEX deliveries_going IS 'At most one of a key goes, whatever nodes do.';
CREATE INDEX deliveries_held ON deliveries (endpoint_id, ordering_key, id) WHERE ordering_key IS NOT NULL AND priority < 0;
COMMENT ON INDEX deliveries_held IS 'The next of a key, and which keys have one.';

-- `new_delivery` with its key: see 0004 why it is a type of its own.
CREATE TYPE new_delivery_in_order AS (
    id uuid,
    task_id uuid,
    queue_id uuid,
    endpoint_id uuid,
    due_at timestamptz,
    expires_at timestamptz,
    size integer,
    priority smallint,
    purpose smallint,
    ordering_key text
);
