"""Every page of Admin speaks one language, the one that is asked for: Unfold's and Django's own words, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import pytest
from django import forms
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import reverse

from audit.tests.factories import AdminAlertFactory
from billing.models import Wallet
from core.admin.display import change_url, list_url
from core.models import Job, Setting
from core.tests.operators import Operator
from tests.laws.admin_pages import MAKERS, PAGES, deeds_of, name
from tests.laws.languages import FOREIGN
from tests.laws.languages_of_pages import Without, data, texts_of

pytestmark = pytest.mark.matrix

# Django's answers in tests have more than their class says.
Answer = Any
Page = tuple[str, Answer]

# Too long for a reason, in no language.
TOO_LONG: Final = "9" * 1001


def client_in(language: str) -> Client:
    client = Operator(is_superuser=True).client
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = language
    return client


def foreign_words(pages: Iterable[Page], language: str) -> list[str]:
    """What pages say in another language than was asked for. What the rows hold is nobody's words, and is left out."""
    found = []
    for place, answer in pages:
        if "html" in answer.headers["Content-Type"] and answer.content:
            without = Without(data())
            for text in dict.fromkeys(texts_of(answer.content.decode())):
                if words := FOREIGN[language](without(text)):
                    found.append(f"{place}: {text!r} ({', '.join(words)})")
    return found


def of_a_model(client: Client, model: type[models.Model]) -> Iterator[Page]:
    """Its list, an object, its forms; what they say when they are wrong; and its deeds, before and after."""
    row = MAKERS[model]()
    everything, one = list_url(model), change_url(row, row.pk)
    yield "list", client.get(everything)
    yield "search in vain", client.get(everything, {"q": TOO_LONG[:9]})
    for place in (one, f"{everything}add/"):
        yield place, client.get(place)
        yield f"{place}, wrong", client.post(place, {"reason": TOO_LONG})
    for number, (deed, _url) in enumerate(deeds_of(model, row)):
        _deed, url = list(deeds_of(model, MAKERS[model]()))[number]
        form = client.get(url)
        yield deed, form
        yield f"{deed}, wrong", client.post(url, {"reason": TOO_LONG})
        if form.status_code == 200:
            done = client.post(url, guessed(form.context["form"]))
            yield f"{deed}, done", done
            if done.status_code == 302 and "download" not in done.headers["Location"]:
                yield f"{deed}, told", client.get(done.headers["Location"])


def guessed(form: forms.BaseForm) -> dict[str, object]:
    """A form filled in with what may well do."""
    typed: dict[str, object] = {}
    for bound in form:
        value = bound.value()
        if isinstance(bound.field, forms.ChoiceField) and not value:
            value = next((key for key, _label in bound.field.choices if key), "")  # type: ignore[union-attr, misc]  # not callable here
        if bound.field.required and not value:
            value = "1"
        if value and not isinstance(bound.field, forms.MultiValueField):
            typed[bound.html_name] = value
    return typed


def of_the_site(client: Client) -> Iterator[Page]:
    """What belongs to no model: the overview, the search, the ways in and out, and what is said on failures."""
    for row in (MAKERS[model]() for model in (Wallet, Job)):
        yield f"search for {row._meta.label}", client.get(reverse("admin:search"), {"s": str(row.pk)})
    yield "search for pages", client.get(reverse("admin:search"), {"s": "е"})
    for page in ("index", "login", "password_change", "password_change_done"):
        yield page, client.get(reverse(f"admin:{page}"))
    for role in Group.objects.order_by("name"):
        yield f"role {role}", client.get(change_url(role, role.pk))
    wrong = {"old_password": "1", "new_password1": "1", "new_password2": "2"}
    yield "password, wrong", client.post(reverse("admin:password_change"), wrong)
    yield "not found", client.get("/admin/9/")
    yield "no such object", client.get(change_url(Setting, "9"), follow=True)
    yield "not allowed", client.get(f"{list_url(Setting)}add/")
    yield "another host", client.get(reverse("admin:login"), headers={"Host": "elsewhere.example"})
    careful = Client(enforce_csrf_checks=True)
    careful.cookies, careful.defaults = client.cookies, client.defaults
    yield "from elsewhere", careful.post(reverse("admin:password_change"), {})
    yield "out", client.post(reverse("admin:logout"))
    yield "login", client.get(reverse("admin:login"))
    yield "login, wrong", client.post(reverse("admin:login"), {"username": "1", "password": "1"})
    client.raise_request_exception = False
    with override_settings(UNFOLD={**settings.UNFOLD, "GLOBAL_CALLBACK": "nobody.has_written_it"}):
        defect = client.get(reverse("admin:login"))
    assert defect.status_code == 500
    yield "a defect", defect


# What a deed refuses dooms the transaction that it is done in, which must not be the test's.
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("language", FOREIGN)
@pytest.mark.parametrize("model", PAGES, ids=name)
def test_a_model_s_pages_speak_one_language(model: type[models.Model], language: str) -> None:
    assert foreign_words(of_a_model(client_in(language), model), language) == []


@pytest.mark.django_db
@pytest.mark.parametrize("language", FOREIGN)
def test_the_site_speaks_one_language(language: str) -> None:
    assert foreign_words(of_the_site(client_in(language)), language) == []


@pytest.mark.django_db
def test_an_alert_that_is_kept_in_english_is_told_in_the_reader_s_language() -> None:
    row = AdminAlertFactory.create(title="The books do not agree")
    for language, said in (("ru", False), ("en", True)):
        client = client_in(language)
        for url in (change_url(row, row.pk), list_url(type(row)), reverse("admin:index")):
            if row.title in client.get(url).content.decode():
                assert said, url


# The controls.


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("page", "language", "found"),
    [
        ("<p>Кошелёк is frozen</p>", "ru", ["is", "frozen"]),
        ('<input placeholder="Search">', "ru", ["Search"]),
        ('<input type="submit" value="Save">', "ru", ["Save"]),
        ('<nav aria-label="Pages"><b title="Next">Далее</b></nav>', "ru", ["Pages", "Next"]),
        ("<p>The wallet is заморожен</p>", "en", ["заморожен"]),
        ("<template><p>Later</p></template>", "ru", ["Later"]),
        ("<code>a code</code><script>let word</script><b>Код</b>", "ru", []),
        ('<span class="material-symbols-outlined">lock</span>', "ru", []),
        ('<form action="/admin/i18n/setlang/"><button>English</button></form>', "ru", []),
    ],
)
def test_what_is_not_translated_on_a_page_is_found(page: str, language: str, found: list[str]) -> None:
    page = page.replace("/admin/i18n/setlang/", reverse("set_language"))
    said = foreign_words([("a page", HttpResponse(page))], language)
    assert [words.strip("()") for line in said for words in line.rpartition(" (")[2].split(", ")] == found


@pytest.mark.django_db
def test_what_rows_hold_is_no_language_and_what_choices_say_is() -> None:
    row = MAKERS[Setting]()
    held, choice = HttpResponse(f"<p>{row.pk}, {row.updated_by}</p>"), HttpResponse("<p>pending</p>")  # type: ignore[attr-defined]  # a setting
    assert foreign_words([("a page", held)], "ru") == []
    assert foreign_words([("a page", choice)], "ru") != []


@pytest.mark.django_db
def test_a_message_in_one_language_is_found_on_the_page_that_tells_it() -> None:
    with override_settings(LOCALE_PATHS=[]):
        found = foreign_words(of_a_model(client_in("ru"), Wallet), "ru")
    assert [line for line in found if line.startswith("freeze, told: 'The wallet is frozen.'")]
