"""What the database itself refuses, beyond constraints: changes to the trail, and to the words of a draft."""

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
"""
"""Words can only be emptied, when a person is forgotten."""

event.listen(SQLModel.metadata, "after_create", DDL(GUARDS))  # type: ignore[no-untyped-call]
