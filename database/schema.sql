-- The schema, in MySQL's dialect. The migrations make it; a test compares the two on every database.
--
-- Where databases differ, a line says for which it is: `-- SQLite:` before it, or `-- not SQLite` behind it. SQLite has
-- INTEGER for BIGINT, BLOB for BINARY, TEXT for every text, and no ENGINE, CHARSET and COLLATE; PostgreSQL has BYTEA for
-- BINARY and VARBINARY, and TEXT for MEDIUMTEXT.
--
-- Times are Unix milliseconds, UTC. Ids are handed out by `hub_state`, not by the tables. Text that is compared byte by
-- byte is VARBINARY: the collations that MySQL and MariaDB share ignore trailing spaces. No foreign keys: see `migrations`.

CREATE TABLE chat_threads (
  id              BIGINT NOT NULL PRIMARY KEY,
  user1_id        BIGINT NOT NULL,            -- the smaller of the two
  user2_id        BIGINT NOT NULL,
  last_seq        BIGINT NOT NULL DEFAULT 0,
  rev             BIGINT NOT NULL DEFAULT 0,  -- counts creations, edits and deletions
  last_message_id BIGINT NULL,
  created_at      BIGINT NOT NULL,
  updated_at      BIGINT NOT NULL,            -- of the newest message
  commit_no       BIGINT NOT NULL,            -- of the last message, change or moved watermark
  UNIQUE KEY chat_threads_pair (user1_id, user2_id),
  -- SQLite, PostgreSQL: updated_step BIGINT NOT NULL DEFAULT 0,   -- the upper bits of updated_at and commit_no: most messages
  -- SQLite, PostgreSQL: commit_step BIGINT NOT NULL DEFAULT 0,    -- leave them, and the indexes over them, as they are
  -- SQLite, PostgreSQL: KEY chat_threads_user1_commit (user1_id, commit_step),
  -- SQLite, PostgreSQL: KEY chat_threads_user2_commit (user2_id, commit_step),
  -- SQLite, PostgreSQL: KEY chat_threads_user1_updated (user1_id, updated_step),
  -- SQLite, PostgreSQL: KEY chat_threads_user2_updated (user2_id, updated_step),
  KEY chat_threads_user1_commit (user1_id, commit_no),         -- not SQLite, PostgreSQL
  KEY chat_threads_user2_commit (user2_id, commit_no),         -- not SQLite, PostgreSQL
  KEY chat_threads_user1_updated (user1_id, updated_at, id),   -- not SQLite, PostgreSQL
  KEY chat_threads_user2_updated (user2_id, updated_at, id)    -- not SQLite, PostgreSQL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE chat_messages (
  id             BIGINT NOT NULL PRIMARY KEY,
  thread_id      BIGINT NOT NULL,
  seq            BIGINT NOT NULL,
  rev            BIGINT NOT NULL,
  created_rev    BIGINT NOT NULL,             -- what the first answer said
  sender_id      BIGINT NOT NULL,             -- 0: the marketplace itself
  temp_id        VARBINARY(128) NULL,         -- the author's idempotency key
  payload_hash   BINARY(32) NOT NULL,         -- of the original send
  content        TEXT NULL,
  product_id     BIGINT NULL,
  reply_to       BIGINT NULL,
  created_at     BIGINT NOT NULL,
  edited_at      BIGINT NULL,
  deleted_at     BIGINT NULL,
  commit_no      BIGINT NOT NULL,             -- of the last change
  created_commit BIGINT NOT NULL,
  card           TEXT NULL,                   -- as it was when the message was sent, as JSON
  texts          TEXT NULL,                   -- [[member, text], …]: where the members are told other texts than `content`
  -- SQLite: prev_id BIGINT NULL,             -- the message before it in its thread: only every 16th is indexed
  -- SQLite: UNIQUE KEY chat_messages_step (thread_id, seq) WHERE seq % 16 = 0,
  UNIQUE KEY chat_messages_seq (thread_id, seq),               -- not SQLite
  UNIQUE KEY chat_messages_key (temp_id, sender_id, thread_id) -- keys that begin with the time stand together
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Edits and deletions. Every `rev` of a thread that is not here created a message.
CREATE TABLE chat_amendments (
  thread_id  BIGINT NOT NULL,
  rev        BIGINT NOT NULL,
  message_id BIGINT NOT NULL,
  last_seq   BIGINT NOT NULL,                 -- of the thread, at that time
  commit_no  BIGINT NOT NULL,
  PRIMARY KEY (thread_id, rev),
  KEY chat_amendments_commit (thread_id, commit_no)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE chat_message_batches (
  message_id BIGINT NOT NULL,
  position   BIGINT NOT NULL,
  media_id   VARBINARY(64) NOT NULL,
  PRIMARY KEY (message_id, position),
  UNIQUE KEY chat_message_batches_media (media_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE chat_message_status (
  thread_id        BIGINT NOT NULL,
  user_id          BIGINT NOT NULL,
  delivered_seq    BIGINT NOT NULL DEFAULT 0,
  read_seq         BIGINT NOT NULL DEFAULT 0,
  unread           BIGINT NOT NULL DEFAULT 0,
  has_unread       BIGINT NOT NULL DEFAULT 0, -- 1 while unread > 0: what the index holds
  delivered_at     BIGINT NULL,
  read_at          BIGINT NULL,
  delivered_commit BIGINT NOT NULL DEFAULT 0,
  read_commit      BIGINT NOT NULL DEFAULT 0,
  commit_no        BIGINT NOT NULL,
  PRIMARY KEY (thread_id, user_id),
  KEY chat_message_status_unread (user_id, has_unread, thread_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE chat_users (
  id                   BIGINT NOT NULL PRIMARY KEY,
  last_seen            BIGINT NULL,
  unread_messages      BIGINT NOT NULL DEFAULT 0,
  unread_notifications BIGINT NOT NULL DEFAULT 0
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- What the marketplace's core says of users.
CREATE TABLE profiles (
  user_id     BIGINT NOT NULL PRIMARY KEY,
  name        TEXT NOT NULL,
  avatar_url  TEXT NULL,
  locale      TEXT NULL,                      -- a BCP 47 tag
  timezone    TEXT NULL,                      -- an IANA name
  verified    BIGINT NOT NULL DEFAULT 0,
  role        TEXT NULL,                      -- `buyer` or `seller`
  email       TEXT NULL,
  contactable TEXT NOT NULL                   -- channels, with commas between them
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- What conversations are about: products, orders, shops, places of the marketplace.
CREATE TABLE cards (
  kind    VARBINARY(16) NOT NULL,
  id      VARBINARY(255) NOT NULL,
  version BIGINT NOT NULL,
  body    TEXT NOT NULL,                      -- all of it, as JSON
  PRIMARY KEY (kind, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- In which threads a card was sent last, and when.
CREATE TABLE card_threads (
  kind      VARBINARY(16) NOT NULL,
  card_id   VARBINARY(255) NOT NULL,
  thread_id BIGINT NOT NULL,
  user1_id  BIGINT NOT NULL,
  user2_id  BIGINT NOT NULL,
  sent_at   BIGINT NOT NULL,
  PRIMARY KEY (kind, card_id, thread_id),
  KEY card_threads_recent (kind, card_id, sent_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE media (
  id          VARBINARY(64) NOT NULL,
  owner_id    BIGINT NOT NULL,
  object_key  VARBINARY(255) NOT NULL,
  mime        TEXT NOT NULL,
  width       BIGINT NOT NULL,
  height      BIGINT NOT NULL,
  bytes       BIGINT NOT NULL,
  blurhash    TEXT NOT NULL,
  created_at  BIGINT NOT NULL,
  attached_at BIGINT NULL,                    -- when it was sent, or given up: it cannot be sent any more
  expires_at  BIGINT NULL,                    -- from when on it is swept: never while a message holds it
  PRIMARY KEY (id),
  KEY media_expiry (expires_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE notifications (
  id             BIGINT NOT NULL PRIMARY KEY,
  user_id        BIGINT NOT NULL,
  type           TEXT NOT NULL,               -- `chat`: one row per person and thread, for ever
  title          TEXT NOT NULL,
  body           TEXT NOT NULL,
  related_id     BIGINT NULL,
  dedupe_key     VARBINARY(255) NULL,         -- `chat:<thread>`, `core:<key>`, `core#<digest of a long key>`
  is_read        BIGINT NOT NULL DEFAULT 0,
  created_at     BIGINT NOT NULL,
  updated_at     BIGINT NOT NULL,             -- 0 once deleted: out of the pages' way
  deleted_at     BIGINT NULL,
  commit_no      BIGINT NOT NULL,
  created_commit BIGINT NOT NULL,
  UNIQUE KEY notifications_dedupe_key (user_id, dedupe_key),
  KEY notifications_commit (user_id, commit_no),
  KEY notifications_updated (user_id, updated_at, id),
  KEY notifications_unread (user_id, is_read, updated_at, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE hub_state (
  id                   BIGINT NOT NULL PRIMARY KEY, -- 1
  epoch                VARBINARY(64) NOT NULL,      -- the history's present name: see `chat_database::history`
  commit_no            BIGINT NOT NULL DEFAULT 0,   -- the newest commit; its row lock orders all commits
  last_thread_id       BIGINT NOT NULL DEFAULT 0,
  last_message_id      BIGINT NOT NULL DEFAULT 0,
  last_notification_id BIGINT NOT NULL DEFAULT 0,
  nonce                BIGINT NOT NULL DEFAULT 0,   -- of the newest commit
  nonce_before         BIGINT NOT NULL DEFAULT 0,   -- not used any more; nodes of an earlier version write and read it
  newest_at            BIGINT NOT NULL DEFAULT 0,   -- the newest time that any commit has written
  newest_before        BIGINT NOT NULL DEFAULT 0,   -- nor is this one
  tickets_forgotten    BIGINT NOT NULL DEFAULT 0,   -- tickets that expired up to then are not remembered: none is good
  restrictions_no      BIGINT NULL                  -- the commit that changed a restriction of a user last
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The names that the history had before: a cursor under one of them is good up to its last commit.
CREATE TABLE hub_epochs (
  epoch       VARBINARY(64) NOT NULL,
  last_commit BIGINT NOT NULL,
  ended_at    BIGINT NOT NULL,
  PRIMARY KEY (epoch)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE hub_commits (
  commit_no BIGINT NOT NULL PRIMARY KEY,
  nonce     BIGINT NOT NULL DEFAULT 0,        -- tells it from another commit of the same number
  node      VARBINARY(255) NOT NULL,          -- `name#incarnation`: see `chat_database::nodes`
  at        BIGINT NOT NULL,                  -- by the database's clock: the log is swept by its age
  newest_at BIGINT,                           -- the newest time that was written up to it; an earlier release has none
  threads   MEDIUMTEXT NOT NULL,              -- [[thread, member, member], …]
  users     MEDIUMTEXT NOT NULL               -- [user, …]: whose notifications it touched otherwise
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- What nodes that share this database know each other by.
CREATE TABLE hub_identity (
  id          BIGINT NOT NULL PRIMARY KEY,    -- 1
  database_id VARBINARY(64) NOT NULL          -- drawn when the table was made; copies keep it
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE used_tickets (
  id         VARBINARY(255) NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (id),
  KEY used_tickets_expiry (expires_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The nodes that run on this database, or ran: each beats in its row. SQLite's table stays empty.
CREATE TABLE hub_nodes (
  name        VARBINARY(255) NOT NULL,
  incarnation BIGINT NOT NULL,                -- which process of that name has the row
  started_at  BIGINT NOT NULL,                -- this time and the next: by the database's clock
  beat_at     BIGINT NOT NULL,
  draining    BIGINT NOT NULL DEFAULT 0,      -- 1: the process is about to end
  version     VARBINARY(64) NOT NULL,
  key_check   BIGINT,                         -- by this nodes see whether they have the same secret; an older release has none
  PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Who reads the commit log beyond the nodes. The log is kept until the slowest one that is enabled has passed.
CREATE TABLE hub_consumers (
  name        VARBINARY(64) NOT NULL,
  commit_no   BIGINT NOT NULL,                -- this and the next three: the place of the last event that it has
  class       BIGINT NOT NULL,
  object      BIGINT NOT NULL,
  part        BIGINT NOT NULL,
  enabled     BIGINT NOT NULL DEFAULT 0,      -- 1: the log is kept for it
  holder      VARBINARY(255) NOT NULL,        -- the process that works for it; empty: it asks by itself
  lease_until BIGINT NOT NULL DEFAULT 0,      -- this time and the next: by the database's clock
  touched_at  BIGINT NOT NULL,
  PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The marketplace's endpoints. Their secrets are made of id and version: no table holds one.
CREATE TABLE webhooks (
  id              BIGINT NOT NULL PRIMARY KEY, -- drawn by chance: none comes again
  url             TEXT NOT NULL,
  types           TEXT NOT NULL,              -- ["message.created", …] or ["*"]
  description     TEXT NOT NULL,
  enabled         BIGINT NOT NULL DEFAULT 0,
  disabled_reason TEXT NULL,                  -- why the hub has disabled it
  secret_version  BIGINT NOT NULL,
  overlap_until   BIGINT NULL,                -- until then the version before signs, too
  since_commit    BIGINT NOT NULL,            -- what was committed up to there is not sent to it
  failing_since   BIGINT NULL,                -- when the first try failed after the last success
  succeeded_at    BIGINT NULL,
  requests        BIGINT NOT NULL DEFAULT 0,  -- counts changes: the worker looks it up again
  created_at      BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Events that were, or are to be, sent to an endpoint. What they are about is read when they are sent.
CREATE TABLE webhook_deliveries (
  id         BIGINT NOT NULL PRIMARY KEY,     -- by the commit that noted it: in the order of events
  webhook_id BIGINT NOT NULL,
  event_id   VARBINARY(128) NOT NULL,
  type       VARBINARY(64) NOT NULL,
  thread_id  BIGINT NULL,
  at         BIGINT NOT NULL,                 -- when the event happened
  status     BIGINT NOT NULL DEFAULT 0,       -- 0: pending, 1: arrived, 2: failed
  attempts   BIGINT NOT NULL DEFAULT 0,
  next_at    BIGINT NULL,
  code       BIGINT NULL,                     -- the status of the last answer
  ms         BIGINT NULL,
  reply      TEXT NULL,                       -- the beginning of the last answer, or why there was none
  KEY webhook_deliveries_status (webhook_id, status, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Who did what, to whom, from where, why and when. Each row's hash covers the row before it: see `chat_database::audit`.
CREATE TABLE audit_log (
  id       BIGINT NOT NULL PRIMARY KEY,       -- dense, in the order in which rows were written
  at       BIGINT NOT NULL,                   -- by the database's clock
  who      TEXT NOT NULL,                     -- admin:2, service:1, operator:root, hub:left, unknown
  what     TEXT NOT NULL,
  whom     TEXT NULL,                         -- user:7, thread:77, webhook:5
  source   TEXT NULL,                         -- the client's address
  why      TEXT NULL,
  detail   TEXT NULL,                         -- JSON
  previous VARBINARY(64) NOT NULL,            -- the hash of the row before it
  hash     VARBINARY(64) NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Where the audit log begins and ends: one row.
CREATE TABLE audit_chain (
  id           BIGINT NOT NULL PRIMARY KEY,   -- 1
  removed_id   BIGINT NOT NULL DEFAULT 0,     -- the newest row that was removed because it was old
  removed_hash VARBINARY(64) NOT NULL,        -- its hash, which the oldest row follows
  last_id      BIGINT NOT NULL DEFAULT 0,     -- the newest row
  last_hash    VARBINARY(64) NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- What users may not do. Nodes read what later commits have changed when `hub_state.restrictions_no` has moved.
CREATE TABLE user_restrictions (
  user_id         BIGINT NOT NULL PRIMARY KEY,
  suspended_until BIGINT NULL,                -- until then the user sends nothing, by the database's clock
  reason          TEXT NULL,                  -- as the staff wrote it
  tokens_from     BIGINT NULL,                -- tokens that were issued before are not taken
  commit_no       BIGINT NOT NULL,            -- of the last change
  KEY user_restrictions_until (suspended_until),
  KEY user_restrictions_commit (commit_no)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
