"""A bad value is told in a sentence that names its variable; the others come to what they should."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from app.settings import Settings, SettingsError, load_settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("database_url", "mysql://host/name"),
        ("database_url", "host/name"),
        ("redis_url", "http://host"),
        ("storage_url", "s3://"),
        ("storage_url", "file://relative/path"),
        ("s3_endpoint_url", "host:9000"),
        ("workers", "-1"),
        ("models", ","),
        ("models", "*,compact"),
        ("job_attempts", "0"),
        ("job_lease_seconds", "2"),
        ("job_expiry_hours", "nan"),
        ("waiting_jobs", "0"),
        ("admin_token", "x" * 31),
        ("admin_token", "a token with spaces, of enough characters"),
        ("admin_token", "ein-schlüssel-mit-genügend-vielen-zeichen"),
        ("training_niceness", "20"),
    ],
)
def test_a_bad_value_is_told_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"PASTICHE_{name.upper()}", value)
    with pytest.raises(SettingsError, match=f"^PASTICHE_{name.upper()}: "):
        load_settings()


def test_passwords_are_not_shown() -> None:
    settings = Settings(
        database_url="postgresql://u:secret@h/d",
        redis_url="redis://:secret@h/0",
        storage_url="s3://bucket",
        api_keys=(SecretStr("secret"),),
        admin_token=SecretStr("secret" * 6),
    )
    assert "secret" not in repr(settings)


def test_an_empty_admin_token_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASTICHE_ADMIN_TOKEN", "")
    assert Settings().admin_token is None


def test_the_admin_token_is_no_key_of_the_public_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASTICHE_API_KEYS", f"other,{'k' * 40}")
    monkeypatch.setenv("PASTICHE_ADMIN_TOKEN", "k" * 40)
    with pytest.raises(SettingsError, match=r"^PASTICHE_ADMIN_TOKEN: .*PASTICHE_API_KEYS") as refused:
        load_settings()
    assert "kkkk" not in str(refused.value)


def test_without_urls_everything_lies_in_the_data_folder(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "a b")
    assert settings.ledger_url == f"sqlite:///{tmp_path}/a b/jobs.sqlite"
    assert settings.blobs_url == f"file://{tmp_path}/a%20b/blobs"


def test_a_child_process_has_the_settings_of_its_parent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = Settings(
        models=("a", "b@2"), api_keys=(SecretStr("k"),), admin_token="t" * 32, models_dir=tmp_path, job_attempts=7
    )
    for name, value in given.environment().items():
        monkeypatch.setenv(name, value)
    assert load_settings() == given
