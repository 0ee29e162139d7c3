-- What all queues did in some time. Rows come in the order of time, so an index of a few pages tells where to look, and costs writing nothing.
CREATE INDEX rollups_minute ON rollups USING brin (minute) WITH (pages_per_range = 16, autosummarize = on);
