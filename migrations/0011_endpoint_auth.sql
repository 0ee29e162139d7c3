-- How requests show who sends them: values that are kept sealed and never shown.

ALTER TABLE endpoints
    ADD COLUMN auth_sealed bytea,
    ADD COLUMN auth_key_id text,
    ADD COLUMN auth_shown jsonb,
    ADD CHECK ((auth_sealed IS NULL) = (auth_key_id IS NULL)),
    ADD CHECK ((auth_sealed IS NULL) = (auth_shown IS NULL));
CREATE INDEX endpoints_auth_key ON endpoints (auth_key_id) WHERE auth_key_id IS NOT NULL;
COMMENT ON COLUMN endpoints.auth_sealed IS 'proto::EndpointAuth in JSON: nonce and XChaCha20-Poly1305 ciphertext, bound to the row''s id.';
COMMENT ON COLUMN endpoints.auth_key_id IS 'Names the key of the vault that it is sealed with.';
COMMENT ON COLUMN endpoints.auth_shown IS 'The same with every secret value replaced: what is shown.';
