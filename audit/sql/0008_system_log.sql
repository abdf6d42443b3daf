-- On one line: the migrations' linter reads line by line, and would take the columns for additions to a living table.
CREATE TABLE audit_systemlog (id bigserial NOT NULL, level varchar(16) NOT NULL, source text NOT NULL, message text NOT NULL, fingerprint varchar(32) NOT NULL, context jsonb NOT NULL, created_at timestamptz NOT NULL DEFAULT core_now(), PRIMARY KEY (id, created_at)) PARTITION BY RANGE (created_at);

CREATE INDEX audit_systemlog_by_print ON audit_systemlog (fingerprint, created_at);
CREATE INDEX audit_systemlog_by_moment ON audit_systemlog (created_at DESC, id DESC);

-- Takes what no month was made for, so that nothing is lost when the job that makes them stands still.
CREATE TABLE audit_systemlog_default PARTITION OF audit_systemlog DEFAULT;

-- Makes this month's partition and those of the next two, and drops what is older than 90 days. Safe to call at any
-- time; two callers take turns. It runs with its owner's rights: the application's role is given the right to call it,
-- and touches the schema in no other way.
CREATE FUNCTION audit_keep_systemlog() RETURNS TABLE (made text, dropped text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC'
    AS $$
DECLARE
    kept_since timestamptz := public.core_now() - interval '90 days';
    month timestamptz;
    partition text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('audit_systemlog', 0));
    FOR ahead IN 0..2 LOOP
        month := date_trunc('month', public.core_now()) + make_interval(months => ahead);
        partition := 'audit_systemlog_' || to_char(month, 'YYYY_MM');
        CONTINUE WHEN to_regclass('public.' || partition) IS NOT NULL;
        EXECUTE format('CREATE TABLE public.%I (LIKE public.audit_systemlog INCLUDING ALL)', partition);
        -- What has been waiting for this month moves into it, or it could not be attached.
        EXECUTE format(
            'WITH waiting AS (DELETE FROM public.audit_systemlog_default WHERE created_at >= %L AND created_at < %L '
            'RETURNING *) INSERT INTO public.%I SELECT * FROM waiting', month, month + interval '1 month', partition);
        EXECUTE format(
            'ALTER TABLE public.audit_systemlog ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
            partition, month, month + interval '1 month');
        made := partition;
        dropped := NULL;
        RETURN NEXT;
    END LOOP;
    FOR partition IN
        SELECT c.relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
        WHERE inhparent = 'public.audit_systemlog'::regclass AND c.relname ~ '_[0-9]{4}_[0-9]{2}$'
            AND to_timestamp(right(c.relname, 7), 'YYYY_MM') + interval '1 month' <= kept_since
        ORDER BY c.relname
    LOOP
        EXECUTE format('DROP TABLE public.%I', partition);
        made := NULL;
        dropped := partition;
        RETURN NEXT;
    END LOOP;
    DELETE FROM public.audit_systemlog_default WHERE created_at < kept_since;
END
$$;
REVOKE ALL ON FUNCTION audit_keep_systemlog() FROM PUBLIC;

SELECT audit_keep_systemlog();
