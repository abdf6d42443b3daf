-- What Telegram told the bots: kept as it came.
CREATE TRIGGER bot_updates_is_append_only
    BEFORE UPDATE OR DELETE ON bot_updates
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER bot_updates_is_never_truncated
    BEFORE TRUNCATE ON bot_updates
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
