-- Chat of the rooms. Rows are never deleted: an edit keeps the earlier text, a deletion hides.
CREATE TABLE message (
    id TEXT PRIMARY KEY,
    school_id TEXT NOT NULL,
    room_id TEXT NOT NULL,
    -- 1, 2, 3 … without gaps in one room
    seq BIGINT NOT NULL,
    author_id TEXT NOT NULL,
    author_name TEXT NOT NULL,
    -- the author's seat when it was written
    peer TEXT,
    client_msg_id TEXT NOT NULL,
    body TEXT NOT NULL,
    reply_to TEXT,
    sent_at BIGINT NOT NULL,
    edited_at BIGINT,
    hidden_at BIGINT,
    hidden_by TEXT,
    UNIQUE (room_id, seq),
    UNIQUE (author_id, client_msg_id)
);

-- What a message said before each edit.
CREATE TABLE message_edit (
    message_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (message_id, at)
);
