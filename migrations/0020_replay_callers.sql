-- What a replay may touch is what whoever began it reaches; `reach` says what it is about, and so who sees it.

ALTER TABLE replay_jobs ADD COLUMN caller_reach text[] CHECK (cardinality(caller_reach) > 0);
COMMENT ON COLUMN replay_jobs.caller_reach IS 'Globs of the queues that whoever began it reached: it touches tasks and endpoints of these alone. NULL: begun by a version that did not keep them; then those of `reach`.';
