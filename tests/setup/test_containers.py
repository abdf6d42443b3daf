"""The image and the containers, judged without an engine."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import ROOT

BIN = Path(sys.executable).parent


def compose() -> dict[str, Any]:
    """Any: YAML."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return loaded


def validate(path: Path) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "check-jsonschema"), "--builtin-schema=vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_compose_file_keeps_to_the_specification(tmp_path: Path) -> None:
    assert validate(ROOT / "docker-compose.yml").returncode == 0
    wrong = compose()
    wrong["services"]["web"]["port"] = wrong["services"]["web"].pop("ports")
    (tmp_path / "wrong.yml").write_text(yaml.safe_dump(wrong))
    assert validate(tmp_path / "wrong.yml").returncode == 1, "the negative control: a misspelt key is found"


def test_the_dockerfile_has_no_finding() -> None:
    found = subprocess.run(
        [str(BIN / "hadolint"), str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout) == (0, "")


def test_the_image_runs_as_nobody_in_particular_from_the_hashed_lock() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    last = text.rpartition("\nFROM ")[2]
    assert re.search(r"^USER \d+$", last, flags=re.MULTILINE)
    assert "--require-hashes" in text
    assert "HEALTHCHECK" in last


def test_there_are_the_six_services_each_waiting_for_what_it_needs() -> None:
    services = compose()["services"]
    assert set(services) == {"web", "migrate", "worker", "beat", "db", "redis"}
    for name in ("web", "migrate", "worker", "beat"):
        assert {need: how["condition"] for need, how in services[name]["depends_on"].items()} == {
            "db": "service_healthy",
            "redis": "service_healthy",
        }
    for name in ("db", "redis"):
        assert services[name]["healthcheck"]["test"][0] == "CMD"
        assert "ports" not in services[name], "nothing but the web server is reachable from outside"
    assert services["web"]["ports"] == ["127.0.0.1:${PORT:-8000}:8000"]


def test_only_migrations_know_the_owner_of_the_tables() -> None:
    services = compose()["services"]
    knowing = {name for name, service in services.items() if "POSTGRES_OWNER_USER" in service.get("environment", {})}
    assert knowing == {"migrate"}
    roles = (ROOT / "scripts" / "create_roles.sh").read_text("utf-8")
    for service, variable in (("web", "POSTGRES_USER"), ("migrate", "POSTGRES_OWNER_USER")):
        assert f"CREATE ROLE {services[service]['environment'][variable]} LOGIN" in roles


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    for secret in ("SECRET_KEY", "POSTGRES_PASSWORD", "POSTGRES_OWNER_PASSWORD", "POSTGRES_SUPERUSER_PASSWORD"):
        assert f"${{{secret}:?" in text
        assert f"${{{secret}:-" not in text


@pytest.mark.parametrize("target", ["build", "up", "down", "logs", "shell", "migrate", "revision"])
def test_the_owners_targets_are_there(target: str) -> None:
    dry = ["make", "--dry-run", "--no-print-directory", target]
    said = subprocess.run(dry, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert ("manage.py makemigrations" if target == "revision" else "docker compose") in said


def test_everything_the_image_needs_passes_the_ignore_file() -> None:
    kept = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text("utf-8"), flags=re.MULTILINE)
    from django.conf import settings

    own = {app.partition(".")[0] for app in settings.INSTALLED_APPS} & {path.name for path in ROOT.iterdir()}
    assert {*own, "config", "manage.py", "requirements.txt"} <= set(kept)
