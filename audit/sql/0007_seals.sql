CREATE TRIGGER audit_seal_is_append_only
    BEFORE UPDATE OR DELETE ON audit_seal
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();

CREATE TRIGGER audit_seal_is_never_truncated
    BEFORE TRUNCATE ON audit_seal
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();

-- Digests of a table's rows between two of their numbers. A row's canonical bytes are the text of its jsonb, whose keys
-- PostgreSQL keeps in one order; moments are written in UTC and bytes in hexadecimal, whoever asks.
-- sealed: the columns that count
CREATE FUNCTION audit_digests(source regclass, ordering text, identifying text, sealed text[], low bigint, high bigint)
    RETURNS TABLE (place bigint, name text, digest bytea)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' SET bytea_output = 'hex'
    AS $$
DECLARE
    left_out text[] := ARRAY(
        SELECT attname::text FROM pg_attribute
        WHERE attrelid = source AND attnum > 0 AND NOT attisdropped AND attname <> ALL (sealed));
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT t.%1$I::bigint, t.%2$I::text, sha256(convert_to((to_jsonb(t) - $1)::text, ''UTF8'')) '
        'FROM %3$s AS t WHERE t.%1$I > $2 AND t.%1$I <= $3', ordering, identifying, source)
        USING left_out, low, high;
END
$$;

-- What a seal over these rows is: their number, their fingerprints, and the hash over the seal before, the seal's own
-- facts and the rows' digests.
CREATE FUNCTION audit_seal_over(
    source regclass, ordering text, identifying text, sealed text[], low bigint, high bigint,
    chain text, number bigint, previous text, moment timestamptz)
    RETURNS TABLE (row_count bigint, fingerprints bytea, hash text)
    LANGUAGE sql STABLE
    AS $$
    SELECT count(*),
        coalesce(string_agg(int8send(place) || substring(digest FROM 1 FOR 8), ''::bytea ORDER BY place, digest), ''),
        encode(sha256(
            convert_to(concat_ws('|', previous, chain, number, low, high, array_to_string(sealed, ','),
                (extract(epoch FROM moment) * 1000000)::bigint, count(*), ''), 'UTF8')
            || coalesce(string_agg(digest, ''::bytea ORDER BY place, digest), '')), 'hex')
    FROM audit_digests(source, ordering, identifying, sealed, low, high)
$$;
