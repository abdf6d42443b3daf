"""Settings as Django's own template has them, on PostgreSQL. ``BENCH_PROJECT`` says which tables there are."""

from __future__ import annotations

import os
from typing import Any

_PROJECT = os.environ["BENCH_PROJECT"]
_APPS = {
    "shop": ["rest_framework", "rest_framework.authtoken", "scripts.bench.stack.shop"],
    "dj_wallet": ["dj_wallet"],
    "hordak": ["mptt", "hordak"],
    "ledger": ["django_ledger"],
}

SECRET_KEY = "only-for-measuring"  # noqa: S105 (protects nothing)
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    *_APPS[_PROJECT],
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "scripts.bench.stack.urls"
WSGI_APPLICATION = "scripts.bench.stack.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["POSTGRES_DB"],
        "USER": os.environ["POSTGRES_OWNER_USER"],
        "PASSWORD": os.environ["POSTGRES_OWNER_PASSWORD"],
        "HOST": os.environ["POSTGRES_HOST"],
        "PORT": os.environ["POSTGRES_PORT"],
        # Django closes connections after each request unless it is told otherwise.
        "CONN_MAX_AGE": None if os.environ.get("BENCH_CONNECTIONS") == "persistent" else 0,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
CURRENCIES = ["EUR"]
HORDAK_DECIMAL_PLACES = 2
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
