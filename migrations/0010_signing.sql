-- Signing with ed25519 beside HMAC, the key that each secret was sealed with, and who did what of consequence.

ALTER TABLE endpoint_secrets
    ADD COLUMN scheme text NOT NULL DEFAULT 'v1' CHECK (scheme IN ('v1', 'v1a')),
    ADD COLUMN public_key bytea CHECK (length(public_key) = 32),
    ADD COLUMN key_id text,
    ADD CHECK ((scheme = 'v1a') = (public_key IS NOT NULL));
CREATE INDEX endpoint_secrets_key ON endpoint_secrets (key_id);
COMMENT ON COLUMN endpoint_secrets.scheme IS 'v1: HMAC-SHA256 with a shared secret. v1a: ed25519; what is sealed is the seed of 32 bytes.';
COMMENT ON COLUMN endpoint_secrets.public_key IS 'What verifies its signatures; it is no secret. Null where the secret itself does.';
COMMENT ON COLUMN endpoint_secrets.key_id IS 'Names the key of the vault that it is sealed with; null for one that was sealed before there could be several.';

CREATE TABLE audit (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    actor_kind text NOT NULL CHECK (actor_kind IN ('key', 'token', 'server')),
    actor text NOT NULL,
    actor_name text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    endpoint_id uuid,
    queues text[] NOT NULL CHECK (cardinality(queues) > 0)
);
COMMENT ON TABLE audit IS 'Who did what of consequence: secrets shown or changed, keys, what was deleted. Written by the statement or transaction that does it.';
COMMENT ON COLUMN audit.id IS 'UUIDv7 of the moment.';
COMMENT ON COLUMN audit.actor IS 'The id of an API key, or the subject of a token at its issuer.';
COMMENT ON COLUMN audit.subject IS 'What it was done to: an id, or a queue''s name.';
COMMENT ON COLUMN audit.queues IS 'Globs of the queues that it concerns: whoever does not reach all of them is not shown it.';
