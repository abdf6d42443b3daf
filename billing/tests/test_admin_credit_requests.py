"""Credits to approve in Admin: said beforehand, asked for, seen by colleagues, decided by another."""

from __future__ import annotations

import pytest

from accounts.tests.factories import StaffFactory
from billing.models import CreditRequest, Wallet
from billing.operations import wallets
from billing.owners import Owner
from billing.tests.deeds import booked, ledger
from billing.tests.factories import TESTER, CreditRequestFactory, WalletFactory, funded_wallet
from billing.tests.operators import Operator, deed_of, errors_of, list_of, told
from billing.tests.snapshots import snapshot
from conftest import TestClock

# Transactions are real: what a refusal leaves behind is seen.
pytestmark = pytest.mark.django_db(transaction=True)


def ask(operator: Operator, wallet: Wallet, tokens: int = 2_000) -> CreditRequest:
    answer = operator.do(wallet, "credit", tokens=str(tokens), reason="a lost week")
    assert told(answer)[-1][0] == "warning"
    return CreditRequest.objects.latest("id")


class TestTheCreditsForm:
    def test_says_what_is_left_and_what_needs_a_colleague(self) -> None:
        operator, wallet = Operator(), WalletFactory.create()
        operator.do(wallet, "credit", tokens="20", reason="an apology")

        page = operator.open(deed_of(wallet, "credit")).content.decode()

        assert "Today you may still credit 4\xa0980 of 5\xa0000 tokens, at most 1\xa0000 at a time." in page
        assert "A larger one waits for a colleague&#x27;s approval." in page

    def test_says_that_support_may_not_ask_for_more(self) -> None:
        page = Operator("support").open(deed_of(WalletFactory.create(), "credit")).content.decode()
        assert "Today you may still credit 100 of 100 tokens" in page
        assert "A larger one is not yours." in page

    def test_refuses_more_than_is_left_and_moves_nothing(self) -> None:
        support, wallet = Operator("support"), WalletFactory.create()
        support.do(wallet, "credit", tokens="100", reason="an apology")
        before = snapshot()

        said = errors_of(support.do(wallet, "credit", tokens="1", reason="another"))

        assert said["__all__"] == ["This is more than you may still credit today."]
        assert snapshot() == before

    def test_refuses_what_support_may_not_ask_for(self) -> None:
        support, wallet = Operator("support"), WalletFactory.create()
        before = snapshot()
        said = errors_of(support.do(wallet, "credit", tokens="1001", reason="a lost week"))
        assert said["__all__"] == ["A credit of this size is not yours to ask for."]
        assert snapshot() == before

    def test_sent_twice_asks_once(self) -> None:
        operator, wallet = Operator(), WalletFactory.create()
        url = deed_of(wallet, "credit")
        filled = operator.filled(operator.open(url)) | {"tokens": "2000", "reason": "a lost week"}
        operator.resend(url, filled)
        before = snapshot()
        answer = operator.resend(url, filled)
        assert told(answer)[-1] == (
            "warning",
            "The credit waits for a colleague's approval. No tokens have moved yet.",
        )
        assert snapshot() == before


class TestWaiting:
    def test_is_shown_to_colleagues_and_on_the_customers_page(self) -> None:
        olga, wallet = Operator(), WalletFactory.create()
        request = ask(olga, wallet)
        assert booked(wallet) == (0, 0, 0)

        boris = Operator()
        assert boris.list(CreditRequest).context["cl"].result_list == [request]
        (item,) = (
            item
            for group in boris.list(Wallet).context["sidebar_navigation"]
            for item in group["items"]
            if str(item["title"]) == "Credits to approve"
        )
        assert item["badge"] == "1"
        page = boris.page(wallet).content.decode()
        assert f"A credit of 2\xa0000 tokens, asked for by {olga.user.login}, waits for approval" in page
        assert f"/admin/billing/creditrequest/{request.pk}/change/" in page

    def test_shows_what_a_colleague_decides_about(self) -> None:
        wallet = funded_wallet(tokens=7)
        request = CreditRequestFactory.create(wallet=wallet)
        other = CreditRequestFactory.create(wallet=wallet, reason="Another apology")

        answer = Operator().page(request)

        facts = {str(name): str(value) for name, value in answer.context["facts"]}
        assert facts["reason"] == "An apology for a lost week"
        assert facts["balance now"] == "7"
        assert request.actor["label"] in facts["requested by"]
        page = answer.content.decode()
        assert other.reason in page
        assert deed_of(request, "approve") in page
        assert deed_of(request, "decline") in page

    def test_is_the_first_of_the_views(self) -> None:
        boris = Operator()
        waiting, declined = CreditRequestFactory.create(), CreditRequestFactory.create()
        boris.do(declined, "decline", reason="too much")
        views = {"": [waiting], "declined": [declined], "approved": [], "expired": [], "all": [declined, waiting]}
        for view, rows in views.items():
            query = {"view": view} if view else {}
            assert boris.list(CreditRequest, **query).context["cl"].result_list == rows

    def test_is_found_by_its_customer(self) -> None:
        request = CreditRequestFactory.create()
        CreditRequestFactory.create()
        found = Operator().list(CreditRequest, q=str(request.wallet_id)).context["cl"].result_list
        assert found == [request]


class TestDeciding:
    def test_approves_once(self) -> None:
        request, boris = CreditRequestFactory.create(), Operator()

        first = told(boris.do(request, "approve"))
        again = told(boris.do(request, "approve"))

        assert first == [("success", "Credited 2\xa0000 tokens; the balance is 2\xa0000.")]
        assert again[-1] == ("success", "You approved this credit before. Nothing has moved.")
        assert ledger(request.wallet) == [("grant", 2_000, 2_000)]
        page = boris.page(request).content.decode()
        assert deed_of(request, "approve") not in page
        assert boris.user.first_name in page or str(boris.user) in page

    def test_declines_with_a_reason(self) -> None:
        request, boris = CreditRequestFactory.create(), Operator()
        assert "reason" in errors_of(boris.do(request, "decline", reason=""))
        assert told(boris.do(request, "decline", reason="too much"))[-1] == ("success", "The credit is declined.")
        assert "too much" in boris.page(request).content.decode()
        assert ledger(request.wallet) == []

    def test_is_not_offered_to_the_one_who_asked_and_refused_by_address(self) -> None:
        olga = Operator()
        request = ask(olga, WalletFactory.create())
        page = olga.page(request).content.decode()
        before = snapshot()
        for deed in ("approve", "decline"):
            url = deed_of(request, deed)
            assert url not in page
            assert olga.open(url).status_code == 403
            assert olga.client.post(url, {"reason": "mine"}).status_code == 403
        assert snapshot() == before

    @pytest.mark.parametrize("role", ["support", "viewer"])
    def test_is_not_for_others(self, role: str) -> None:
        request, other = CreditRequestFactory.create(), Operator(role)
        page = other.page(request).content.decode()
        before = snapshot()
        for deed in ("approve", "decline"):
            assert deed_of(request, deed) not in page
            assert other.client.post(deed_of(request, deed), {"reason": "no"}).status_code == 403
        assert snapshot() == before

    def test_too_late_says_so(self, clock: TestClock) -> None:
        request, boris = CreditRequestFactory.create(), Operator()
        clock.advance(hours=73)
        boris.client.force_login(boris.user)
        said = errors_of(boris.do(request, "approve"))
        assert said["__all__"] == ["The credit was already approved, declined or has expired."]

    def test_credits_a_frozen_wallet_as_every_credit_does(self) -> None:
        request = CreditRequestFactory.create()
        wallets.freeze(owner=Owner.wallet(request.wallet_id), reason="a doubt", by=TESTER)
        Operator().do(request, "approve")
        assert booked(request.wallet) == (2_000, 0, 1)


def test_the_list_is_there_for_everybody_who_reads() -> None:
    CreditRequestFactory.create(by=StaffFactory.create(role="superadmin"))
    for role in ("viewer", "support", "operator", "superadmin"):
        assert Operator(role).open(list_of(CreditRequest)).status_code == 200
