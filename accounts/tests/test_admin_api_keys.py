"""The page of API keys: a key is shown once, and never its hash."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Group

from accounts.models import ApiKey, Company, Membership
from accounts.roles import ROLES
from accounts.rules import keys
from accounts.tests.factories import ApiKeyFactory, MembershipFactory, StaffFactory, UserFactory
from audit.models import AuditLog
from audit.tests.factories import AuditLogFactory
from core import clock
from core.tests.operators import Operator, errors_of

pytestmark = pytest.mark.django_db

ASKED: dict[str, Any] = {"name": "Support bot", "scopes": ["users:read", "billing:read"], "reason": "a new bot"}


def shown(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    [key] = re.findall(r"dvk_[0-9a-f]{12}_[0-9a-f]{64}", answer.content.decode())
    return str(key)


class TestIssuing:
    def test_shows_the_key_once(self) -> None:
        operator = Operator()
        owner = UserFactory.create(username="anna_k")
        answer = operator.do_to_list(
            ApiKey, "issue", **ASKED, owner="@anna_k", expires_in_days="30", allowed_networks="192.0.2.0/24\n::1/128"
        )
        key = keys.parse(shown(answer))
        row = ApiKey.objects.get()
        assert key is not None
        assert key.fits(bytes(row.secret_hash))
        assert (row.name, row.scopes, row.owner) == ("Support bot", ["billing:read", "users:read"], owner)
        assert row.allowed_networks == ["192.0.2.0/24", "::1/128"]
        assert row.expires_at is not None
        assert timedelta(days=29) < row.expires_at - clock.now() <= timedelta(days=30)
        deed = AuditLog.objects.get(action="accounts.api_key.issued")
        assert (deed.user_id, deed.metadata["reason"]) == (operator.user.pk, "a new bot")
        for later in (operator.page(row), operator.list(ApiKey), operator.list(AuditLog), operator.page(deed)):
            assert key.secret not in later.content.decode()
            assert bytes(row.secret_hash).hex() not in later.content.decode()
        assert "no-store" in answer.headers["Cache-Control"]

    @pytest.mark.parametrize(
        ("field", "typed"),
        [
            ("name", ""),
            ("scopes", []),
            ("scopes", ["world:rule"]),
            ("owner", "@nobody"),
            ("expires_in_days", "0"),
            ("expires_in_days", "99999"),
            ("allowed_networks", "the office"),
        ],
    )
    @pytest.mark.django_db(transaction=True)
    def test_says_what_is_wrong_and_issues_nothing(self, field: str, typed: object) -> None:
        assert field in errors_of(Operator().do_to_list(ApiKey, "issue", **ASKED | {field: typed}))
        assert not ApiKey.objects.exists()

    @pytest.mark.parametrize("role", ["operator", "support", "viewer"])
    def test_is_for_superadmins(self, role: str) -> None:
        assert Operator(role).do_to_list(ApiKey, "issue", **ASKED).status_code == 403
        assert not ApiKey.objects.exists()


class TestThePage:
    def test_leads_to_all_that_the_key_did_and_nobody_else(self) -> None:
        owner, operator = UserFactory.create(), Operator("viewer")
        key, other = ApiKeyFactory.create(owner=owner), ApiKeyFactory.create(owner=owner)
        mine, _theirs = (
            AuditLogFactory.create(user_id=owner.pk, actor={"kind": "api_key", "id": str(each.pk), "label": each.name})
            for each in (key, other)
        )
        [url] = re.findall(r'href="([^"]*actor_id=[^"]*)"', operator.page(key).content.decode())
        answer = operator.client.get(unescape(url))
        assert list(answer.context["cl"].result_list) == [mine]


class TestRevoking:
    def test_puts_a_key_out_of_force_with_a_reason(self) -> None:
        key, operator = ApiKeyFactory.create(), Operator()
        assert operator.do(key, "revoke", reason="leaked").status_code == 302
        assert ApiKey.objects.get().revoked_at is not None
        deed = AuditLog.objects.get(action="accounts.api_key.revoked")
        assert (deed.user_id, deed.metadata["reason"]) == (operator.user.pk, "leaked")
        page = operator.page(key)
        assert b"/revoke/" not in page.content
        assert b"/rotate/" not in page.content

    def test_needs_a_reason_and_the_right(self) -> None:
        key = ApiKeyFactory.create()
        assert "reason" in errors_of(Operator().do(key, "revoke", reason=""))
        assert Operator("operator").do(key, "revoke", reason="x").status_code == 403
        assert ApiKey.objects.get().revoked_at is None


class TestRotating:
    def test_shows_the_successor_once_and_lets_the_old_one_go_on_for_a_while(self) -> None:
        old = ApiKeyFactory.create(name="Bot")
        key = keys.parse(shown(Operator().do(old, "rotate", overlap_hours="2", reason="yearly")))
        assert key is not None
        assert ApiKey.objects.get(prefix=key.prefix).name == "Bot"
        old.refresh_from_db()
        assert old.expires_at is not None
        assert old.expires_at - clock.now() <= timedelta(hours=2)
        assert AuditLog.objects.get(action="accounts.api_key.rotated").metadata["reason"] == "yearly"

    @pytest.mark.django_db(transaction=True)
    def test_of_a_key_that_is_over_is_refused(self) -> None:
        old = ApiKeyFactory.create(revoked_at=clock.now())
        said = errors_of(Operator().do(old, "rotate", overlap_hours="2", reason="yearly"))
        assert said["__all__"] == ["The API key is revoked or has expired."]
        assert ApiKey.objects.count() == 1


class TestRolesAndCompanies:
    def test_roles_tell_what_they_may_and_who_has_them(self) -> None:
        colleague = StaffFactory.create(role="support", first_name="Zoya")
        page = Operator("viewer").page(Group.objects.get(name="support"))
        text = page.content.decode()
        assert f"/admin/accounts/user/{colleague.pk}/change/" in text
        assert str(ROLES["support"].title) in str(page.context["facts"])

    def test_roles_are_edited_by_nobody(self) -> None:
        root = Operator(is_superuser=True)
        group = Group.objects.get(name="viewer")
        assert root.save(group, name="viewer", permissions=[]).status_code == 403
        assert Group.objects.get(name="viewer").permissions.exists()
        assert root.client.get("/admin/auth/group/add/").status_code == 403

    def test_companies_show_their_people_and_are_only_read(self) -> None:
        membership = MembershipFactory.create()
        root = Operator(is_superuser=True)
        text = root.page(membership.company).content.decode()
        assert f"/admin/accounts/user/{membership.user_id}/change/" in text
        assert root.save(membership.company, name="Mine").status_code == 403
        assert root.save(membership, role="admin").status_code == 403
        assert (Company.objects.get().name, Membership.objects.get().role) != ("Mine", "admin")
        found = root.list(Company, q=str(membership.company_id)).context["cl"].result_list
        assert list(found) == [membership.company]
