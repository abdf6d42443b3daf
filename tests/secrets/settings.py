"""The house's settings, with one route more: a defect that holds secrets."""

from config.settings import *  # noqa: F403 (all of them are meant)

ROOT_URLCONF = "tests.secrets.urls"
