"""What the database itself refuses, beyond constraints: changes to the trail and to the words of a draft, and to send
what no gate may let pass."""

from sqlalchemy import DDL, event
from sqlmodel import SQLModel

GUARDS = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'restrict_violation',
        MESSAGE = 'the trail is append-only: ' || TG_OP || ' on ' || TG_TABLE_NAME || ' is refused';
END $$;
CREATE TRIGGER event_is_append_only BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER event_keeps_its_rows BEFORE TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER anchor_is_append_only BEFORE UPDATE OR DELETE ON anchor FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER anchor_keeps_its_rows BEFORE TRUNCATE ON anchor FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE FUNCTION refuse_other_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.sha256 <> old.sha256 OR (new.text <> old.text AND new.text <> '') THEN
        RAISE EXCEPTION USING ERRCODE = 'restrict_violation',
            MESSAGE = 'the words of ' || TG_TABLE_NAME || ' ' || old.id || ' never change: write a new one';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER draft_keeps_its_words BEFORE UPDATE ON draft FOR EACH ROW EXECUTE FUNCTION refuse_other_words();
CREATE TRIGGER delivery_keeps_its_words BEFORE UPDATE ON delivery FOR EACH ROW EXECUTE FUNCTION refuse_other_words();
CREATE TRIGGER model_change_is_append_only BEFORE UPDATE OR DELETE ON model_change
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER model_change_keeps_its_rows BEFORE TRUNCATE ON model_change
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE FUNCTION refuse_other_model() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (new.name, new.sha256, new.data) IS DISTINCT FROM (old.name, old.sha256, old.data) THEN
        RAISE EXCEPTION USING ERRCODE = 'restrict_violation',
            MESSAGE = 'the model ' || old.name || ' never changes: train a new one';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER model_keeps_its_bytes BEFORE UPDATE ON model FOR EACH ROW EXECUTE FUNCTION refuse_other_model();
CREATE FUNCTION refuse_shorter_cooling() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (new.complaint_id, new.opened_at, new.opened_by, new.cooling_until)
        IS DISTINCT FROM (old.complaint_id, old.opened_at, old.opened_by, old.cooling_until) THEN
        RAISE EXCEPTION USING ERRCODE = 'restrict_violation',
            MESSAGE = 'the cooling-off of legal road ' || old.id || ' stays as it was opened: nobody can shorten it';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER legal_road_keeps_cooling BEFORE UPDATE ON legal_road
    FOR EACH ROW EXECUTE FUNCTION refuse_shorter_cooling();
CREATE FUNCTION refuse_to_forget_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM legal_hold WHERE complaint_id = old.id AND off_at IS NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'restrict_violation',
            MESSAGE = 'TG-' || old.id || ' is under a legal hold: nothing of it is forgotten';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER complaint_on_hold_is_kept BEFORE UPDATE OF salt ON complaint
    FOR EACH ROW WHEN (new.salt IS DISTINCT FROM old.salt) EXECUTE FUNCTION refuse_to_forget_held();
CREATE FUNCTION refuse_unpassed_draft() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    words RECORD;
BEGIN
    SELECT d.blocked, d.author, r.id AS road, r.opened_by, r.cooling_until INTO words
    FROM draft d LEFT JOIN legal_road r ON r.id = d.legal_road_id WHERE d.id = new.draft_id;
    IF words.blocked THEN
        RAISE EXCEPTION USING ERRCODE = 'restrict_violation',
            MESSAGE = 'draft ' || new.draft_id || ' is blocked by the guardrails: nothing sends it';
    END IF;
    IF words.road IS NOT NULL AND (new.queued_at < words.cooling_until OR 3 > (
        SELECT count(DISTINCT decided_by) FROM review
        WHERE round_id = new.round_id AND draft_id = new.draft_id AND verdict = 'approve'
            AND gate IN ('pr', 'legal', 'executive') AND decided_by NOT IN (words.author, words.opened_by)
    )) THEN
        RAISE EXCEPTION USING ERRCODE = 'restrict_violation',
            MESSAGE = 'legal road ' || words.road || ' ends after its cooling-off, passed by three different people';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER delivery_passed_its_gates BEFORE INSERT OR UPDATE OF draft_id, round_id, queued_at ON delivery
    FOR EACH ROW WHEN (new.draft_id IS NOT NULL) EXECUTE FUNCTION refuse_unpassed_draft();
"""
"""Words can only be emptied, when a person is forgotten."""

event.listen(SQLModel.metadata, "after_create", DDL(GUARDS))  # type: ignore[no-untyped-call]
