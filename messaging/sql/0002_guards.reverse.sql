DROP TRIGGER bot_updates_is_never_truncated ON bot_updates;
DROP TRIGGER bot_updates_is_append_only ON bot_updates;
