SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE TYPE public.new_attempt AS (
	id uuid,
	delivery_id uuid,
	task_id uuid,
	queue_id uuid,
	endpoint_id uuid,
	number smallint,
	verdict text,
	reason text,
	retry_at timestamp with time zone,
	url text,
	status smallint,
	failure text,
	wait_us integer,
	dns_us integer,
	connect_us integer,
	tls_us integer,
	first_byte_us integer,
	total_us integer,
	response_headers text,
	response_body bytea,
	response_truncated boolean
);
CREATE TYPE public.new_delivery AS (
	id uuid,
	task_id uuid,
	queue_id uuid,
	endpoint_id uuid,
	due_at timestamp with time zone,
	expires_at timestamp with time zone,
	size integer,
	priority smallint,
	purpose smallint
);
CREATE TYPE public.new_delivery_in_order AS (
	id uuid,
	task_id uuid,
	queue_id uuid,
	endpoint_id uuid,
	due_at timestamp with time zone,
	expires_at timestamp with time zone,
	size integer,
	priority smallint,
	purpose smallint,
	ordering_key text
);
CREATE TYPE public.new_task AS (
	id uuid,
	queue_id uuid,
	type text,
	content_type text,
	payload bytea,
	headers jsonb,
	priority smallint,
	due_at timestamp with time zone,
	expires_at timestamp with time zone,
	retry jsonb,
	idempotency_key text,
	fingerprint bytea,
	fanout integer
);
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public._sqlx_migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);
CREATE TABLE public.api_keys (
    id uuid NOT NULL,
    name text NOT NULL,
    hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    changed bigint NOT NULL,
    prefix text NOT NULL,
    scopes text[] NOT NULL,
    queues text[] NOT NULL,
    rate integer,
    burst integer,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    successor uuid,
    CONSTRAINT api_keys_burst_check CHECK ((burst > 0)),
    CONSTRAINT api_keys_check CHECK (((rate IS NULL) = (burst IS NULL))),
    CONSTRAINT api_keys_hash_check CHECK ((length(hash) = 32)),
    CONSTRAINT api_keys_queues_check CHECK ((cardinality(queues) > 0)),
    CONSTRAINT api_keys_rate_check CHECK ((rate > 0)),
    CONSTRAINT api_keys_scopes_check CHECK (((cardinality(scopes) > 0) AND (scopes <@ '{enqueue,read,manage,replay,admin}'::text[])))
);
COMMENT ON COLUMN public.api_keys.hash IS 'SHA-256 of the key. A key has 256 random bits, so a slow hash would add nothing.';
COMMENT ON COLUMN public.api_keys.prefix IS 'The key''s first characters, for people to know it by; of keys made before this column, only `ph_`.';
COMMENT ON COLUMN public.api_keys.queues IS 'Globs of the names of queues that the key sees and touches.';
COMMENT ON COLUMN public.api_keys.rate IS 'Tasks a second that may be enqueued with it; null: as many as there are.';
COMMENT ON COLUMN public.api_keys.burst IS 'Tasks that may be enqueued at once.';
COMMENT ON COLUMN public.api_keys.last_used_at IS 'To the minute. Writing it does not count as a change.';
COMMENT ON COLUMN public.api_keys.successor IS 'The key that was made in its place when it was rotated.';
CREATE TABLE public.attempts (
    id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    task_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    number smallint NOT NULL,
    verdict text NOT NULL,
    reason text,
    retry_at timestamp with time zone,
    url text,
    status smallint,
    failure text,
    wait_us integer NOT NULL,
    dns_us integer,
    connect_us integer,
    tls_us integer,
    first_byte_us integer,
    total_us integer NOT NULL,
    response_headers text,
    response_body bytea,
    response_truncated boolean DEFAULT false NOT NULL,
    CONSTRAINT attempts_check CHECK (((verdict = 'retry'::text) = (retry_at IS NOT NULL))),
    CONSTRAINT attempts_verdict_check CHECK ((verdict = ANY (ARRAY['delivered'::text, 'retry'::text, 'dead'::text, 'cancelled'::text])))
)
PARTITION BY RANGE (id);
COMMENT ON TABLE public.attempts IS 'The log of what happened. Insert-only; retention drops partitions. An expiry or a cancellation is a row without a url.';
COMMENT ON COLUMN public.attempts.id IS 'UUIDv7 of the attempt''s begin.';
COMMENT ON COLUMN public.attempts.reason IS 'Null where the verdict is delivered: the status says it all.';
COMMENT ON COLUMN public.attempts.response_headers IS 'A line each: name, colon, space, value.';
CREATE TABLE public.attempts_20261121 (
    id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    task_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    number smallint NOT NULL,
    verdict text NOT NULL,
    reason text,
    retry_at timestamp with time zone,
    url text,
    status smallint,
    failure text,
    wait_us integer NOT NULL,
    dns_us integer,
    connect_us integer,
    tls_us integer,
    first_byte_us integer,
    total_us integer NOT NULL,
    response_headers text,
    response_body bytea,
    response_truncated boolean DEFAULT false NOT NULL,
    CONSTRAINT attempts_check CHECK (((verdict = 'retry'::text) = (retry_at IS NOT NULL))),
    CONSTRAINT attempts_verdict_check CHECK ((verdict = ANY (ARRAY['delivered'::text, 'retry'::text, 'dead'::text, 'cancelled'::text])))
);
CREATE TABLE public.attempts_20261122 (
    id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    task_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    number smallint NOT NULL,
    verdict text NOT NULL,
    reason text,
    retry_at timestamp with time zone,
    url text,
    status smallint,
    failure text,
    wait_us integer NOT NULL,
    dns_us integer,
    connect_us integer,
    tls_us integer,
    first_byte_us integer,
    total_us integer NOT NULL,
    response_headers text,
    response_body bytea,
    response_truncated boolean DEFAULT false NOT NULL,
    CONSTRAINT attempts_check CHECK (((verdict = 'retry'::text) = (retry_at IS NOT NULL))),
    CONSTRAINT attempts_verdict_check CHECK ((verdict = ANY (ARRAY['delivered'::text, 'retry'::text, 'dead'::text, 'cancelled'::text])))
);
CREATE TABLE public.attempts_20261123 (
    id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    task_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    number smallint NOT NULL,
    verdict text NOT NULL,
    reason text,
    retry_at timestamp with time zone,
    url text,
    status smallint,
    failure text,
    wait_us integer NOT NULL,
    dns_us integer,
    connect_us integer,
    tls_us integer,
    first_byte_us integer,
    total_us integer NOT NULL,
    response_headers text,
    response_body bytea,
    response_truncated boolean DEFAULT false NOT NULL,
    CONSTRAINT attempts_check CHECK (((verdict = 'retry'::text) = (retry_at IS NOT NULL))),
    CONSTRAINT attempts_verdict_check CHECK ((verdict = ANY (ARRAY['delivered'::text, 'retry'::text, 'dead'::text, 'cancelled'::text])))
);
CREATE TABLE public.attempts_20261124 (
    id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    task_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    number smallint NOT NULL,
    verdict text NOT NULL,
    reason text,
    retry_at timestamp with time zone,
    url text,
    status smallint,
    failure text,
    wait_us integer NOT NULL,
    dns_us integer,
    connect_us integer,
    tls_us integer,
    first_byte_us integer,
    total_us integer NOT NULL,
    response_headers text,
    response_body bytea,
    response_truncated boolean DEFAULT false NOT NULL,
    CONSTRAINT attempts_check CHECK (((verdict = 'retry'::text) = (retry_at IS NOT NULL))),
    CONSTRAINT attempts_verdict_check CHECK ((verdict = ANY (ARRAY['delivered'::text, 'retry'::text, 'dead'::text, 'cancelled'::text])))
);
CREATE TABLE public.attempts_20261125 (
    id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    task_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    number smallint NOT NULL,
    verdict text NOT NULL,
    reason text,
    retry_at timestamp with time zone,
    url text,
    status smallint,
    failure text,
    wait_us integer NOT NULL,
    dns_us integer,
    connect_us integer,
    tls_us integer,
    first_byte_us integer,
    total_us integer NOT NULL,
    response_headers text,
    response_body bytea,
    response_truncated boolean DEFAULT false NOT NULL,
    CONSTRAINT attempts_check CHECK (((verdict = 'retry'::text) = (retry_at IS NOT NULL))),
    CONSTRAINT attempts_verdict_check CHECK ((verdict = ANY (ARRAY['delivered'::text, 'retry'::text, 'dead'::text, 'cancelled'::text])))
);
CREATE TABLE public.attempts_20261126 (
    id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    task_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    number smallint NOT NULL,
    verdict text NOT NULL,
    reason text,
    retry_at timestamp with time zone,
    url text,
    status smallint,
    failure text,
    wait_us integer NOT NULL,
    dns_us integer,
    connect_us integer,
    tls_us integer,
    first_byte_us integer,
    total_us integer NOT NULL,
    response_headers text,
    response_body bytea,
    response_truncated boolean DEFAULT false NOT NULL,
    CONSTRAINT attempts_check CHECK (((verdict = 'retry'::text) = (retry_at IS NOT NULL))),
    CONSTRAINT attempts_verdict_check CHECK ((verdict = ANY (ARRAY['delivered'::text, 'retry'::text, 'dead'::text, 'cancelled'::text])))
);
CREATE TABLE public.attempts_20261127 (
    id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    task_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    number smallint NOT NULL,
    verdict text NOT NULL,
    reason text,
    retry_at timestamp with time zone,
    url text,
    status smallint,
    failure text,
    wait_us integer NOT NULL,
    dns_us integer,
    connect_us integer,
    tls_us integer,
    first_byte_us integer,
    total_us integer NOT NULL,
    response_headers text,
    response_body bytea,
    response_truncated boolean DEFAULT false NOT NULL,
    CONSTRAINT attempts_check CHECK (((verdict = 'retry'::text) = (retry_at IS NOT NULL))),
    CONSTRAINT attempts_verdict_check CHECK ((verdict = ANY (ARRAY['delivered'::text, 'retry'::text, 'dead'::text, 'cancelled'::text])))
);
CREATE TABLE public.attempts_20261128 (
    id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    task_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    number smallint NOT NULL,
    verdict text NOT NULL,
    reason text,
    retry_at timestamp with time zone,
    url text,
    status smallint,
    failure text,
    wait_us integer NOT NULL,
    dns_us integer,
    connect_us integer,
    tls_us integer,
    first_byte_us integer,
    total_us integer NOT NULL,
    response_headers text,
    response_body bytea,
    response_truncated boolean DEFAULT false NOT NULL,
    CONSTRAINT attempts_check CHECK (((verdict = 'retry'::text) = (retry_at IS NOT NULL))),
    CONSTRAINT attempts_verdict_check CHECK ((verdict = ANY (ARRAY['delivered'::text, 'retry'::text, 'dead'::text, 'cancelled'::text])))
);
CREATE TABLE public.attempts_20261129 (
    id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    task_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    number smallint NOT NULL,
    verdict text NOT NULL,
    reason text,
    retry_at timestamp with time zone,
    url text,
    status smallint,
    failure text,
    wait_us integer NOT NULL,
    dns_us integer,
    connect_us integer,
    tls_us integer,
    first_byte_us integer,
    total_us integer NOT NULL,
    response_headers text,
    response_body bytea,
    response_truncated boolean DEFAULT false NOT NULL,
    CONSTRAINT attempts_check CHECK (((verdict = 'retry'::text) = (retry_at IS NOT NULL))),
    CONSTRAINT attempts_verdict_check CHECK ((verdict = ANY (ARRAY['delivered'::text, 'retry'::text, 'dead'::text, 'cancelled'::text])))
);
CREATE TABLE public.audit (
    id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    actor_kind text NOT NULL,
    actor text NOT NULL,
    actor_name text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    endpoint_id uuid,
    queues text[] NOT NULL,
    CONSTRAINT audit_actor_kind_check CHECK ((actor_kind = ANY (ARRAY['key'::text, 'token'::text, 'server'::text]))),
    CONSTRAINT audit_queues_check CHECK ((cardinality(queues) > 0))
);
COMMENT ON TABLE public.audit IS 'Who did what of consequence: secrets shown or changed, keys, what was deleted. Written by the statement or transaction that does it.';
COMMENT ON COLUMN public.audit.id IS 'UUIDv7 of the moment.';
COMMENT ON COLUMN public.audit.actor IS 'The id of an API key, or the subject of a token at its issuer.';
COMMENT ON COLUMN public.audit.subject IS 'What it was done to: an id, or a queue''s name.';
COMMENT ON COLUMN public.audit.queues IS 'Globs of the queues that it concerns: whoever does not reach all of them is not shown it.';
CREATE TABLE public.catalog (
    single boolean DEFAULT true NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT catalog_single_check CHECK (single)
);
COMMENT ON TABLE public.catalog IS 'One row: rises with every change of queues, endpoints, secrets or keys. An enqueue is committed only by the version it was prepared with.';
CREATE TABLE public.dead_letters (
    id uuid NOT NULL,
    task_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    type text NOT NULL,
    size integer NOT NULL,
    priority smallint NOT NULL,
    attempts smallint NOT NULL,
    reason text NOT NULL,
    status smallint,
    failure text,
    died_at timestamp with time zone NOT NULL,
    replay_id uuid
);
COMMENT ON TABLE public.dead_letters IS 'Deliveries that were given up; kept until replayed, purged or expired.';
COMMENT ON COLUMN public.dead_letters.id IS 'The delivery''s id.';
COMMENT ON COLUMN public.dead_letters.replay_id IS 'The job that made its delivery: that job does not replay it once more.';
CREATE TABLE public.deliveries (
    id uuid NOT NULL,
    task_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    due_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    size integer NOT NULL,
    priority smallint NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL,
    purpose smallint DEFAULT 0 NOT NULL,
    reason text,
    first_due_at timestamp with time zone,
    replay_id uuid,
    ordering_key text,
    CONSTRAINT deliveries_purpose_check CHECK (((purpose >= 0) AND (purpose <= 2)))
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='10000', autovacuum_vacuum_insert_scale_factor='0.2', autovacuum_analyze_scale_factor='0.05', autovacuum_vacuum_cost_delay='0');
COMMENT ON TABLE public.deliveries IS 'Only what is not finished: no payload, deleted when finished. Never updated before the first attempt.';
COMMENT ON COLUMN public.deliveries.id IS 'Begins with the 64 bits of the task''s id: the deliveries of a task are a short range.';
COMMENT ON COLUMN public.deliveries.size IS 'Bytes of the payload: a page of rows is cut by what they will take in memory.';
COMMENT ON COLUMN public.deliveries.priority IS '0 to 9, 10 for test-sends. Below 0: held behind others of its key; its own is -1 minus this.';
COMMENT ON COLUMN public.deliveries.attempts IS 'Attempts made. Whoever writes a verdict names the count it saw: a node that lost the shard changes nothing.';
COMMENT ON COLUMN public.deliveries.purpose IS '0 live, 1 replay, 2 test-send (pushed although the endpoint is paused or disabled, and never a dead letter).';
COMMENT ON COLUMN public.deliveries.reason IS 'Why the last attempt failed.';
COMMENT ON COLUMN public.deliveries.first_due_at IS 'When it was due at first; null until an attempt has failed, when due_at still says so. Its age is counted from there.';
COMMENT ON COLUMN public.deliveries.replay_id IS 'The job that made it, if one did.';
COMMENT ON COLUMN public.deliveries.ordering_key IS 'What it is in order with, of its endpoint; empty where all are; null for what has no order.';
CREATE TABLE public.depths (
    queue_id uuid NOT NULL,
    slot smallint NOT NULL,
    deliveries bigint NOT NULL
)
WITH (fillfactor='20', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_cost_delay='0');
COMMENT ON TABLE public.depths IS 'Deliveries that have not ended, by queue: the sum over the slots. Kept by the statements that make and end deliveries, in their transactions.';
COMMENT ON COLUMN public.depths.slot IS 'Transactions that are under way at once use different slots, so that none waits for the other''s commit. One slot alone means nothing, and may be negative.';
CREATE TABLE public.endpoint_secrets (
    id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    scheme text DEFAULT 'v1'::text NOT NULL,
    public_key bytea,
    key_id text,
    CONSTRAINT endpoint_secrets_check CHECK (((scheme = 'v1a'::text) = (public_key IS NOT NULL))),
    CONSTRAINT endpoint_secrets_public_key_check CHECK ((length(public_key) = 32)),
    CONSTRAINT endpoint_secrets_scheme_check CHECK ((scheme = ANY (ARRAY['v1'::text, 'v1a'::text])))
);
COMMENT ON COLUMN public.endpoint_secrets.sealed IS 'Nonce and XChaCha20-Poly1305 ciphertext, bound to the row''s id.';
COMMENT ON COLUMN public.endpoint_secrets.expires_at IS 'When it stops signing; null for the current one.';
COMMENT ON COLUMN public.endpoint_secrets.scheme IS 'v1: HMAC-SHA256 with a shared secret. v1a: ed25519; what is sealed is the seed of 32 bytes.';
COMMENT ON COLUMN public.endpoint_secrets.public_key IS 'What verifies its signatures; it is no secret. Null where the secret itself does.';
COMMENT ON COLUMN public.endpoint_secrets.key_id IS 'Names the key of the vault that it is sealed with; null for one that was sealed before there could be several.';
CREATE TABLE public.endpoints (
    id uuid NOT NULL,
    queue_id uuid NOT NULL,
    shard smallint NOT NULL,
    url text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    filter text[] DEFAULT '{}'::text[] NOT NULL,
    headers jsonb DEFAULT '{}'::jsonb NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    status text DEFAULT 'enabled'::text NOT NULL,
    disabled_reason text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    swept boolean DEFAULT false NOT NULL,
    changed bigint NOT NULL,
    disabled_by text,
    auth_sealed bytea,
    auth_key_id text,
    auth_shown jsonb,
    CONSTRAINT endpoints_check CHECK (((status = 'disabled'::text) = (disabled_reason IS NOT NULL))),
    CONSTRAINT endpoints_check1 CHECK (((auth_sealed IS NULL) = (auth_key_id IS NULL))),
    CONSTRAINT endpoints_check2 CHECK (((auth_sealed IS NULL) = (auth_shown IS NULL))),
    CONSTRAINT endpoints_disabled_by_check CHECK ((disabled_by = ANY (ARRAY['hand'::text, 'answer'::text, 'failing'::text]))),
    CONSTRAINT endpoints_shard_check CHECK (((shard >= 0) AND (shard <= 255))),
    CONSTRAINT endpoints_status_check CHECK ((status = ANY (ARRAY['enabled'::text, 'paused'::text, 'disabled'::text])))
);
COMMENT ON COLUMN public.endpoints.shard IS 'hash(id) % 256: whose node pushes to it.';
COMMENT ON COLUMN public.endpoints.filter IS 'Type globs; empty: every task.';
COMMENT ON COLUMN public.endpoints.swept IS 'Deleted, and nothing waits for it any more.';
COMMENT ON COLUMN public.endpoints.disabled_by IS 'Who disabled it: a person, an answer of its own, or its long failing. What was not a person is undone by a test that passes. Null: not disabled, or before this column.';
COMMENT ON COLUMN public.endpoints.auth_sealed IS 'proto::EndpointAuth in JSON: nonce and XChaCha20-Poly1305 ciphertext, bound to the row''s id.';
COMMENT ON COLUMN public.endpoints.auth_key_id IS 'Names the key of the vault that it is sealed with.';
COMMENT ON COLUMN public.endpoints.auth_shown IS 'The same with every secret value replaced: what is shown.';
CREATE TABLE public.failing (
    endpoint_id uuid NOT NULL,
    shard smallint NOT NULL,
    since timestamp with time zone NOT NULL
);
COMMENT ON TABLE public.failing IS 'Endpoints of which nothing but failures came for a minute or longer: a row is written when that begins, and deleted when it ends.';
CREATE TABLE public.idempotency_keys (
    queue_id uuid NOT NULL,
    key text NOT NULL,
    task_id uuid NOT NULL,
    fanout integer NOT NULL,
    fingerprint bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
COMMENT ON COLUMN public.idempotency_keys.fingerprint IS 'SHA-256 of the task''s content: the same key with other content is an error.';
CREATE TABLE public.installation (
    single boolean DEFAULT true NOT NULL,
    id uuid NOT NULL,
    vault_fingerprint text NOT NULL,
    CONSTRAINT installation_single_check CHECK (single)
);
COMMENT ON TABLE public.installation IS 'One row: who this database belongs to.';
COMMENT ON COLUMN public.installation.vault_fingerprint IS 'Names the key that secrets are sealed with, so that a node configured with another one notices at start.';
CREATE UNLOGGED TABLE public.lane_states (
    endpoint_id uuid NOT NULL,
    shard smallint NOT NULL,
    state jsonb NOT NULL
)
WITH (fillfactor='50', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_cost_delay='0');
COMMENT ON TABLE public.lane_states IS 'Written by the owner of a shard, at most once a second and only what changed; deleted when another node takes the shard over. No row: nothing to tell.';
COMMENT ON COLUMN public.lane_states.state IS 'proto::Lane.';
CREATE TABLE public.nodes (
    id uuid NOT NULL,
    name text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    dispatching boolean NOT NULL
);
COMMENT ON TABLE public.nodes IS 'Who is alive, by the database''s clock. A node that was not seen for a lease''s length counts as gone.';
CREATE TABLE public.queues (
    id uuid NOT NULL,
    name text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    paused boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    changed bigint NOT NULL,
    max_depth bigint,
    CONSTRAINT queues_max_depth_check CHECK ((max_depth > 0))
);
COMMENT ON COLUMN public.queues.settings IS 'proto::DeliverySettings: what was set; what is absent has the default.';
COMMENT ON COLUMN public.queues.deleted_at IS 'Deleted queues stay until nothing refers to them: their tasks keep a name.';
COMMENT ON COLUMN public.queues.changed IS 'The catalog version of its last change: nodes read what is newer than what they know.';
COMMENT ON COLUMN public.queues.max_depth IS 'How many deliveries may wait before enqueues are refused with 429; null for no limit.';
CREATE TABLE public.replay_jobs (
    id uuid NOT NULL,
    reach text[] NOT NULL,
    filter jsonb NOT NULL,
    target_id uuid,
    rate integer NOT NULL,
    source text NOT NULL,
    parts uuid[] NOT NULL,
    since timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    status text DEFAULT 'running'::text NOT NULL,
    part integer DEFAULT 0 NOT NULL,
    after_at timestamp with time zone,
    after_id uuid,
    expected bigint NOT NULL,
    expected_exact boolean NOT NULL,
    looked bigint DEFAULT 0 NOT NULL,
    matched bigint DEFAULT 0 NOT NULL,
    done bigint DEFAULT 0 NOT NULL,
    problem text,
    created_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    node_id uuid,
    leased_until timestamp with time zone,
    CONSTRAINT replay_jobs_check CHECK (((status = ANY (ARRAY['done'::text, 'cancelled'::text])) = (ended_at IS NOT NULL))),
    CONSTRAINT replay_jobs_check1 CHECK (((after_at IS NULL) = (after_id IS NULL))),
    CONSTRAINT replay_jobs_rate_check CHECK (((rate >= 1) AND (rate <= 10000))),
    CONSTRAINT replay_jobs_reach_check CHECK ((cardinality(reach) > 0)),
    CONSTRAINT replay_jobs_source_check CHECK ((source = ANY (ARRAY['dead'::text, 'delivered'::text, 'any'::text]))),
    CONSTRAINT replay_jobs_status_check CHECK ((status = ANY (ARRAY['running'::text, 'paused'::text, 'done'::text, 'cancelled'::text])))
);
COMMENT ON TABLE public.replay_jobs IS 'Replays as jobs. One node at a time works on a job; each batch and the place to which it leads are one transaction.';
COMMENT ON COLUMN public.replay_jobs.reach IS 'Globs of the queues it may touch: the names of the queues it is about, or what whoever began it reached. Who reaches less does not see it.';
COMMENT ON COLUMN public.replay_jobs.filter IS 'proto::ReplayFilter, as it was given.';
COMMENT ON COLUMN public.replay_jobs.parts IS 'What is gone through, one after the other: queues, or endpoints, by the source and the filter.';
COMMENT ON COLUMN public.replay_jobs.part IS 'The part that it has come to, from 0; and in it, after_at and after_id: the last row looked at.';
COMMENT ON COLUMN public.replay_jobs.expected IS 'What was counted when it began; at least so many, where expected_exact is false.';
COMMENT ON COLUMN public.replay_jobs.problem IS 'Why the last batch failed; it is tried again.';
COMMENT ON COLUMN public.replay_jobs.leased_until IS 'By the database''s clock. Who works on it does not rest on it: a batch locks the row, and names its node.';
CREATE TABLE public.rollups (
    minute timestamp with time zone NOT NULL,
    queue_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    enqueued bigint DEFAULT 0 NOT NULL,
    unmatched bigint DEFAULT 0 NOT NULL,
    delivered bigint DEFAULT 0 NOT NULL,
    retried bigint DEFAULT 0 NOT NULL,
    dead bigint DEFAULT 0 NOT NULL,
    latency bigint[] NOT NULL
);
COMMENT ON TABLE public.rollups IS 'What went through, by minute: added up in memory, flushed every few seconds by each node.';
COMMENT ON COLUMN public.rollups.endpoint_id IS 'All zeros for the queue''s own counts.';
COMMENT ON COLUMN public.rollups.latency IS 'Attempts by duration; bounds are proto::LATENCY_BOUNDS_MS.';
CREATE TABLE public.shards (
    id smallint NOT NULL,
    node_id uuid,
    leased_until timestamp with time zone,
    CONSTRAINT shards_check CHECK (((node_id IS NULL) = (leased_until IS NULL))),
    CONSTRAINT shards_id_check CHECK (((id >= 0) AND (id <= 255)))
);
COMMENT ON TABLE public.shards IS 'Which node pushes for which shard, and until when; by the database''s clock.';
CREATE TABLE public.tasks (
    id uuid NOT NULL,
    queue_id uuid NOT NULL,
    type text NOT NULL,
    content_type text NOT NULL,
    payload bytea NOT NULL,
    headers jsonb,
    priority smallint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    retry jsonb,
    idempotency_key text,
    fanout integer NOT NULL
)
PARTITION BY RANGE (id);
COMMENT ON TABLE public.tasks IS 'What producers enqueued. Insert-only; retention drops partitions.';
COMMENT ON COLUMN public.tasks.payload IS 'Sent byte for byte.';
COMMENT ON COLUMN public.tasks.fanout IS 'How many deliveries were made of it; 0: no endpoint wanted its type.';
CREATE TABLE public.tasks_20261121 (
    id uuid NOT NULL,
    queue_id uuid NOT NULL,
    type text NOT NULL,
    content_type text NOT NULL,
    payload bytea NOT NULL,
    headers jsonb,
    priority smallint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    retry jsonb,
    idempotency_key text,
    fanout integer NOT NULL
);
CREATE TABLE public.tasks_20261122 (
    id uuid NOT NULL,
    queue_id uuid NOT NULL,
    type text NOT NULL,
    content_type text NOT NULL,
    payload bytea NOT NULL,
    headers jsonb,
    priority smallint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    retry jsonb,
    idempotency_key text,
    fanout integer NOT NULL
);
CREATE TABLE public.tasks_20261123 (
    id uuid NOT NULL,
    queue_id uuid NOT NULL,
    type text NOT NULL,
    content_type text NOT NULL,
    payload bytea NOT NULL,
    headers jsonb,
    priority smallint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    retry jsonb,
    idempotency_key text,
    fanout integer NOT NULL
);
CREATE TABLE public.tasks_20261124 (
    id uuid NOT NULL,
    queue_id uuid NOT NULL,
    type text NOT NULL,
    content_type text NOT NULL,
    payload bytea NOT NULL,
    headers jsonb,
    priority smallint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    retry jsonb,
    idempotency_key text,
    fanout integer NOT NULL
);
CREATE TABLE public.tasks_20261125 (
    id uuid NOT NULL,
    queue_id uuid NOT NULL,
    type text NOT NULL,
    content_type text NOT NULL,
    payload bytea NOT NULL,
    headers jsonb,
    priority smallint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    retry jsonb,
    idempotency_key text,
    fanout integer NOT NULL
);
CREATE TABLE public.tasks_20261126 (
    id uuid NOT NULL,
    queue_id uuid NOT NULL,
    type text NOT NULL,
    content_type text NOT NULL,
    payload bytea NOT NULL,
    headers jsonb,
    priority smallint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    retry jsonb,
    idempotency_key text,
    fanout integer NOT NULL
);
CREATE TABLE public.tasks_20261127 (
    id uuid NOT NULL,
    queue_id uuid NOT NULL,
    type text NOT NULL,
    content_type text NOT NULL,
    payload bytea NOT NULL,
    headers jsonb,
    priority smallint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    retry jsonb,
    idempotency_key text,
    fanout integer NOT NULL
);
CREATE TABLE public.tasks_20261128 (
    id uuid NOT NULL,
    queue_id uuid NOT NULL,
    type text NOT NULL,
    content_type text NOT NULL,
    payload bytea NOT NULL,
    headers jsonb,
    priority smallint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    retry jsonb,
    idempotency_key text,
    fanout integer NOT NULL
);
CREATE TABLE public.tasks_20261129 (
    id uuid NOT NULL,
    queue_id uuid NOT NULL,
    type text NOT NULL,
    content_type text NOT NULL,
    payload bytea NOT NULL,
    headers jsonb,
    priority smallint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    retry jsonb,
    idempotency_key text,
    fanout integer NOT NULL
);
ALTER TABLE ONLY public.attempts ATTACH PARTITION public.attempts_20261121 FOR VALUES FROM ('01a1fb67-1800-0000-0000-000000000000') TO ('01a2008d-7400-0000-0000-000000000000');
ALTER TABLE ONLY public.attempts ATTACH PARTITION public.attempts_20261122 FOR VALUES FROM ('01a2008d-7400-0000-0000-000000000000') TO ('01a205b3-d000-0000-0000-000000000000');
ALTER TABLE ONLY public.attempts ATTACH PARTITION public.attempts_20261123 FOR VALUES FROM ('01a205b3-d000-0000-0000-000000000000') TO ('01a20ada-2c00-0000-0000-000000000000');
ALTER TABLE ONLY public.attempts ATTACH PARTITION public.attempts_20261124 FOR VALUES FROM ('01a20ada-2c00-0000-0000-000000000000') TO ('01a21000-8800-0000-0000-000000000000');
ALTER TABLE ONLY public.attempts ATTACH PARTITION public.attempts_20261125 FOR VALUES FROM ('01a21000-8800-0000-0000-000000000000') TO ('01a21526-e400-0000-0000-000000000000');
ALTER TABLE ONLY public.attempts ATTACH PARTITION public.attempts_20261126 FOR VALUES FROM ('01a21526-e400-0000-0000-000000000000') TO ('01a21a4d-4000-0000-0000-000000000000');
ALTER TABLE ONLY public.attempts ATTACH PARTITION public.attempts_20261127 FOR VALUES FROM ('01a21a4d-4000-0000-0000-000000000000') TO ('01a21f73-9c00-0000-0000-000000000000');
ALTER TABLE ONLY public.attempts ATTACH PARTITION public.attempts_20261128 FOR VALUES FROM ('01a21f73-9c00-0000-0000-000000000000') TO ('01a22499-f800-0000-0000-000000000000');
ALTER TABLE ONLY public.attempts ATTACH PARTITION public.attempts_20261129 FOR VALUES FROM ('01a22499-f800-0000-0000-000000000000') TO ('01a229c0-5400-0000-0000-000000000000');
ALTER TABLE ONLY public.tasks ATTACH PARTITION public.tasks_20261121 FOR VALUES FROM ('01a1fb67-1800-0000-0000-000000000000') TO ('01a2008d-7400-0000-0000-000000000000');
ALTER TABLE ONLY public.tasks ATTACH PARTITION public.tasks_20261122 FOR VALUES FROM ('01a2008d-7400-0000-0000-000000000000') TO ('01a205b3-d000-0000-0000-000000000000');
ALTER TABLE ONLY public.tasks ATTACH PARTITION public.tasks_20261123 FOR VALUES FROM ('01a205b3-d000-0000-0000-000000000000') TO ('01a20ada-2c00-0000-0000-000000000000');
ALTER TABLE ONLY public.tasks ATTACH PARTITION public.tasks_20261124 FOR VALUES FROM ('01a20ada-2c00-0000-0000-000000000000') TO ('01a21000-8800-0000-0000-000000000000');
ALTER TABLE ONLY public.tasks ATTACH PARTITION public.tasks_20261125 FOR VALUES FROM ('01a21000-8800-0000-0000-000000000000') TO ('01a21526-e400-0000-0000-000000000000');
ALTER TABLE ONLY public.tasks ATTACH PARTITION public.tasks_20261126 FOR VALUES FROM ('01a21526-e400-0000-0000-000000000000') TO ('01a21a4d-4000-0000-0000-000000000000');
ALTER TABLE ONLY public.tasks ATTACH PARTITION public.tasks_20261127 FOR VALUES FROM ('01a21a4d-4000-0000-0000-000000000000') TO ('01a21f73-9c00-0000-0000-000000000000');
ALTER TABLE ONLY public.tasks ATTACH PARTITION public.tasks_20261128 FOR VALUES FROM ('01a21f73-9c00-0000-0000-000000000000') TO ('01a22499-f800-0000-0000-000000000000');
ALTER TABLE ONLY public.tasks ATTACH PARTITION public.tasks_20261129 FOR VALUES FROM ('01a22499-f800-0000-0000-000000000000') TO ('01a229c0-5400-0000-0000-000000000000');
INSERT INTO public._sqlx_migrations VALUES (1, 'core', '2026-11-22 15:15:57.787222+00', true, '\x52dad27adf36cbb914efe68547aba8ffaf2cbd7dfada203c9b88df29608df77103b4013603850079dec61901d23b16df', 36821011);
INSERT INTO public._sqlx_migrations VALUES (2, 'keys', '2026-11-22 15:15:57.825073+00', true, '\xe6af4e011ae6e18d9b4d9cafbf452fa70be40c01744d75da85cdd2ebe6c1a0262005fd3a14990dca434feb32165089ef', 3715949);
INSERT INTO public._sqlx_migrations VALUES (4, 'rows', '2026-11-22 15:15:57.82917+00', true, '\x80ac8c038d033bdf56a552ccfc62a426b70a19b34b5e50c49cc00c68240d3eb6caa68a3c9f82e1cfe730c0711df0524b', 1788051);
INSERT INTO public._sqlx_migrations VALUES (5, 'depths', '2026-11-22 15:15:57.83126+00', true, '\x77c331c9e73490bc355844d33b26a4f1a866fd98d61a8538d9ded70ff6285d72265c4e7f19f410c81921586b539e743d', 3076392);
INSERT INTO public._sqlx_migrations VALUES (6, 'endpoint health', '2026-11-22 15:15:57.834788+00', true, '\x6bf611ad7475536db67021ad9459d3037be903b57395e7882600d7aebe13117d2cdc85412d26f3bbc4395266e4cf8649', 2752284);
INSERT INTO public._sqlx_migrations VALUES (7, 'lane states', '2026-11-22 15:15:57.837854+00', true, '\x860403bb98a5bd54e706cc7c455b9f479e1895f4584ff39c86d1a5c4c65ca000c5339baa6aaf3f6094a82e1c018b67d5', 2897188);
INSERT INTO public._sqlx_migrations VALUES (8, 'replays', '2026-11-22 15:15:57.841038+00', true, '\x6b9ca6df848769f43c3db1a448193e0a27692bf4338ea1b766ed5bad5f46f046f7bdc5aea964a5fa5910523d81b4d20a', 7026708);
INSERT INTO public._sqlx_migrations VALUES (10, 'signing', '2026-11-22 15:15:57.848426+00', true, '\xefdad455b83c4f7ee85db59e9ad2647f0ecb5260492063eb794c498010702bf378bbbf2f0942ad093b01a0293cb29077', 4164396);
INSERT INTO public._sqlx_migrations VALUES (11, 'endpoint auth', '2026-11-22 15:15:57.852865+00', true, '\xb134308b810332b41be4ef845a0e572db47eeb4af12c63ac7e76821944fb3886e6157ff17e4c03ed55838cf9247ccbc1', 1959366);
INSERT INTO public._sqlx_migrations VALUES (12, 'rollups by minute', '2026-11-22 15:15:57.855081+00', true, '\xd662f85a3ef2cab069652beac25033a13c05891d4fd6173a2e1db213f176d05c018b71b4394f1cdd1bdcfd339af51644', 1210591);
INSERT INTO public._sqlx_migrations VALUES (15, 'ordering', '2026-11-22 15:15:57.856541+00', true, '\x06fd7afc1b8bd262175983d80f018eb202ab8320788dad51d7944a8c573a33ccc027c4bccc4653f733283d354fd113c6', 2514575);
INSERT INTO public.api_keys VALUES ('01a203d4-0b68-7000-b940-acd6f16ce391', 'first admin key', '\xade733ffaa53d2576cb1158643b4097a5194f5d7589143da539121d793924de4', '2026-11-22 15:15:57.928097+00', NULL, 2, 'ph_70UQ9h0A', '{admin}', '{*}', NULL, NULL, NULL, '2026-11-22 15:16:22.249+00', NULL);
INSERT INTO public.attempts_20261122 VALUES ('01a203d4-6b01-7000-a29b-508f3047e155', '01a203d4-6af7-7000-a75d-3f8fd53e555e', '01a203d4-6af7-7000-a060-4be76459c518', '01a203d4-6a6a-7000-87e6-42158278d6eb', '01a203d4-6a8a-7000-9845-24725f56c86f', 1, 'delivered', NULL, NULL, 'http://127.0.0.1:18982/204', 204, NULL, 10298, NULL, 828, NULL, 1804, 1834, 'server: BaseHTTP/0.6 Python/3.11.7
date: Sun, 22 Nov 2026 15:16:22 GMT
', NULL, false);
INSERT INTO public.attempts_20261122 VALUES ('01a203d4-6b24-7000-b76f-def24a78dbdf', '01a203d4-6b22-7000-b41b-b49e8f0a7c5d', '01a203d4-6b22-7000-960b-6d2eedee3a4b', '01a203d4-6a9f-7000-90e6-df600ed46613', '01a203d4-6aab-7000-9dce-758803224642', 1, 'retry', 'the endpoint answered 500 [preset standard: 5xx]; attempt 1 of 12', '2026-11-22 15:16:27.630186+00', 'http://127.0.0.1:18982/500', 500, NULL, 2006, NULL, 694, NULL, 1553, 1737, 'server: BaseHTTP/0.6 Python/3.11.7
date: Sun, 22 Nov 2026 15:16:22 GMT
', NULL, false);
INSERT INTO public.attempts_20261122 VALUES ('01a203d4-6b36-7000-9cb9-e078c50835ae', '01a203d4-6b30-7000-b0a9-4c67dde7a952', '01a203d4-6b30-7000-ac1b-22b685560a7c', '01a203d4-6ac6-7000-a554-3502c00bdaeb', '01a203d4-6add-7000-a12a-47b4189f9749', 1, 'dead', 'the endpoint answered 400 [preset standard: other 4xx are final]', NULL, 'http://127.0.0.1:18982/400', 400, NULL, 5639, NULL, 502, NULL, 3050, 3090, 'server: BaseHTTP/0.6 Python/3.11.7
date: Sun, 22 Nov 2026 15:16:22 GMT
', NULL, false);
INSERT INTO public.attempts_20261122 VALUES ('01a203d4-7f75-7000-9dcf-1268ef68f84a', '01a203d4-6b22-7000-b41b-b49e8f0a7c5d', '01a203d4-6b22-7000-960b-6d2eedee3a4b', '01a203d4-6a9f-7000-90e6-df600ed46613', '01a203d4-6aab-7000-9dce-758803224642', 2, 'retry', 'the endpoint answered 500 [preset standard: 5xx]; attempt 2 of 12', '2026-11-22 15:16:50.307761+00', 'http://127.0.0.1:18982/500', 500, NULL, 7048, NULL, 366, NULL, 6455, 6511, 'server: BaseHTTP/0.6 Python/3.11.7
date: Sun, 22 Nov 2026 15:16:27 GMT
', NULL, false);
INSERT INTO public.audit VALUES ('01a203d4-0b68-7001-b28a-36c0a41820c5', '2026-11-22 15:15:57.928097+00', 'server', '', 'server', 'key.made', '01a203d4-0b68-7000-b940-acd6f16ce391', NULL, '{*}');
INSERT INTO public.audit VALUES ('01a203d4-6a8a-7002-882f-02117c30d8de', '2026-11-22 15:16:22.282848+00', 'key', '01a203d4-0b68-7000-b940-acd6f16ce391', 'first admin key', 'secret.made', '01a203d4-6a8a-7001-bb11-7111508c3a3a', '01a203d4-6a8a-7000-9845-24725f56c86f', '{ok}');
INSERT INTO public.audit VALUES ('01a203d4-6aab-7002-9447-a0380fe87893', '2026-11-22 15:16:22.315967+00', 'key', '01a203d4-0b68-7000-b940-acd6f16ce391', 'first admin key', 'secret.made', '01a203d4-6aab-7001-8ba5-28dabfc8777e', '01a203d4-6aab-7000-9dce-758803224642', '{failing}');
INSERT INTO public.audit VALUES ('01a203d4-6add-7002-bb81-e9a51d48ce19', '2026-11-22 15:16:22.365745+00', 'key', '01a203d4-0b68-7000-b940-acd6f16ce391', 'first admin key', 'secret.made', '01a203d4-6add-7001-b74c-b3eda3058f8c', '01a203d4-6add-7000-a12a-47b4189f9749', '{refusing}');
INSERT INTO public.audit VALUES ('01a203d4-6b70-7002-9e0b-a7628f23fc55', '2026-11-22 15:16:22.512538+00', 'key', '01a203d4-0b68-7000-b940-acd6f16ce391', 'first admin key', 'secret.made', '01a203d4-6b70-7001-b5ee-c274aef117dd', '01a203d4-6b70-7000-ae58-7f6538aea313', '{ordered}');
INSERT INTO public.catalog VALUES (true, 12);
INSERT INTO public.dead_letters VALUES ('01a203d4-6b30-7000-b0a9-4c67dde7a952', '01a203d4-6b30-7000-ac1b-22b685560a7c', '01a203d4-6ac6-7000-a554-3502c00bdaeb', '01a203d4-6add-7000-a12a-47b4189f9749', 'order.paid', 7, 4, 1, 'the endpoint answered 400 [preset standard: other 4xx are final]', 400, NULL, '2026-11-22 15:16:22.457486+00', NULL);
INSERT INTO public.deliveries VALUES ('01a203d4-6b46-7000-8185-7f64984a35f2', '01a203d4-6b46-7000-8317-a43d532ae077', '01a203d4-6a6a-7000-87e6-42158278d6eb', '01a203d4-6a8a-7000-9845-24725f56c86f', '2027-11-22 15:16:22.470771+00', NULL, 7, 4, 0, 0, NULL, NULL, NULL, NULL);
INSERT INTO public.deliveries VALUES ('01a203d4-6b9c-7000-87f2-6ca3030d940d', '01a203d4-6b9c-7000-8314-130dd5fa60cf', '01a203d4-6b58-7000-9e5f-61aa39a584b2', '01a203d4-6b70-7000-ae58-7f6538aea313', '2026-11-22 15:16:22.556967+00', NULL, 7, 4, 0, 0, NULL, NULL, NULL, 'k');
INSERT INTO public.deliveries VALUES ('01a203d4-6bb7-7000-aeff-cef9559a0fb4', '01a203d4-6bb7-7000-8980-470bc2ee47a7', '01a203d4-6b58-7000-9e5f-61aa39a584b2', '01a203d4-6b70-7000-ae58-7f6538aea313', '2026-11-22 15:16:22.583939+00', NULL, 7, -5, 0, 0, NULL, NULL, NULL, 'k');
INSERT INTO public.deliveries VALUES ('01a203d4-6bd2-7000-a2ef-ab5ee9159ba2', '01a203d4-6bd2-7000-98a7-0edf8f964126', '01a203d4-6b58-7000-9e5f-61aa39a584b2', '01a203d4-6b70-7000-ae58-7f6538aea313', '2026-11-22 15:16:22.610046+00', NULL, 7, -5, 0, 0, NULL, NULL, NULL, 'k');
INSERT INTO public.deliveries VALUES ('01a203d4-7c14-7000-94e7-0d61b4fc1e81', '01a203d4-7c14-7000-9437-8fcdfdcd153d', '01a203d4-6a6a-7000-87e6-42158278d6eb', '01a203d4-6a8a-7000-9845-24725f56c86f', '2026-11-22 15:16:26.772892+00', NULL, 7, 4, 0, 0, NULL, NULL, NULL, NULL);
INSERT INTO public.deliveries VALUES ('01a203d4-6b22-7000-b41b-b49e8f0a7c5d', '01a203d4-6b22-7000-960b-6d2eedee3a4b', '01a203d4-6a9f-7000-90e6-df600ed46613', '01a203d4-6aab-7000-9dce-758803224642', '2026-11-22 15:16:50.307761+00', NULL, 7, 4, 2, 0, 'the endpoint answered 500 [preset standard: 5xx]; attempt 2 of 12', '2026-11-22 15:16:22.434804+00', NULL, NULL);
INSERT INTO public.depths VALUES ('01a203d4-6a6a-7000-87e6-42158278d6eb', 63, -1);
INSERT INTO public.depths VALUES ('01a203d4-6a9f-7000-90e6-df600ed46613', 58, 1);
INSERT INTO public.depths VALUES ('01a203d4-6ac6-7000-a554-3502c00bdaeb', 59, 1);
INSERT INTO public.depths VALUES ('01a203d4-6ac6-7000-a554-3502c00bdaeb', 63, -1);
INSERT INTO public.depths VALUES ('01a203d4-6a6a-7000-87e6-42158278d6eb', 60, 1);
INSERT INTO public.depths VALUES ('01a203d4-6b58-7000-9e5f-61aa39a584b2', 61, 1);
INSERT INTO public.depths VALUES ('01a203d4-6b58-7000-9e5f-61aa39a584b2', 62, 1);
INSERT INTO public.depths VALUES ('01a203d4-6b58-7000-9e5f-61aa39a584b2', 56, 1);
INSERT INTO public.depths VALUES ('01a203d4-6a6a-7000-87e6-42158278d6eb', 57, 2);
INSERT INTO public.endpoint_secrets VALUES ('01a203d4-6a8a-7001-bb11-7111508c3a3a', '01a203d4-6a8a-7000-9845-24725f56c86f', '\x8f8236df018c903d996113e652e951bebd7fa2efd3f096a5508b1b7be9a7c8a9115cfaedd98b33f67e7e3c59795c831ad695fd9733eb37563b079d81245e6b6e', '2026-11-22 15:16:22.282848+00', NULL, 'v1', NULL, '173f6e79666f2978');
INSERT INTO public.endpoint_secrets VALUES ('01a203d4-6aab-7001-8ba5-28dabfc8777e', '01a203d4-6aab-7000-9dce-758803224642', '\x4e0d8774f449d69596f202d37799942aed8241e2a7f88205a1202ca2efc222482689596ce0b1bbac6ad5a543290ef4e26448c49753eccbdf3f995b5f2d973bef', '2026-11-22 15:16:22.315967+00', NULL, 'v1', NULL, '173f6e79666f2978');
INSERT INTO public.endpoint_secrets VALUES ('01a203d4-6add-7001-b74c-b3eda3058f8c', '01a203d4-6add-7000-a12a-47b4189f9749', '\x129ce6b629eddd83e6b382b110263754e9355d68f7ee49ceba6bb374c4264a5255b2d60d172ecfb508e1ff58d467547b4f542af893784a7905b7fc215c8c5e15', '2026-11-22 15:16:22.365745+00', NULL, 'v1', NULL, '173f6e79666f2978');
INSERT INTO public.endpoint_secrets VALUES ('01a203d4-6b70-7001-b5ee-c274aef117dd', '01a203d4-6b70-7000-ae58-7f6538aea313', '\xa9f0d56660bfdeb6fef938831017befc13193e8ab33944ea8a0f72464402c4327a4793a4cc8008b138b916b2160be73d98ee6887f5a207d61f503ae33878d730d52bb00c4dd592e5', '2026-11-22 15:16:22.512538+00', NULL, 'v1', NULL, '173f6e79666f2978');
INSERT INTO public.endpoints VALUES ('01a203d4-6a8a-7000-9845-24725f56c86f', '01a203d4-6a6a-7000-87e6-42158278d6eb', 190, 'http://127.0.0.1:18982/204', '', '{}', '{}', '{}', 'enabled', NULL, '2026-11-22 15:16:22.282848+00', '2026-11-22 15:16:22.282848+00', NULL, false, 4, NULL, NULL, NULL, NULL);
INSERT INTO public.endpoints VALUES ('01a203d4-6aab-7000-9dce-758803224642', '01a203d4-6a9f-7000-90e6-df600ed46613', 206, 'http://127.0.0.1:18982/500', '', '{}', '{}', '{}', 'enabled', NULL, '2026-11-22 15:16:22.315967+00', '2026-11-22 15:16:22.315967+00', NULL, false, 6, NULL, NULL, NULL, NULL);
INSERT INTO public.endpoints VALUES ('01a203d4-6add-7000-a12a-47b4189f9749', '01a203d4-6ac6-7000-a554-3502c00bdaeb', 44, 'http://127.0.0.1:18982/400', '', '{}', '{}', '{}', 'enabled', NULL, '2026-11-22 15:16:22.365745+00', '2026-11-22 15:16:22.365745+00', NULL, false, 8, NULL, NULL, NULL, NULL);
INSERT INTO public.endpoints VALUES ('01a203d4-6b70-7000-ae58-7f6538aea313', '01a203d4-6b58-7000-9e5f-61aa39a584b2', 145, 'http://127.0.0.1:18982/204', '', '{}', '{}', '{}', 'enabled', NULL, '2026-11-22 15:16:22.512538+00', '2026-11-22 15:16:22.512538+00', NULL, false, 10, NULL, NULL, NULL, NULL);
INSERT INTO public.idempotency_keys VALUES ('01a203d4-6b58-7000-9e5f-61aa39a584b2', 'i1', '01a203d4-6b9c-7000-8314-130dd5fa60cf', 1, '\x3a93040d770ab319091e99d06b1774fc819f12800e66c2f422317021b6c76d98', '2026-11-23 15:16:22.562086+00');
INSERT INTO public.idempotency_keys VALUES ('01a203d4-6b58-7000-9e5f-61aa39a584b2', 'i2', '01a203d4-6bb7-7000-8980-470bc2ee47a7', 1, '\xf5cfe454639d994135dc59cb040a057753ffcc32d35d93712201c5898805bed2', '2026-11-23 15:16:22.589112+00');
INSERT INTO public.idempotency_keys VALUES ('01a203d4-6b58-7000-9e5f-61aa39a584b2', 'i3', '01a203d4-6bd2-7000-98a7-0edf8f964126', 1, '\xfc464ae95de70d1bffdbd537544ed02962ec38f48f474d570fd90d9868977f1d', '2026-11-23 15:16:22.611543+00');
INSERT INTO public.installation VALUES (true, '01a203d4-0ac6-7da5-b1eb-7f7a7eb4644c', '173f6e79666f2978');
INSERT INTO public.lane_states VALUES ('01a203d4-6aab-7000-9dce-758803224642', 206, '{"ready": 0, "backlog": false, "breaker": "closed", "endpoint": "01a203d4-6aab-7000-9dce-758803224642", "answer_ms": 1.7, "in_flight": 0, "waits_for": "work", "updated_at": "2026-11-22T15:16:23.038648571Z", "failing_since": "2026-11-22T15:16:22.438684373Z", "max_in_flight": 64, "in_flight_limit": 64}');
INSERT INTO public.lane_states VALUES ('01a203d4-6add-7000-a12a-47b4189f9749', 44, '{"ready": 0, "backlog": false, "breaker": "closed", "endpoint": "01a203d4-6add-7000-a12a-47b4189f9749", "answer_ms": 3.1, "in_flight": 0, "waits_for": "work", "updated_at": "2026-11-22T15:16:23.038648571Z", "failing_since": "2026-11-22T15:16:22.457512228Z", "max_in_flight": 64, "in_flight_limit": 64}');
INSERT INTO public.queues VALUES ('01a203d4-6a9f-7000-90e6-df600ed46613', 'failing', '', '{}', false, '2026-11-22 15:16:22.303436+00', '2026-11-22 15:16:22.303436+00', NULL, 5, NULL);
INSERT INTO public.queues VALUES ('01a203d4-6ac6-7000-a554-3502c00bdaeb', 'refusing', '', '{}', false, '2026-11-22 15:16:22.342735+00', '2026-11-22 15:16:22.342735+00', NULL, 7, NULL);
INSERT INTO public.queues VALUES ('01a203d4-6b58-7000-9e5f-61aa39a584b2', 'ordered', '', '{"ordering": {"mode": "key", "on_failure": "block"}}', true, '2026-11-22 15:16:22.488639+00', '2026-11-22 15:16:22.53698+00', NULL, 11, NULL);
INSERT INTO public.queues VALUES ('01a203d4-6a6a-7000-87e6-42158278d6eb', 'ok', '', '{}', true, '2026-11-22 15:16:22.250053+00', '2026-11-22 15:16:26.749018+00', NULL, 12, NULL);
INSERT INTO public.rollups VALUES ('2026-11-22 15:16:00+00', '01a203d4-6a6a-7000-87e6-42158278d6eb', '01a203d4-6a8a-7000-9845-24725f56c86f', 0, 0, 1, 0, 0, '{0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}');
INSERT INTO public.rollups VALUES ('2026-11-22 15:16:00+00', '01a203d4-6a9f-7000-90e6-df600ed46613', '00000000-0000-0000-0000-000000000000', 1, 0, 0, 0, 0, '{0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}');
INSERT INTO public.rollups VALUES ('2026-11-22 15:16:00+00', '01a203d4-6ac6-7000-a554-3502c00bdaeb', '00000000-0000-0000-0000-000000000000', 1, 0, 0, 0, 0, '{0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}');
INSERT INTO public.rollups VALUES ('2026-11-22 15:16:00+00', '01a203d4-6ac6-7000-a554-3502c00bdaeb', '01a203d4-6add-7000-a12a-47b4189f9749', 0, 0, 0, 0, 1, '{0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0}');
INSERT INTO public.rollups VALUES ('2026-11-22 15:16:00+00', '01a203d4-6b58-7000-9e5f-61aa39a584b2', '00000000-0000-0000-0000-000000000000', 3, 0, 0, 0, 0, '{0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}');
INSERT INTO public.rollups VALUES ('2026-11-22 15:16:00+00', '01a203d4-6a6a-7000-87e6-42158278d6eb', '00000000-0000-0000-0000-000000000000', 3, 0, 0, 0, 0, '{0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}');
INSERT INTO public.rollups VALUES ('2026-11-22 15:16:00+00', '01a203d4-6a9f-7000-90e6-df600ed46613', '01a203d4-6aab-7000-9dce-758803224642', 0, 0, 0, 2, 0, '{0,1,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0}');
INSERT INTO public.shards VALUES (0, NULL, NULL);
INSERT INTO public.shards VALUES (1, NULL, NULL);
INSERT INTO public.shards VALUES (2, NULL, NULL);
INSERT INTO public.shards VALUES (3, NULL, NULL);
INSERT INTO public.shards VALUES (4, NULL, NULL);
INSERT INTO public.shards VALUES (5, NULL, NULL);
INSERT INTO public.shards VALUES (6, NULL, NULL);
INSERT INTO public.shards VALUES (7, NULL, NULL);
INSERT INTO public.shards VALUES (8, NULL, NULL);
INSERT INTO public.shards VALUES (9, NULL, NULL);
INSERT INTO public.shards VALUES (10, NULL, NULL);
INSERT INTO public.shards VALUES (11, NULL, NULL);
INSERT INTO public.shards VALUES (12, NULL, NULL);
INSERT INTO public.shards VALUES (13, NULL, NULL);
INSERT INTO public.shards VALUES (16, NULL, NULL);
INSERT INTO public.shards VALUES (17, NULL, NULL);
INSERT INTO public.shards VALUES (18, NULL, NULL);
INSERT INTO public.shards VALUES (19, NULL, NULL);
INSERT INTO public.shards VALUES (20, NULL, NULL);
INSERT INTO public.shards VALUES (21, NULL, NULL);
INSERT INTO public.shards VALUES (22, NULL, NULL);
INSERT INTO public.shards VALUES (23, NULL, NULL);
INSERT INTO public.shards VALUES (24, NULL, NULL);
INSERT INTO public.shards VALUES (25, NULL, NULL);
INSERT INTO public.shards VALUES (26, NULL, NULL);
INSERT INTO public.shards VALUES (27, NULL, NULL);
INSERT INTO public.shards VALUES (28, NULL, NULL);
INSERT INTO public.shards VALUES (29, NULL, NULL);
INSERT INTO public.shards VALUES (30, NULL, NULL);
INSERT INTO public.shards VALUES (31, NULL, NULL);
INSERT INTO public.shards VALUES (32, NULL, NULL);
INSERT INTO public.shards VALUES (33, NULL, NULL);
INSERT INTO public.shards VALUES (34, NULL, NULL);
INSERT INTO public.shards VALUES (35, NULL, NULL);
INSERT INTO public.shards VALUES (36, NULL, NULL);
INSERT INTO public.shards VALUES (37, NULL, NULL);
INSERT INTO public.shards VALUES (38, NULL, NULL);
INSERT INTO public.shards VALUES (39, NULL, NULL);
INSERT INTO public.shards VALUES (40, NULL, NULL);
INSERT INTO public.shards VALUES (41, NULL, NULL);
INSERT INTO public.shards VALUES (42, NULL, NULL);
INSERT INTO public.shards VALUES (43, NULL, NULL);
INSERT INTO public.shards VALUES (44, NULL, NULL);
INSERT INTO public.shards VALUES (45, NULL, NULL);
INSERT INTO public.shards VALUES (46, NULL, NULL);
INSERT INTO public.shards VALUES (47, NULL, NULL);
INSERT INTO public.shards VALUES (48, NULL, NULL);
INSERT INTO public.shards VALUES (49, NULL, NULL);
INSERT INTO public.shards VALUES (50, NULL, NULL);
INSERT INTO public.shards VALUES (51, NULL, NULL);
INSERT INTO public.shards VALUES (52, NULL, NULL);
INSERT INTO public.shards VALUES (53, NULL, NULL);
INSERT INTO public.shards VALUES (54, NULL, NULL);
INSERT INTO public.shards VALUES (55, NULL, NULL);
INSERT INTO public.shards VALUES (56, NULL, NULL);
INSERT INTO public.shards VALUES (57, NULL, NULL);
INSERT INTO public.shards VALUES (58, NULL, NULL);
INSERT INTO public.shards VALUES (59, NULL, NULL);
INSERT INTO public.shards VALUES (60, NULL, NULL);
INSERT INTO public.shards VALUES (61, NULL, NULL);
INSERT INTO public.shards VALUES (62, NULL, NULL);
INSERT INTO public.shards VALUES (63, NULL, NULL);
INSERT INTO public.shards VALUES (64, NULL, NULL);
INSERT INTO public.shards VALUES (65, NULL, NULL);
INSERT INTO public.shards VALUES (66, NULL, NULL);
INSERT INTO public.shards VALUES (67, NULL, NULL);
INSERT INTO public.shards VALUES (68, NULL, NULL);
INSERT INTO public.shards VALUES (69, NULL, NULL);
INSERT INTO public.shards VALUES (70, NULL, NULL);
INSERT INTO public.shards VALUES (71, NULL, NULL);
INSERT INTO public.shards VALUES (72, NULL, NULL);
INSERT INTO public.shards VALUES (73, NULL, NULL);
INSERT INTO public.shards VALUES (74, NULL, NULL);
INSERT INTO public.shards VALUES (75, NULL, NULL);
INSERT INTO public.shards VALUES (76, NULL, NULL);
INSERT INTO public.shards VALUES (77, NULL, NULL);
INSERT INTO public.shards VALUES (78, NULL, NULL);
INSERT INTO public.shards VALUES (79, NULL, NULL);
INSERT INTO public.shards VALUES (80, NULL, NULL);
INSERT INTO public.shards VALUES (81, NULL, NULL);
INSERT INTO public.shards VALUES (82, NULL, NULL);
INSERT INTO public.shards VALUES (83, NULL, NULL);
INSERT INTO public.shards VALUES (84, NULL, NULL);
INSERT INTO public.shards VALUES (85, NULL, NULL);
INSERT INTO public.shards VALUES (86, NULL, NULL);
INSERT INTO public.shards VALUES (87, NULL, NULL);
INSERT INTO public.shards VALUES (88, NULL, NULL);
INSERT INTO public.shards VALUES (89, NULL, NULL);
INSERT INTO public.shards VALUES (90, NULL, NULL);
INSERT INTO public.shards VALUES (91, NULL, NULL);
INSERT INTO public.shards VALUES (92, NULL, NULL);
INSERT INTO public.shards VALUES (93, NULL, NULL);
INSERT INTO public.shards VALUES (94, NULL, NULL);
INSERT INTO public.shards VALUES (95, NULL, NULL);
INSERT INTO public.shards VALUES (96, NULL, NULL);
INSERT INTO public.shards VALUES (97, NULL, NULL);
INSERT INTO public.shards VALUES (98, NULL, NULL);
INSERT INTO public.shards VALUES (99, NULL, NULL);
INSERT INTO public.shards VALUES (100, NULL, NULL);
INSERT INTO public.shards VALUES (101, NULL, NULL);
INSERT INTO public.shards VALUES (102, NULL, NULL);
INSERT INTO public.shards VALUES (103, NULL, NULL);
INSERT INTO public.shards VALUES (104, NULL, NULL);
INSERT INTO public.shards VALUES (105, NULL, NULL);
INSERT INTO public.shards VALUES (106, NULL, NULL);
INSERT INTO public.shards VALUES (107, NULL, NULL);
INSERT INTO public.shards VALUES (108, NULL, NULL);
INSERT INTO public.shards VALUES (109, NULL, NULL);
INSERT INTO public.shards VALUES (110, NULL, NULL);
INSERT INTO public.shards VALUES (112, NULL, NULL);
INSERT INTO public.shards VALUES (113, NULL, NULL);
INSERT INTO public.shards VALUES (114, NULL, NULL);
INSERT INTO public.shards VALUES (115, NULL, NULL);
INSERT INTO public.shards VALUES (116, NULL, NULL);
INSERT INTO public.shards VALUES (117, NULL, NULL);
INSERT INTO public.shards VALUES (118, NULL, NULL);
INSERT INTO public.shards VALUES (111, NULL, NULL);
INSERT INTO public.shards VALUES (119, NULL, NULL);
INSERT INTO public.shards VALUES (120, NULL, NULL);
INSERT INTO public.shards VALUES (121, NULL, NULL);
INSERT INTO public.shards VALUES (122, NULL, NULL);
INSERT INTO public.shards VALUES (123, NULL, NULL);
INSERT INTO public.shards VALUES (124, NULL, NULL);
INSERT INTO public.shards VALUES (125, NULL, NULL);
INSERT INTO public.shards VALUES (126, NULL, NULL);
INSERT INTO public.shards VALUES (127, NULL, NULL);
INSERT INTO public.shards VALUES (128, NULL, NULL);
INSERT INTO public.shards VALUES (129, NULL, NULL);
INSERT INTO public.shards VALUES (130, NULL, NULL);
INSERT INTO public.shards VALUES (131, NULL, NULL);
INSERT INTO public.shards VALUES (132, NULL, NULL);
INSERT INTO public.shards VALUES (133, NULL, NULL);
INSERT INTO public.shards VALUES (134, NULL, NULL);
INSERT INTO public.shards VALUES (135, NULL, NULL);
INSERT INTO public.shards VALUES (136, NULL, NULL);
INSERT INTO public.shards VALUES (137, NULL, NULL);
INSERT INTO public.shards VALUES (138, NULL, NULL);
INSERT INTO public.shards VALUES (139, NULL, NULL);
INSERT INTO public.shards VALUES (140, NULL, NULL);
INSERT INTO public.shards VALUES (141, NULL, NULL);
INSERT INTO public.shards VALUES (142, NULL, NULL);
INSERT INTO public.shards VALUES (143, NULL, NULL);
INSERT INTO public.shards VALUES (144, NULL, NULL);
INSERT INTO public.shards VALUES (145, NULL, NULL);
INSERT INTO public.shards VALUES (146, NULL, NULL);
INSERT INTO public.shards VALUES (147, NULL, NULL);
INSERT INTO public.shards VALUES (148, NULL, NULL);
INSERT INTO public.shards VALUES (14, NULL, NULL);
INSERT INTO public.shards VALUES (15, NULL, NULL);
INSERT INTO public.shards VALUES (149, NULL, NULL);
INSERT INTO public.shards VALUES (150, NULL, NULL);
INSERT INTO public.shards VALUES (151, NULL, NULL);
INSERT INTO public.shards VALUES (152, NULL, NULL);
INSERT INTO public.shards VALUES (153, NULL, NULL);
INSERT INTO public.shards VALUES (154, NULL, NULL);
INSERT INTO public.shards VALUES (155, NULL, NULL);
INSERT INTO public.shards VALUES (156, NULL, NULL);
INSERT INTO public.shards VALUES (157, NULL, NULL);
INSERT INTO public.shards VALUES (158, NULL, NULL);
INSERT INTO public.shards VALUES (159, NULL, NULL);
INSERT INTO public.shards VALUES (160, NULL, NULL);
INSERT INTO public.shards VALUES (161, NULL, NULL);
INSERT INTO public.shards VALUES (162, NULL, NULL);
INSERT INTO public.shards VALUES (163, NULL, NULL);
INSERT INTO public.shards VALUES (164, NULL, NULL);
INSERT INTO public.shards VALUES (165, NULL, NULL);
INSERT INTO public.shards VALUES (166, NULL, NULL);
INSERT INTO public.shards VALUES (167, NULL, NULL);
INSERT INTO public.shards VALUES (168, NULL, NULL);
INSERT INTO public.shards VALUES (169, NULL, NULL);
INSERT INTO public.shards VALUES (170, NULL, NULL);
INSERT INTO public.shards VALUES (171, NULL, NULL);
INSERT INTO public.shards VALUES (172, NULL, NULL);
INSERT INTO public.shards VALUES (173, NULL, NULL);
INSERT INTO public.shards VALUES (174, NULL, NULL);
INSERT INTO public.shards VALUES (175, NULL, NULL);
INSERT INTO public.shards VALUES (176, NULL, NULL);
INSERT INTO public.shards VALUES (177, NULL, NULL);
INSERT INTO public.shards VALUES (178, NULL, NULL);
INSERT INTO public.shards VALUES (179, NULL, NULL);
INSERT INTO public.shards VALUES (180, NULL, NULL);
INSERT INTO public.shards VALUES (181, NULL, NULL);
INSERT INTO public.shards VALUES (182, NULL, NULL);
INSERT INTO public.shards VALUES (183, NULL, NULL);
INSERT INTO public.shards VALUES (184, NULL, NULL);
INSERT INTO public.shards VALUES (185, NULL, NULL);
INSERT INTO public.shards VALUES (186, NULL, NULL);
INSERT INTO public.shards VALUES (187, NULL, NULL);
INSERT INTO public.shards VALUES (188, NULL, NULL);
INSERT INTO public.shards VALUES (189, NULL, NULL);
INSERT INTO public.shards VALUES (190, NULL, NULL);
INSERT INTO public.shards VALUES (191, NULL, NULL);
INSERT INTO public.shards VALUES (192, NULL, NULL);
INSERT INTO public.shards VALUES (193, NULL, NULL);
INSERT INTO public.shards VALUES (194, NULL, NULL);
INSERT INTO public.shards VALUES (195, NULL, NULL);
INSERT INTO public.shards VALUES (196, NULL, NULL);
INSERT INTO public.shards VALUES (197, NULL, NULL);
INSERT INTO public.shards VALUES (198, NULL, NULL);
INSERT INTO public.shards VALUES (199, NULL, NULL);
INSERT INTO public.shards VALUES (200, NULL, NULL);
INSERT INTO public.shards VALUES (201, NULL, NULL);
INSERT INTO public.shards VALUES (202, NULL, NULL);
INSERT INTO public.shards VALUES (203, NULL, NULL);
INSERT INTO public.shards VALUES (204, NULL, NULL);
INSERT INTO public.shards VALUES (205, NULL, NULL);
INSERT INTO public.shards VALUES (206, NULL, NULL);
INSERT INTO public.shards VALUES (207, NULL, NULL);
INSERT INTO public.shards VALUES (208, NULL, NULL);
INSERT INTO public.shards VALUES (209, NULL, NULL);
INSERT INTO public.shards VALUES (210, NULL, NULL);
INSERT INTO public.shards VALUES (211, NULL, NULL);
INSERT INTO public.shards VALUES (212, NULL, NULL);
INSERT INTO public.shards VALUES (213, NULL, NULL);
INSERT INTO public.shards VALUES (214, NULL, NULL);
INSERT INTO public.shards VALUES (215, NULL, NULL);
INSERT INTO public.shards VALUES (216, NULL, NULL);
INSERT INTO public.shards VALUES (217, NULL, NULL);
INSERT INTO public.shards VALUES (218, NULL, NULL);
INSERT INTO public.shards VALUES (219, NULL, NULL);
INSERT INTO public.shards VALUES (220, NULL, NULL);
INSERT INTO public.shards VALUES (221, NULL, NULL);
INSERT INTO public.shards VALUES (222, NULL, NULL);
INSERT INTO public.shards VALUES (223, NULL, NULL);
INSERT INTO public.shards VALUES (224, NULL, NULL);
INSERT INTO public.shards VALUES (225, NULL, NULL);
INSERT INTO public.shards VALUES (226, NULL, NULL);
INSERT INTO public.shards VALUES (227, NULL, NULL);
INSERT INTO public.shards VALUES (228, NULL, NULL);
INSERT INTO public.shards VALUES (229, NULL, NULL);
INSERT INTO public.shards VALUES (230, NULL, NULL);
INSERT INTO public.shards VALUES (231, NULL, NULL);
INSERT INTO public.shards VALUES (232, NULL, NULL);
INSERT INTO public.shards VALUES (233, NULL, NULL);
INSERT INTO public.shards VALUES (234, NULL, NULL);
INSERT INTO public.shards VALUES (235, NULL, NULL);
INSERT INTO public.shards VALUES (236, NULL, NULL);
INSERT INTO public.shards VALUES (237, NULL, NULL);
INSERT INTO public.shards VALUES (238, NULL, NULL);
INSERT INTO public.shards VALUES (239, NULL, NULL);
INSERT INTO public.shards VALUES (240, NULL, NULL);
INSERT INTO public.shards VALUES (241, NULL, NULL);
INSERT INTO public.shards VALUES (242, NULL, NULL);
INSERT INTO public.shards VALUES (243, NULL, NULL);
INSERT INTO public.shards VALUES (244, NULL, NULL);
INSERT INTO public.shards VALUES (245, NULL, NULL);
INSERT INTO public.shards VALUES (246, NULL, NULL);
INSERT INTO public.shards VALUES (247, NULL, NULL);
INSERT INTO public.shards VALUES (248, NULL, NULL);
INSERT INTO public.shards VALUES (249, NULL, NULL);
INSERT INTO public.shards VALUES (250, NULL, NULL);
INSERT INTO public.shards VALUES (251, NULL, NULL);
INSERT INTO public.shards VALUES (252, NULL, NULL);
INSERT INTO public.shards VALUES (253, NULL, NULL);
INSERT INTO public.shards VALUES (254, NULL, NULL);
INSERT INTO public.shards VALUES (255, NULL, NULL);
INSERT INTO public.tasks_20261122 VALUES ('01a203d4-6af7-7000-a060-4be76459c518', '01a203d4-6a6a-7000-87e6-42158278d6eb', 'order.paid', 'application/json', '\x7b226e223a317d', '{"x-a": "b"}', 4, '2026-11-22 15:16:22.391519+00', NULL, NULL, NULL, 1);
INSERT INTO public.tasks_20261122 VALUES ('01a203d4-6b22-7000-960b-6d2eedee3a4b', '01a203d4-6a9f-7000-90e6-df600ed46613', 'order.paid', 'application/json', '\x7b226e223a317d', '{"x-a": "b"}', 4, '2026-11-22 15:16:22.434804+00', NULL, NULL, NULL, 1);
INSERT INTO public.tasks_20261122 VALUES ('01a203d4-6b30-7000-ac1b-22b685560a7c', '01a203d4-6ac6-7000-a554-3502c00bdaeb', 'order.paid', 'application/json', '\x7b226e223a317d', '{"x-a": "b"}', 4, '2026-11-22 15:16:22.448641+00', NULL, NULL, NULL, 1);
INSERT INTO public.tasks_20261122 VALUES ('01a203d4-6b46-7000-8317-a43d532ae077', '01a203d4-6a6a-7000-87e6-42158278d6eb', 'order.later', 'application/json', '\x7b226e223a327d', NULL, 4, '2027-11-22 15:16:22.470771+00', NULL, NULL, NULL, 1);
INSERT INTO public.tasks_20261122 VALUES ('01a203d4-6b9c-7000-8314-130dd5fa60cf', '01a203d4-6b58-7000-9e5f-61aa39a584b2', '', 'application/json', '\x7b226e223a317d', NULL, 4, '2026-11-22 15:16:22.556967+00', NULL, NULL, 'i1', 1);
INSERT INTO public.tasks_20261122 VALUES ('01a203d4-6bb7-7000-8980-470bc2ee47a7', '01a203d4-6b58-7000-9e5f-61aa39a584b2', '', 'application/json', '\x7b226e223a327d', NULL, 4, '2026-11-22 15:16:22.583939+00', NULL, NULL, 'i2', 1);
INSERT INTO public.tasks_20261122 VALUES ('01a203d4-6bd2-7000-98a7-0edf8f964126', '01a203d4-6b58-7000-9e5f-61aa39a584b2', '', 'application/json', '\x7b226e223a337d', NULL, 4, '2026-11-22 15:16:22.610046+00', NULL, NULL, 'i3', 1);
INSERT INTO public.tasks_20261122 VALUES ('01a203d4-7c14-7000-9437-8fcdfdcd153d', '01a203d4-6a6a-7000-87e6-42158278d6eb', 'order.paid', 'application/json', '\x7b226e223a337d', NULL, 4, '2026-11-22 15:16:26.772892+00', NULL, NULL, NULL, 1);
ALTER TABLE ONLY public._sqlx_migrations
    ADD CONSTRAINT _sqlx_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_hash_key UNIQUE (hash);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_pkey PRIMARY KEY (delivery_id, id);
ALTER TABLE ONLY public.attempts_20261121
    ADD CONSTRAINT attempts_20261121_pkey PRIMARY KEY (delivery_id, id);
ALTER TABLE ONLY public.attempts_20261122
    ADD CONSTRAINT attempts_20261122_pkey PRIMARY KEY (delivery_id, id);
ALTER TABLE ONLY public.attempts_20261123
    ADD CONSTRAINT attempts_20261123_pkey PRIMARY KEY (delivery_id, id);
ALTER TABLE ONLY public.attempts_20261124
    ADD CONSTRAINT attempts_20261124_pkey PRIMARY KEY (delivery_id, id);
ALTER TABLE ONLY public.attempts_20261125
    ADD CONSTRAINT attempts_20261125_pkey PRIMARY KEY (delivery_id, id);
ALTER TABLE ONLY public.attempts_20261126
    ADD CONSTRAINT attempts_20261126_pkey PRIMARY KEY (delivery_id, id);
ALTER TABLE ONLY public.attempts_20261127
    ADD CONSTRAINT attempts_20261127_pkey PRIMARY KEY (delivery_id, id);
ALTER TABLE ONLY public.attempts_20261128
    ADD CONSTRAINT attempts_20261128_pkey PRIMARY KEY (delivery_id, id);
ALTER TABLE ONLY public.attempts_20261129
    ADD CONSTRAINT attempts_20261129_pkey PRIMARY KEY (delivery_id, id);
ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.catalog
    ADD CONSTRAINT catalog_pkey PRIMARY KEY (single);
ALTER TABLE ONLY public.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.depths
    ADD CONSTRAINT depths_pkey PRIMARY KEY (queue_id, slot);
ALTER TABLE ONLY public.endpoint_secrets
    ADD CONSTRAINT endpoint_secrets_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.endpoints
    ADD CONSTRAINT endpoints_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.failing
    ADD CONSTRAINT failing_pkey PRIMARY KEY (endpoint_id);
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (queue_id, key);
ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (single);
ALTER TABLE ONLY public.lane_states
    ADD CONSTRAINT lane_states_pkey PRIMARY KEY (endpoint_id);
ALTER TABLE ONLY public.nodes
    ADD CONSTRAINT nodes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.queues
    ADD CONSTRAINT queues_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.replay_jobs
    ADD CONSTRAINT replay_jobs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.rollups
    ADD CONSTRAINT rollups_pkey PRIMARY KEY (queue_id, endpoint_id, minute);
ALTER TABLE ONLY public.shards
    ADD CONSTRAINT shards_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tasks
    ADD CONSTRAINT tasks_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tasks_20261121
    ADD CONSTRAINT tasks_20261121_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tasks_20261122
    ADD CONSTRAINT tasks_20261122_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tasks_20261123
    ADD CONSTRAINT tasks_20261123_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tasks_20261124
    ADD CONSTRAINT tasks_20261124_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tasks_20261125
    ADD CONSTRAINT tasks_20261125_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tasks_20261126
    ADD CONSTRAINT tasks_20261126_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tasks_20261127
    ADD CONSTRAINT tasks_20261127_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tasks_20261128
    ADD CONSTRAINT tasks_20261128_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tasks_20261129
    ADD CONSTRAINT tasks_20261129_pkey PRIMARY KEY (id);
CREATE INDEX api_keys_changed ON public.api_keys USING btree (changed);
CREATE INDEX attempts_endpoint ON ONLY public.attempts USING btree (endpoint_id, id);
CREATE INDEX attempts_20261121_endpoint_id_id_idx ON public.attempts_20261121 USING btree (endpoint_id, id);
CREATE INDEX attempts_20261122_endpoint_id_id_idx ON public.attempts_20261122 USING btree (endpoint_id, id);
CREATE INDEX attempts_20261123_endpoint_id_id_idx ON public.attempts_20261123 USING btree (endpoint_id, id);
CREATE INDEX attempts_20261124_endpoint_id_id_idx ON public.attempts_20261124 USING btree (endpoint_id, id);
CREATE INDEX attempts_20261125_endpoint_id_id_idx ON public.attempts_20261125 USING btree (endpoint_id, id);
CREATE INDEX attempts_20261126_endpoint_id_id_idx ON public.attempts_20261126 USING btree (endpoint_id, id);
CREATE INDEX attempts_20261127_endpoint_id_id_idx ON public.attempts_20261127 USING btree (endpoint_id, id);
CREATE INDEX attempts_20261128_endpoint_id_id_idx ON public.attempts_20261128 USING btree (endpoint_id, id);
CREATE INDEX attempts_20261129_endpoint_id_id_idx ON public.attempts_20261129 USING btree (endpoint_id, id);
CREATE INDEX dead_letters_died ON public.dead_letters USING btree (died_at, id);
CREATE INDEX dead_letters_endpoint ON public.dead_letters USING btree (endpoint_id, died_at, id);
CREATE INDEX dead_letters_queue ON public.dead_letters USING btree (queue_id, died_at, id);
CREATE INDEX deliveries_due ON public.deliveries USING btree (endpoint_id, priority, due_at, id);
COMMENT ON INDEX public.deliveries_due IS 'What a lane reads: for each priority the rows that are due, oldest first, and never one that is not.';
CREATE UNIQUE INDEX deliveries_going ON public.deliveries USING btree (endpoint_id, ordering_key) WHERE ((ordering_key IS NOT NULL) AND (priority >= 0));
COMMENT ON INDEX public.deliveries_going IS 'At most one of a key goes, whatever nodes do.';
CREATE INDEX deliveries_held ON public.deliveries USING btree (endpoint_id, ordering_key, id) WHERE ((ordering_key IS NOT NULL) AND (priority < 0));
COMMENT ON INDEX public.deliveries_held IS 'The next of a key, and which keys have one.';
CREATE INDEX deliveries_queue ON public.deliveries USING btree (queue_id, id);
CREATE INDEX endpoint_secrets_endpoint ON public.endpoint_secrets USING btree (endpoint_id);
CREATE INDEX endpoint_secrets_key ON public.endpoint_secrets USING btree (key_id);
CREATE INDEX endpoints_auth_key ON public.endpoints USING btree (auth_key_id) WHERE (auth_key_id IS NOT NULL);
CREATE INDEX endpoints_changed ON public.endpoints USING btree (changed);
CREATE INDEX endpoints_queue ON public.endpoints USING btree (queue_id, id);
CREATE INDEX endpoints_unswept ON public.endpoints USING btree (deleted_at) WHERE ((deleted_at IS NOT NULL) AND (NOT swept));
CREATE INDEX failing_shard ON public.failing USING btree (shard);
CREATE INDEX idempotency_keys_expires ON public.idempotency_keys USING btree (expires_at);
CREATE INDEX lane_states_shard ON public.lane_states USING btree (shard);
CREATE INDEX queues_changed ON public.queues USING btree (changed);
CREATE UNIQUE INDEX queues_name ON public.queues USING btree (name) WHERE (deleted_at IS NULL);
CREATE INDEX replay_jobs_running ON public.replay_jobs USING btree (id) WHERE (status = 'running'::text);
CREATE INDEX rollups_minute ON public.rollups USING brin (minute) WITH (pages_per_range='16', autosummarize='on');
CREATE INDEX tasks_queue ON ONLY public.tasks USING btree (queue_id, id);
CREATE INDEX tasks_20261121_queue_id_id_idx ON public.tasks_20261121 USING btree (queue_id, id);
CREATE INDEX tasks_20261122_queue_id_id_idx ON public.tasks_20261122 USING btree (queue_id, id);
CREATE INDEX tasks_20261123_queue_id_id_idx ON public.tasks_20261123 USING btree (queue_id, id);
CREATE INDEX tasks_20261124_queue_id_id_idx ON public.tasks_20261124 USING btree (queue_id, id);
CREATE INDEX tasks_20261125_queue_id_id_idx ON public.tasks_20261125 USING btree (queue_id, id);
CREATE INDEX tasks_20261126_queue_id_id_idx ON public.tasks_20261126 USING btree (queue_id, id);
CREATE INDEX tasks_20261127_queue_id_id_idx ON public.tasks_20261127 USING btree (queue_id, id);
CREATE INDEX tasks_20261128_queue_id_id_idx ON public.tasks_20261128 USING btree (queue_id, id);
CREATE INDEX tasks_20261129_queue_id_id_idx ON public.tasks_20261129 USING btree (queue_id, id);
ALTER INDEX public.attempts_endpoint ATTACH PARTITION public.attempts_20261121_endpoint_id_id_idx;
ALTER INDEX public.attempts_pkey ATTACH PARTITION public.attempts_20261121_pkey;
ALTER INDEX public.attempts_endpoint ATTACH PARTITION public.attempts_20261122_endpoint_id_id_idx;
ALTER INDEX public.attempts_pkey ATTACH PARTITION public.attempts_20261122_pkey;
ALTER INDEX public.attempts_endpoint ATTACH PARTITION public.attempts_20261123_endpoint_id_id_idx;
ALTER INDEX public.attempts_pkey ATTACH PARTITION public.attempts_20261123_pkey;
ALTER INDEX public.attempts_endpoint ATTACH PARTITION public.attempts_20261124_endpoint_id_id_idx;
ALTER INDEX public.attempts_pkey ATTACH PARTITION public.attempts_20261124_pkey;
ALTER INDEX public.attempts_endpoint ATTACH PARTITION public.attempts_20261125_endpoint_id_id_idx;
ALTER INDEX public.attempts_pkey ATTACH PARTITION public.attempts_20261125_pkey;
ALTER INDEX public.attempts_endpoint ATTACH PARTITION public.attempts_20261126_endpoint_id_id_idx;
ALTER INDEX public.attempts_pkey ATTACH PARTITION public.attempts_20261126_pkey;
ALTER INDEX public.attempts_endpoint ATTACH PARTITION public.attempts_20261127_endpoint_id_id_idx;
ALTER INDEX public.attempts_pkey ATTACH PARTITION public.attempts_20261127_pkey;
ALTER INDEX public.attempts_endpoint ATTACH PARTITION public.attempts_20261128_endpoint_id_id_idx;
ALTER INDEX public.attempts_pkey ATTACH PARTITION public.attempts_20261128_pkey;
ALTER INDEX public.attempts_endpoint ATTACH PARTITION public.attempts_20261129_endpoint_id_id_idx;
ALTER INDEX public.attempts_pkey ATTACH PARTITION public.attempts_20261129_pkey;
ALTER INDEX public.tasks_pkey ATTACH PARTITION public.tasks_20261121_pkey;
ALTER INDEX public.tasks_queue ATTACH PARTITION public.tasks_20261121_queue_id_id_idx;
ALTER INDEX public.tasks_pkey ATTACH PARTITION public.tasks_20261122_pkey;
ALTER INDEX public.tasks_queue ATTACH PARTITION public.tasks_20261122_queue_id_id_idx;
ALTER INDEX public.tasks_pkey ATTACH PARTITION public.tasks_20261123_pkey;
ALTER INDEX public.tasks_queue ATTACH PARTITION public.tasks_20261123_queue_id_id_idx;
ALTER INDEX public.tasks_pkey ATTACH PARTITION public.tasks_20261124_pkey;
ALTER INDEX public.tasks_queue ATTACH PARTITION public.tasks_20261124_queue_id_id_idx;
ALTER INDEX public.tasks_pkey ATTACH PARTITION public.tasks_20261125_pkey;
ALTER INDEX public.tasks_queue ATTACH PARTITION public.tasks_20261125_queue_id_id_idx;
ALTER INDEX public.tasks_pkey ATTACH PARTITION public.tasks_20261126_pkey;
ALTER INDEX public.tasks_queue ATTACH PARTITION public.tasks_20261126_queue_id_id_idx;
ALTER INDEX public.tasks_pkey ATTACH PARTITION public.tasks_20261127_pkey;
ALTER INDEX public.tasks_queue ATTACH PARTITION public.tasks_20261127_queue_id_id_idx;
ALTER INDEX public.tasks_pkey ATTACH PARTITION public.tasks_20261128_pkey;
ALTER INDEX public.tasks_queue ATTACH PARTITION public.tasks_20261128_queue_id_id_idx;
ALTER INDEX public.tasks_pkey ATTACH PARTITION public.tasks_20261129_pkey;
ALTER INDEX public.tasks_queue ATTACH PARTITION public.tasks_20261129_queue_id_id_idx;
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_successor_fkey FOREIGN KEY (successor) REFERENCES public.api_keys(id);
ALTER TABLE ONLY public.endpoint_secrets
    ADD CONSTRAINT endpoint_secrets_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES public.endpoints(id);
ALTER TABLE ONLY public.endpoints
    ADD CONSTRAINT endpoints_queue_id_fkey FOREIGN KEY (queue_id) REFERENCES public.queues(id);
