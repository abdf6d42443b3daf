import pytest
from billing.tests.factories import *
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("n", range(5))
def test_a(n):
    funded_wallet()
@pytest.mark.django_db()
@pytest.mark.parametrize("n", range(5))
def test_b(n):
    funded_wallet()
