-- Answering well: what each sentence of a draft rests on; knowledge; a language model; the legal road; published facts.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- Drafts

ALTER TABLE draft ADD COLUMN grounds JSONB NOT NULL DEFAULT '[]';
ALTER TABLE draft ADD COLUMN model VARCHAR;

-- Knowledge

-- A language model

-- The legal road

-- Published facts
