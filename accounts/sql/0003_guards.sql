-- A referrer is bound when a person is first seen, and never to anybody else.
CREATE TRIGGER accounts_user_referrer_is_bound_once
    BEFORE UPDATE ON accounts_user
    FOR EACH ROW
    WHEN (NEW.referred_by_id IS NOT NULL AND NEW.referred_by_id IS DISTINCT FROM OLD.referred_by_id)
    EXECUTE FUNCTION core_refuse_change();

-- Deleting the referrer lets go of those who came through them. Nothing else does: by the end of the
-- transaction the referrer must be gone.
CREATE FUNCTION accounts_refuse_unbinding() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
    AS $$
BEGIN
    IF EXISTS (SELECT FROM accounts_user WHERE id = OLD.referred_by_id) THEN
        RAISE EXCEPTION 'the referrer of user % is still there', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER accounts_user_referrer_is_not_unbound
    AFTER UPDATE ON accounts_user
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW
    WHEN (OLD.referred_by_id IS NOT NULL AND NEW.referred_by_id IS NULL)
    EXECUTE FUNCTION accounts_refuse_unbinding();

-- A referrer was there before those they brought. Together with the first trigger this leaves no way to make a
-- cycle, though the foreign key itself is checked at the transaction's end only.
CREATE FUNCTION accounts_refuse_absent_referrer() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM accounts_user WHERE id = NEW.referred_by_id) THEN
        RAISE EXCEPTION 'the referrer of user % does not exist yet', NEW.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER accounts_user_referrer_came_earlier
    BEFORE INSERT ON accounts_user
    FOR EACH ROW
    WHEN (NEW.referred_by_id IS NOT NULL)
    EXECUTE FUNCTION accounts_refuse_absent_referrer();

-- Who somebody is stays out of a history that cannot be edited: it must be possible to forget a person.
CREATE TRIGGER accounts_user_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON accounts_user
    FOR EACH ROW EXECUTE FUNCTION audit_record_row(
        'password', 'telegram_id', 'username', 'first_name', 'last_name', '-last_login');

CREATE TRIGGER accounts_company_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON accounts_company
    FOR EACH ROW EXECUTE FUNCTION audit_record_row();

CREATE TRIGGER accounts_membership_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON accounts_membership
    FOR EACH ROW EXECUTE FUNCTION audit_record_row();

CREATE TRIGGER accounts_apikey_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON accounts_apikey
    FOR EACH ROW EXECUTE FUNCTION audit_record_row('secret_hash', '-last_used_at');

-- What a person may do: a group or a permission given or taken is a change of the user, told by its name.
CREATE FUNCTION accounts_name_of_right(link jsonb) RETURNS jsonb
    LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp
    AS $$
    SELECT CASE
        WHEN link ? 'group_id' THEN
            (SELECT jsonb_build_object('group', name) FROM auth_group WHERE id = (link->>'group_id')::int)
        ELSE
            (SELECT jsonb_build_object('permission', app_label || '.' || codename)
             FROM auth_permission AS p JOIN django_content_type AS t ON t.id = p.content_type_id
             WHERE p.id = (link->>'permission_id')::int)
        END
$$;

CREATE FUNCTION accounts_record_rights() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM audit_append('accounts.user.right_taken', 'accounts.user', OLD.user_id::text,
            accounts_name_of_right(to_jsonb(OLD)), NULL);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM audit_append('accounts.user.right_given', 'accounts.user', NEW.user_id::text,
            NULL, accounts_name_of_right(to_jsonb(NEW)));
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION accounts_record_rights() FROM PUBLIC;

CREATE TRIGGER accounts_user_groups_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON accounts_user_groups
    FOR EACH ROW EXECUTE FUNCTION accounts_record_rights();

CREATE TRIGGER accounts_user_user_permissions_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON accounts_user_user_permissions
    FOR EACH ROW EXECUTE FUNCTION accounts_record_rights();

CREATE TRIGGER auth_group_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON auth_group
    FOR EACH ROW EXECUTE FUNCTION audit_record_row();

-- A group holds many permissions and they change together: one record per statement and group.
CREATE FUNCTION accounts_record_group_rights() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    changed record;
BEGIN
    FOR changed IN
        SELECT link.group_id::text AS id, jsonb_build_object('permissions',
            jsonb_agg(t.app_label || '.' || p.codename ORDER BY t.app_label, p.codename)) AS rights
        FROM links AS link
            JOIN auth_permission AS p ON p.id = link.permission_id
            JOIN django_content_type AS t ON t.id = p.content_type_id
        GROUP BY link.group_id
    LOOP
        IF TG_OP = 'INSERT' THEN
            PERFORM audit_append('auth.group.rights_given', 'auth.group', changed.id, NULL, changed.rights);
        ELSE
            PERFORM audit_append('auth.group.rights_taken', 'auth.group', changed.id, changed.rights, NULL);
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION accounts_record_group_rights() FROM PUBLIC;

CREATE TRIGGER auth_group_permissions_given_are_audited
    AFTER INSERT ON auth_group_permissions REFERENCING NEW TABLE AS links
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_record_group_rights();

CREATE TRIGGER auth_group_permissions_taken_are_audited
    AFTER DELETE ON auth_group_permissions REFERENCING OLD TABLE AS links
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_record_group_rights();

-- An update would change a right unseen; nobody needs one.
CREATE TRIGGER auth_group_permissions_are_given_or_taken
    BEFORE UPDATE ON auth_group_permissions
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
