"""Whoever tries Dvorik out pays through made-up services; whoever sets up real ones does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from config.environment import DUMMY_BOT_TOKEN
from scripts.fakes.variables import BOT_TOKEN, BOT_WEBHOOK_SECRET, variables

ADDRESS = "http://127.0.0.1:8100"
ROOT = Path(__file__).resolve().parents[2]


YOOKASSA = {"YOOKASSA_API_BASE", "YOOKASSA_SHOP_ID", "YOOKASSA_SECRET_KEY"}
STRIPE = {"STRIPE_API_BASE", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"}
TELEGRAM = {"TELEGRAM_API_BASE", "BOT_TOKEN", "BOT_WEBHOOK_SECRET"}


def test_a_newcomer_speaks_to_the_made_up_services() -> None:
    told = variables(ADDRESS, {})
    assert {told[name] for name in told if name.endswith("_BASE")} == {
        f"{ADDRESS}/telegram",
        f"{ADDRESS}/yookassa/v3",
        f"{ADDRESS}/stripe",
    }
    assert (told["BOT_TOKEN"], told["BOT_WEBHOOK_SECRET"]) == (DUMMY_BOT_TOKEN, BOT_WEBHOOK_SECRET)


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, YOOKASSA | STRIPE | TELEGRAM),
        ({"YOOKASSA_SHOP_ID": "1"}, STRIPE | TELEGRAM),
        ({"STRIPE_SECRET_KEY": "sk_test_x"}, YOOKASSA | TELEGRAM),
        ({"BOT_TOKEN": "7:real"}, YOOKASSA | STRIPE),
        ({"TELEGRAM_API_BASE": "https://x", "YOOKASSA_API_BASE": ""}, YOOKASSA | STRIPE),
        ({"ENV": "production"}, set()),
        ({"ENV": "test"}, set()),
    ],
    ids=lambda value: str(sorted(value)),
)
def test_what_is_set_up_is_left_alone(environment: dict[str, str], told: set[str]) -> None:
    assert set(variables(ADDRESS, environment)) == told


def test_one_process_serves_them_all_and_tells_the_house() -> None:
    command = [sys.executable, "-m", "scripts.fakes", "--port=0", "--house=http://127.0.0.1:8000"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as fakes:
        try:
            assert fakes.stdout is not None
            names = [word.rstrip(",") for word in fakes.stdout.readline().split()]
            where = next(name for name in names if name.endswith("/telegram"))
            told = requests.get(f"{where}/bot{BOT_TOKEN}/getWebhookInfo", timeout=10).json()
        finally:
            fakes.terminate()
        assert told["result"]["url"] == "http://127.0.0.1:8000/webhooks/main-bot"
        assert fakes.wait(10) == 0
