-- Whose clock this is: 'undecided' until a migrate says so, 'movable' outside production, 'fixed' in production and ever
-- after (core.clock_marks). It lies in the database, so that a copy of a production's keeps it.
CREATE FUNCTION core_clock_kind() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS 'SELECT ''undecided''';

-- By how much the clock has been moved.
CREATE FUNCTION core_clock_offset() RETURNS interval
    LANGUAGE sql STABLE PARALLEL SAFE
    AS 'SELECT core_now() - now()';

-- Moves the clock on to a moment: core_now() becomes now() and a constant, which the planner writes into each statement as
-- it does now() alone. It runs with its owner's rights, for only the owner replaces functions; the application is lent it
-- outside production.
CREATE FUNCTION core_move_clock(moment timestamptz) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    ahead interval := moment - now();
BEGIN
    IF public.core_clock_kind() <> 'movable' THEN
        RAISE EXCEPTION 'this clock is %: it is not moved', public.core_clock_kind()
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'core_clock_is_fixed';
    END IF;
    -- Two who replace one function at once would fail.
    PERFORM pg_advisory_xact_lock(hashtextextended('core_now', 0));
    IF moment < public.core_now() OR moment > public.core_now() + interval '3660 days' OR ahead > interval '36600 days' THEN
        RAISE EXCEPTION 'a clock moves on, by ten years at most and by a hundred in all'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'core_clock_moves_on';
    END IF;
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION public.core_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS %L',
        format('SELECT now() + interval %L', extract(epoch FROM ahead) || ' seconds'));
END
$$;
REVOKE ALL ON FUNCTION core_move_clock(timestamptz) FROM PUBLIC;
