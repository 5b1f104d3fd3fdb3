-- What severity rests on: a customer's tier, and with each assessment the facts and rules that graded it.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

ALTER TABLE identity ADD COLUMN tier VARCHAR;

ALTER TABLE assessment ADD COLUMN grading JSONB;
