DROP FUNCTION core_move_clock(timestamptz);
DROP FUNCTION core_clock_offset();
DROP FUNCTION core_clock_kind();
CREATE OR REPLACE FUNCTION core_now() RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    AS 'SELECT now()';
