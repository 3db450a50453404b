-- A recording, schema 1. docs/recording.md says what each column means.
-- Times: `_us` microseconds, `_ms` milliseconds since the Unix epoch.

CREATE TABLE meta (key TEXT PRIMARY KEY, value);

CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    from_us INTEGER NOT NULL,
    to_us INTEGER NOT NULL,
    version TEXT NOT NULL,
    reason TEXT
);

CREATE TABLE wanted (
    run INTEGER NOT NULL,
    room INTEGER NOT NULL,
    from_us INTEGER NOT NULL,
    to_us INTEGER
);

CREATE TABLE link (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    room INTEGER NOT NULL,
    server TEXT NOT NULL,
    joined_us INTEGER,
    heard_us INTEGER,
    ended_us INTEGER,
    reason TEXT,
    received INTEGER NOT NULL,
    control INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    duplicates INTEGER NOT NULL,
    dropped INTEGER NOT NULL
);

CREATE TABLE dropped (
    link INTEGER NOT NULL,
    cause TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (link, cause)
) WITHOUT ROWID;

CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    room INTEGER NOT NULL,
    link INTEGER NOT NULL,
    received_us INTEGER NOT NULL,
    sent_ms INTEGER,
    type TEXT NOT NULL,
    cid,
    uid INTEGER,
    name TEXT,
    text TEXT,
    level INTEGER,
    role TEXT,
    medal TEXT,
    medal_level INTEGER,
    medal_room INTEGER,
    colour INTEGER,
    noble INTEGER,
    client INTEGER,
    gift_kind TEXT,
    gift_id INTEGER,
    gift_name TEXT,
    count INTEGER,
    hits INTEGER,
    price_fen INTEGER,
    duration_s INTEGER,
    receiver TEXT,
    flags INTEGER NOT NULL
);

CREATE TABLE raw_block (
    first_id INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    body BLOB NOT NULL
);

CREATE TABLE room_state (
    room INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    live INTEGER,
    title TEXT,
    owner TEXT,
    owner_uid INTEGER,
    category TEXT
);

CREATE TABLE gift (
    kind TEXT NOT NULL,
    id INTEGER NOT NULL,
    name TEXT,
    price_fen INTEGER,
    PRIMARY KEY (kind, id)
);

CREATE VIEW chat AS
SELECT id, room, strftime('%Y-%m-%dT%H:%M:%fZ', received_us / 1000000.0, 'unixepoch') AS received_at,
       received_us, sent_ms, CASE typeof(cid) WHEN 'blob' THEN lower(hex(cid)) ELSE cid END AS cid,
       uid, name, text, level, role, medal, medal_level, medal_room, colour, noble, client, flags
FROM message WHERE type = 'chatmsg';

CREATE VIEW gift_message AS
SELECT m.id, m.room, strftime('%Y-%m-%dT%H:%M:%fZ', m.received_us / 1000000.0, 'unixepoch') AS received_at,
       m.received_us, m.uid, m.name, m.gift_kind, m.gift_id, coalesce(m.gift_name, g.name) AS gift_name,
       m.count, m.hits, coalesce(m.price_fen, g.price_fen) AS price_fen, m.receiver, m.flags
FROM message m LEFT JOIN gift g ON g.kind = m.gift_kind AND g.id = m.gift_id WHERE m.type = 'dgb';

CREATE VIEW superchat AS
SELECT id, room, strftime('%Y-%m-%dT%H:%M:%fZ', received_us / 1000000.0, 'unixepoch') AS received_at,
       received_us, sent_ms, uid, name, text, price_fen, duration_s, flags
FROM message WHERE type = 'comm_chatmsg' AND price_fen IS NOT NULL AND duration_s IS NOT NULL;

CREATE VIEW enter AS
SELECT id, room, strftime('%Y-%m-%dT%H:%M:%fZ', received_us / 1000000.0, 'unixepoch') AS received_at,
       received_us, uid, name, level, noble, flags
FROM message WHERE type = 'uenter';

-- Wanted time less the union of listened time. Twin of ledger::gaps; a property test holds them equal.
CREATE VIEW gap (room, from_us, to_us, reason) AS
WITH
span (room, from_us, to_us, is_link, link) AS (
    -- What is open yet reaches to the last stamp of its run.
    SELECT w.room, w.from_us, coalesce(w.to_us, r.to_us), 0, NULL FROM wanted w JOIN run r ON r.id = w.run
    UNION ALL
    SELECT l.room, l.joined_us, CASE WHEN l.ended_us IS NULL THEN max(l.heard_us, r.to_us) ELSE l.heard_us END, 1, l.id
    FROM link l JOIN run r ON r.id = l.run
),
edge (room, at_us, wanted, listening, ended_link) AS (
    SELECT room, from_us, 1 - is_link, is_link, NULL FROM span WHERE from_us < to_us
    UNION ALL
    SELECT room, to_us, is_link - 1, -is_link, link FROM span WHERE from_us < to_us
),
level (room, at_us, deaf, ended_link) AS (
    SELECT room, at_us,
           sum(sum(wanted)) OVER so_far > 0 AND sum(sum(listening)) OVER so_far = 0,
           max(ended_link)
    FROM edge GROUP BY room, at_us WINDOW so_far AS (PARTITION BY room ORDER BY at_us)
),
turn (room, at_us, deaf, before, ended_link) AS (
    SELECT room, at_us, deaf, lag(deaf, 1, 0) OVER (PARTITION BY room ORDER BY at_us), ended_link FROM level
),
deaf (room, from_us, to_us, deaf, ended_link) AS (
    SELECT room, at_us, lead(at_us) OVER (PARTITION BY room ORDER BY at_us), deaf, ended_link
    FROM turn WHERE deaf <> before
)
SELECT d.room, d.from_us, d.to_us, coalesce(l.reason, 'start')
FROM deaf d LEFT JOIN link l ON l.id = d.ended_link WHERE d.deaf;
