-- Notices. `outbox` is what happened, written in the transaction that made it happen; `notification` is what a person sees in
-- the app; `delivery` is one letter, push or call of a webhook. Kept a year, then purged; part of a person's data export.
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- the notice as JSON
    body TEXT NOT NULL,
    -- the same key again tells nobody a second time
    dedup_key TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    routed_at BIGINT,
    UNIQUE (school_id, dedup_key)
);
CREATE INDEX outbox_unrouted ON outbox (created_at) WHERE routed_at IS NULL;
CREATE TABLE notification (
    id TEXT PRIMARY KEY,
    outbox_id TEXT NOT NULL REFERENCES outbox (id),
    school_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    read_at BIGINT,
    UNIQUE (outbox_id, person_id)
);
CREATE INDEX notification_person ON notification (person_id, created_at);
CREATE INDEX notification_created ON notification (created_at);
CREATE TABLE delivery (
    id TEXT PRIMARY KEY,
    outbox_id TEXT NOT NULL REFERENCES outbox (id),
    school_id TEXT NOT NULL,
    -- NULL for webhooks
    person_id TEXT,
    channel TEXT NOT NULL,
    -- address, push subscription or webhook: the id of its row, never a secret
    target TEXT NOT NULL,
    state TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    -- until then another hub is at it
    leased_until BIGINT,
    last_error TEXT,
    done_at BIGINT,
    UNIQUE (outbox_id, channel, target)
);
CREATE INDEX delivery_due ON delivery (due_at) WHERE state = 'waiting';
CREATE INDEX delivery_person ON delivery (person_id);
-- What a person chose. Without a row the defaults hold.
CREATE TABLE notice_setting (
    person_id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL,
    email TEXT,
    email_confirmed_at BIGINT,
    -- SHA-256 of the code that was sent to a new address
    email_code_hash TEXT,
    email_code_at BIGINT,
    email_code_tries BIGINT NOT NULL,
    -- JSON: {"lessons": ["email", "push"], …}
    channels TEXT NOT NULL,
    -- minutes before the start; NULL: none
    reminder_minutes BIGINT,
    -- local times HH:MM in the school's zone; both or none
    quiet_from TEXT,
    quiet_to TEXT,
    updated_at BIGINT NOT NULL
);
CREATE TABLE push_subscription (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    endpoint TEXT NOT NULL UNIQUE,
    p256dh TEXT NOT NULL,
    auth TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX push_subscription_person ON push_subscription (person_id);
CREATE TABLE webhook (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    -- JSON list of kinds; empty: all
    kinds TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);
-- The feed of a person; the secret itself is nowhere, only its SHA-256.
CREATE TABLE ics_token (
    person_id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    used_at BIGINT
);
-- Keys that the hub makes for itself once (VAPID). Part of backups.
CREATE TABLE hub_secret (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
