DROP FUNCTION core_refuse_frozen_change();
DROP FUNCTION core_refuse_change();
DROP FUNCTION core_uuid7();
DROP FUNCTION core_now();
