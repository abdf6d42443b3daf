CREATE TRIGGER audit_auditlog_is_append_only
    BEFORE UPDATE OR DELETE ON audit_auditlog
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();

CREATE TRIGGER audit_auditlog_is_never_truncated
    BEFORE TRUNCATE ON audit_auditlog
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();

-- Writes one row into the audit log, by the actor and under the circumstances that core.database.told_to_database
-- told. Where nobody told anything that can be read, the database user and the application's name stand in.
-- It runs with its owner's rights, so that a role without rights on the log cannot change a table unseen; hence
-- the fixed search path, and the right to call it is nobody else's.
CREATE FUNCTION audit_append(deed text, kind_of_entity text, id_of_entity text, before jsonb, after jsonb)
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    told text := current_setting('dvorik.context', true);
    context jsonb := '{}';
    who jsonb;
    person text;
BEGIN
    IF told <> '' THEN
        BEGIN
            context := told::jsonb;
        EXCEPTION WHEN OTHERS THEN
            -- What cannot be read must not stop the change from being recorded.
            context := '{}';
        END;
        IF jsonb_typeof(context) <> 'object' THEN
            context := '{}';
        END IF;
    END IF;
    IF context->>'kind' IN ('user', 'api_key', 'job', 'shell', 'system') THEN
        who := jsonb_build_object(
            'kind', context->>'kind',
            'id', coalesce(context->>'id', ''),
            'label', coalesce(context->>'label', ''));
        person := coalesce(
            context->>'user_id', CASE WHEN context->>'kind' IN ('user', 'shell') THEN context->>'id' END);
    ELSE
        who := jsonb_build_object(
            'kind', 'system',
            'id', '',
            'label', concat_ws(' ', session_user::text,
                '(' || nullif(current_setting('application_name'), '') || ')'));
    END IF;
    INSERT INTO audit_auditlog
        (user_id, actor, action, entity_type, entity_id, old_value, new_value, metadata)
    VALUES (
        CASE WHEN person ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN person::uuid END,
        who, deed, kind_of_entity, id_of_entity, before, after,
        jsonb_strip_nulls(jsonb_build_object(
            'door', context->>'door', 'request_id', context->>'request_id',
            'ip', context->>'ip', 'reason', context->>'reason')));
END
$$;
REVOKE ALL ON FUNCTION audit_append(text, text, text, jsonb, jsonb) FROM PUBLIC;

-- For audited tables, AFTER INSERT OR UPDATE OR DELETE of a row: records what changed, and nothing when nothing
-- did. `billing_tariff` is the entity `billing.tariff`. Each argument of the trigger is a column:
--     'password'     is masked: that it changed is seen, its value is not
--     '-last_login'  is left out: a change of it alone is no record (updated_at always is)
--     '@key'         identifies the row, instead of id
CREATE FUNCTION audit_record_row() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    was jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    is_now jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    identifying text := 'id';
    left_out text[] := '{updated_at}';
    argument text;
    entity text := regexp_replace(TG_TABLE_NAME, '_', '.');
    before jsonb;
    after jsonb;
BEGIN
    FOREACH argument IN ARRAY coalesce(TG_ARGV, '{}') LOOP
        IF argument LIKE '-%' THEN
            left_out := left_out || substr(argument, 2);
        ELSIF argument LIKE '@%' THEN
            identifying := substr(argument, 2);
        END IF;
    END LOOP;
    SELECT
        jsonb_object_agg(name, CASE WHEN name = ANY (TG_ARGV) AND o.value <> 'null' THEN '"***"' ELSE o.value END),
        jsonb_object_agg(name, CASE WHEN name = ANY (TG_ARGV) AND n.value <> 'null' THEN '"***"' ELSE n.value END)
    INTO before, after
    FROM jsonb_each(was) AS o (name, value) FULL JOIN jsonb_each(is_now) AS n (name, value) USING (name)
    WHERE name <> ALL (left_out) AND o.value IS DISTINCT FROM n.value;
    IF before IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM audit_append(
        entity || CASE TG_OP WHEN 'INSERT' THEN '.created' WHEN 'UPDATE' THEN '.updated' ELSE '.deleted' END,
        entity,
        coalesce(was, is_now)->>identifying,
        CASE WHEN TG_OP <> 'INSERT' THEN before END,
        CASE WHEN TG_OP <> 'DELETE' THEN after END);
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION audit_record_row() FROM PUBLIC;

-- Raises an alert, or counts one more occurrence of the same trouble: one that is not resolved and was last seen
-- within 15 minutes. The advisory lock makes racing callers of one fingerprint take turns; in READ COMMITTED each
-- statement of a volatile function sees what was committed before it, so the second caller finds the first's row.
CREATE FUNCTION audit_raise_alert(print text, level text, heading text, words text, facts jsonb)
    RETURNS SETOF audit_adminalert
    LANGUAGE plpgsql VOLATILE
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('audit_adminalert:' || print, 0));
    RETURN QUERY
        UPDATE audit_adminalert AS alert
        SET count = alert.count + 1,
            last_seen_at = greatest(alert.last_seen_at, core_now()),
            severity = CASE WHEN 'critical' IN (level, alert.severity) THEN 'critical'
                            WHEN 'warning' IN (level, alert.severity) THEN 'warning'
                            ELSE 'info' END
        WHERE alert.id = (
            SELECT latest.id FROM audit_adminalert AS latest
            WHERE latest.fingerprint = print AND latest.status <> 'resolved'
                AND latest.last_seen_at > core_now() - interval '15 minutes'
            ORDER BY latest.last_seen_at DESC, latest.id DESC LIMIT 1)
        RETURNING alert.*;
    IF NOT FOUND THEN
        RETURN QUERY
            INSERT INTO audit_adminalert (fingerprint, severity, title, body, context, count, status, acknowledged_by)
            VALUES (print, level, heading, words, facts, 1, 'open', '')
            RETURNING *;
    END IF;
END
$$;
