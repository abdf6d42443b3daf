"""The page of runtime settings: it shows what the code knows, and writes through the operation."""

from __future__ import annotations

import pytest
from django.utils.functional import Promise

from core import runtime_settings
from core.models import Setting
from core.money import Money
from core.tests.operators import Operator, audit_log, errors_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_process")]

HELP: str | Promise = "What it is for."


@pytest.fixture(autouse=True)
def known(registry_restored: None) -> None:
    """A setting of each type."""
    register = runtime_settings.register
    register(key="core.some_days", value_type=int, default=14, minimum=1, maximum=30, help_text=HELP)
    register(key="core.some_switch", value_type=bool, default=False, help_text=HELP)
    register(key="core.some_price", value_type=Money, default=Money(100, "RUB"), minimum=1, help_text=HELP)
    register(key="core.some_text", value_type=str, default="hello", minimum=1, maximum=9, help_text=HELP)
    register(key="core.some_mode", value_type=str, default="calm", choices=("calm", "wild"), help_text=HELP)
    register(key="core.some_secret", value_type=str, default="", secret=True, help_text=HELP)


def setting(key: str) -> Setting:
    return Setting.objects.filter(key=key).first() or Setting(key=key)


@pytest.mark.parametrize(
    ("key", "typed", "in_force"),
    [
        ("core.some_days", "30", 30),
        ("core.some_switch", "True", True),
        ("core.some_price", "1 499,50", Money(149950, "RUB")),
        ("core.some_text", " two ", " two "),
        ("core.some_mode", "wild", "wild"),
        ("core.some_secret", "hunter2", "hunter2"),
    ],
)
def test_changes_a_value_of_each_type(key: str, typed: str, in_force: object) -> None:
    operator = Operator()
    assert operator.do(setting(key), "change-value", value=typed, reason="asked for").status_code == 302
    runtime_settings.forget_cached()
    assert runtime_settings.get(key) == in_force
    assert Setting.objects.get().updated_by == f"user:{operator.login}"
    row = audit_log().get(entity_type="core.setting", entity_id=key)
    assert (row.user_id, row.metadata["reason"], row.metadata["door"]) == (operator.user.pk, "asked for", "admin")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("key", "typed", "rule"),
    [
        ("core.some_days", "31", "Ensure this value is less than or equal to 30."),
        ("core.some_days", "many", "Enter a whole number."),
        ("core.some_price", "0", "It must be at least 1."),
        ("core.some_price", "1,999", "Type an amount"),
        ("core.some_text", "much too long", "It must have 1 to 9 characters."),
        ("core.some_mode", "mild", "Select a valid choice."),
    ],
)
def test_refuses_what_does_not_fit_beside_the_field(key: str, typed: str, rule: str) -> None:
    said = errors_of(Operator().do(setting(key), "change-value", value=typed, reason="a try"))
    assert rule in str(said["value"])
    assert not Setting.objects.exists()
    assert not audit_log().filter(entity_type="core.setting").exists()


def test_needs_a_reason_for_both_ways() -> None:
    operator = Operator()
    days = setting("core.some_days")
    assert "reason" in errors_of(operator.do(days, "change-value", value="7", reason=" "))
    assert not Setting.objects.exists()
    operator.do(days, "change-value", value="7", reason="a week")
    assert "reason" in errors_of(operator.do(days, "reset", reason=""))
    assert Setting.objects.get().value == 7


def test_puts_the_default_back() -> None:
    operator, days = Operator(), setting("core.some_days")
    operator.do(days, "change-value", value="7", reason="a week")
    assert operator.do(days, "reset", reason="enough").status_code == 302
    runtime_settings.forget_cached()
    assert runtime_settings.get("core.some_days") == 14
    assert audit_log().get(action="core.setting.deleted").metadata["reason"] == "enough"


def test_offers_the_default_only_where_something_else_is_in_force() -> None:
    operator, days = Operator(), setting("core.some_days")
    assert b"/reset/" not in operator.page(days).content
    operator.do(days, "change-value", value="7", reason="a week")
    assert b"/reset/" in operator.page(days).content


@pytest.mark.parametrize("role", ["operator", "support", "viewer"])
def test_is_changed_by_superadmins_only(role: str) -> None:
    reader, days = Operator(role), setting("core.some_days")
    assert reader.page(days).status_code == 200
    assert b"change-value/" not in reader.page(days).content
    assert reader.do(days, "change-value", value="7", reason="why not").status_code == 403
    assert reader.do(days, "reset", reason="why not").status_code == 403
    assert not Setting.objects.exists()


def test_is_hidden_from_those_without_a_role() -> None:
    assert Operator(None).list(Setting).status_code == 403


def test_lists_every_setting_with_its_value_and_default() -> None:
    operator = Operator("viewer")
    Operator().do(setting("core.some_days"), "change-value", value="7", reason="a week")
    groups = operator.list(Setting).context["groups"]
    lines = {line["key"]: line for group in groups for line in group["settings"]}
    assert set(lines) == {each.key for each in runtime_settings.definitions()}
    assert (lines["core.some_days"]["value"], lines["core.some_days"]["default"]) == ("7", "14")
    assert lines["core.some_price"]["value"] == "1\u00a0₽"


def test_never_shows_a_secret() -> None:
    operator = Operator()
    operator.do(setting("core.some_secret"), "change-value", value="hunter2", reason="new")
    for answer in (
        operator.list(Setting),
        operator.page(setting("core.some_secret")),
        operator.client.get("/admin/core/setting/core.some_secret/change-value/"),
        operator.list(audit_log().model, entity_type="core.setting"),
        operator.page(audit_log().get(entity_type="core.setting")),
    ):
        assert answer.status_code == 200
        assert b"hunter2" not in answer.content


def test_knows_no_other_settings() -> None:
    assert Operator().page(Setting(key="core.no_such")).status_code == 302
    assert Operator().do(Setting(key="core.no_such"), "change-value", value="1", reason="x").status_code == 404
