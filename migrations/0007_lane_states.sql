-- What the lanes of all nodes do: for people to look at. Of no use to a lane itself, and gone after a crash, as the lanes are.

CREATE UNLOGGED TABLE lane_states (
    endpoint_id uuid PRIMARY KEY,
    shard smallint NOT NULL,
    state jsonb NOT NULL
) WITH (
    -- A few rows, each updated up to once a second: room for that within the page.
    fillfactor = 50,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 0
);
COMMENT ON TABLE lane_states IS 'Written by the owner of a shard, at most once a second and only what changed; deleted when another node takes the shard over. No row: nothing to tell.';
COMMENT ON COLUMN lane_states.state IS 'proto::Lane.';
CREATE INDEX lane_states_shard ON lane_states (shard);
