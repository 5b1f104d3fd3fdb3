-- Channels: how each account fares and what it cost, who is acknowledged first.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10min';

CREATE TABLE channel_state (
    channel VARCHAR NOT NULL,
    account VARCHAR NOT NULL,
    way VARCHAR(32) NOT NULL,
    failures INTEGER NOT NULL,
    rests_until TIMESTAMP WITH TIME ZONE,
    open_since TIMESTAMP WITH TIME ZONE,
    why VARCHAR,
    worked_at TIMESTAMP WITH TIME ZONE,
    looked_at TIMESTAMP WITH TIME ZONE,
    quiet_since TIMESTAMP WITH TIME ZONE,
    locked_out VARCHAR,
    throttled_since TIMESTAMP WITH TIME ZONE,
    throttled_until TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_channel_state PRIMARY KEY (channel, account, way),
    CONSTRAINT ck_channel_state_failures_from_none CHECK (failures >= 0),
    CONSTRAINT ck_channel_state_open_says_why CHECK (open_since IS NULL OR why IS NOT NULL),
    CONSTRAINT ck_channel_state_locked_is_open CHECK (locked_out IS NULL OR open_since IS NOT NULL),
    CONSTRAINT ck_channel_state_throttled_for_a_time CHECK ((throttled_since IS NULL) = (throttled_until IS NULL)),
    CONSTRAINT ck_channel_state_way CHECK (way IN ('in', 'public', 'private'))
);

CREATE TABLE channel_cost (
    channel VARCHAR NOT NULL,
    account VARCHAR NOT NULL,
    day DATE NOT NULL,
    what VARCHAR NOT NULL,
    count BIGINT NOT NULL,
    micros BIGINT NOT NULL,
    CONSTRAINT pk_channel_cost PRIMARY KEY (channel, account, day, what)
);

ALTER TABLE rate_use ADD COLUMN amount INTEGER DEFAULT 1 NOT NULL;

ALTER TABLE delivery ADD COLUMN urgency BIGINT DEFAULT '0' NOT NULL;
ALTER TABLE delivery ADD COLUMN heard_at TIMESTAMP WITH TIME ZONE;
-- The desk stands still while it is migrated, so an index may be made in the same transaction.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX ix_delivery_line ON delivery (urgency, heard_at DESC NULLS LAST, due_at, id)
WHERE state IN ('queued', 'unknown');
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX ix_delivery_place ON delivery (platform_id) WHERE platform_id IS NOT NULL;

-- squawk-ignore require-concurrent-index-deletion
DROP INDEX ix_message_to_assess;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX ix_message_to_assess ON message (posted_at DESC) WHERE assess_due;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX ix_message_heard ON message (channel, account, posted_at) WHERE direction = 'in';

-- Nullable and empty: no row is rewritten.
ALTER TABLE message ADD COLUMN summoned BOOLEAN;
ALTER TABLE message ADD COLUMN opts_out BOOLEAN DEFAULT false NOT NULL;
ALTER TABLE complainant ADD COLUMN opted_out_at TIMESTAMP WITH TIME ZONE;

-- The new check only allows more; notices are few, so looking them over holds nobody up.
-- squawk-ignore ban-drop-constraint
ALTER TABLE slack_notice DROP CONSTRAINT ck_slack_notice_kind;
-- squawk-ignore constraint-missing-not-valid
ALTER TABLE slack_notice ADD CONSTRAINT ck_slack_notice_kind
CHECK (kind IN ('reminder', 'escalation', 'thread', 'digest', 'broadcast', 'channel'));
