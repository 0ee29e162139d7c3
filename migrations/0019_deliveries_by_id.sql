-- A delivery is found by its id through the primary key, whatever the statistics say.
--
-- `deliveries` is often empty when it is analyzed, and full of dead rows a moment later. For an empty table all indexes cost the same, and then
-- a search by id went through another index that has the id somewhere: a scan of the whole of it for each id, until the next analysis.
-- These two are for what waits in a queue or a lane. With a condition that all rows meet, only a statement that says so can use them.
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (endpoint_id, priority, due_at, id) WHERE purpose >= 0;
COMMENT ON INDEX deliveries_due IS 'What a lane reads: for each priority the rows that are due, oldest first, and never one that is not. For statements that say purpose >= 0.';
DROP INDEX deliveries_queue;
CREATE INDEX deliveries_queue ON deliveries (queue_id, id) WHERE purpose >= 0;
COMMENT ON INDEX deliveries_queue IS 'What waits in a queue, oldest first. For statements that say purpose >= 0.';
