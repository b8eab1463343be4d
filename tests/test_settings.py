"""A bad value is told in a sentence that names its variable; the others come to what they should."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from app.settings import Settings, SettingsError, load_settings, unknown_variables

TOKEN = "a-token-of-the-operator-of-enough-characters"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("database_url", "mysql://host/name"),
        ("database_url", "host/name"),
        ("database_url", "postgresql://host:port/name"),
        ("database_url", "postgresql://host:70000/name"),
        ("database_url", "postgresql://host/name?bogus=1"),
        ("database_url", "sqlite:///"),
        ("database_url", "sqlite:////srv/jobs.sqlite?bogus=1"),
        ("database_url", "sqlite:////srv/jobs.sqlite?timeout=soon"),
        ("database_url", "sqlite:////srv/jobs.sqlite?cached_statements=1.5"),
        ("database_url", "postgresql://host/name?port=first"),
        ("database_url", "postgresql://host/name?sslmode=always"),
        ("database_url", "postgresql://host/name?target_session_attrs=best&connect_timeout=3"),
        ("database_url", "postgresql://host/name?connect_timeout=soon"),
        ("redis_url", "rediss://host/0?ssl_cert_reqs=always"),
        ("redis_url", "redis://host/0?protocol=9"),
        ("redis_url", "http://host"),
        ("redis_url", "redis://host:port/0"),
        ("redis_url", "redis://host:70000/0"),
        ("redis_url", "redis://host/name"),
        ("redis_url", "redis://host/0?bogus=1"),
        ("storage_url", "s3://"),
        ("storage_url", "file://relative/path"),
        ("storage_url", "file:///srv/blobs?x"),
        ("s3_endpoint_url", "host:9000"),
        ("s3_endpoint_url", "http://host:port"),
        ("port", "tcp:8000"),
        ("log_level", "loud"),
        ("workers", "-1"),
        ("models", ","),
        ("models", "*,compact"),
        ("job_attempts", "0"),
        ("job_lease_seconds", "2"),
        ("job_expiry_hours", "nan"),
        ("waiting_jobs", "0"),
        ("api_keys", ", ,"),
        ("api_keys", "k"),
        ("api_keys", "a-long-enough-key,short"),
        ("api_keys", "a-key-with-a\tin-it"),
        ("api_keys_file", "/nowhere/keys"),
        ("admin_token", "x" * 31),
        ("admin_token", "a token with spaces, of enough characters"),
        ("admin_token", "ein-schlüssel-mit-genügend-vielen-zeichen"),
        ("descriptor", "/nowhere/vgg19.safetensors"),
        ("photos_dir", "/nowhere/photos"),
        ("training_niceness", "20"),
        ("trusted_proxies", "proxy.example.org"),
        ("trusted_proxies", "10.0.0.1/8"),
        ("cors_origins", "example.org"),
        ("cors_origins", "https://example.org/"),
        ("root_path", "paint"),
        ("root_path", "/paint/"),
        ("docs", "maybe"),
        ("connections", "0"),
        ("header_seconds", "0"),
        ("header_kilobytes", "0.5"),
    ],
)
def test_a_bad_value_is_told_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"PASTICHE_{name.upper()}", value)
    with pytest.raises(SettingsError, match=rf"^PASTICHE_{name.upper()}: [^\n]+\.$"):
        load_settings()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:hunter@2:x@host/name",
        "redis://:hunter/2@host/0",
        "redis://:hunter?2@host/0",
        "redis://:hunter#2@host/0",
    ],
)
def test_a_password_that_was_not_escaped_is_not_shown(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv(f"PASTICHE_{'REDIS' if url.startswith('redis') else 'DATABASE'}_URL", url)
    with pytest.raises(SettingsError, match="percent-encode") as refused:
        load_settings()
    assert "hunter" not in str(refused.value)


def test_passwords_are_not_shown() -> None:
    settings = Settings(
        database_url="postgresql://u:secret@h/d",
        redis_url="redis://:secret@h/0",
        storage_url="s3://bucket",
        api_keys=(SecretStr("secret-key"),),
        admin_token=SecretStr("secret" * 6),
    )
    assert "secret" not in repr(settings)


@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(f"PASTICHE_{name.upper()}", value)
    assert load_settings().model_fields_set == set()


def test_an_empty_option_of_a_command_is_none() -> None:
    assert load_settings(host="", models_dir=None) == Settings()


def test_what_kubernetes_sets_for_a_service_of_our_name_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for prefix in ("PASTICHE", "PASTICHE_REDIS"):
        for name, value in {
            "SERVICE_HOST": "10.0.0.7",
            "SERVICE_PORT": "8000",
            "SERVICE_PORT_HTTP": "8000",
            "PORT": "tcp://10.0.0.7:8000",
            "PORT_8000_TCP": "tcp://10.0.0.7:8000",
            "PORT_8000_TCP_PROTO": "tcp",
            "PORT_8000_TCP_PORT": "8000",
            "PORT_8000_TCP_ADDR": "10.0.0.7",
            "PORT_53_UDP": "udp://10.0.0.7:53",
        }.items():
            monkeypatch.setenv(f"{prefix}_{name}", value)
    assert load_settings() == Settings(port=8000)
    assert unknown_variables(Settings.model_fields) == []


def test_a_port_of_ones_own_goes_before_kubernetes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASTICHE_PORT", "9000")
    monkeypatch.setenv("PASTICHE_SERVICE_PORT", "8000")
    assert load_settings().port == 9000


def test_an_unknown_variable_is_told_with_the_nearest_name() -> None:
    environment = {"PASTICHE_WORKER": "2", "PASTICHE_QUEUE_MEGAPIXEL": "8", "PASTICHE_XYZ": "1", "PASTICHE_": "1"}
    assert unknown_variables(Settings.model_fields, environment | {"PASTICHE_PORT": "1", "OTHER": "1"}) == [
        ("PASTICHE_WORKER", "PASTICHE_WORKERS"),
        ("PASTICHE_QUEUE_MEGAPIXEL", "PASTICHE_QUEUE_MEGAPIXELS"),
        ("PASTICHE_XYZ", None),
        ("PASTICHE_", None),
    ]


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("log_level", "INFO", "info"),
        ("device", "CPU", "cpu"),
        ("precision", "BFloat16", "bfloat16"),
        ("port", " 9000\n", 9000),
        ("models", "compact, *", ("compact", "*")),
        ("api_keys", "a key of words,\nein-schlüssel,", (SecretStr("a key of words"), SecretStr("ein-schlüssel"))),
        ("database_url", "postgres://u:p@h/d", "postgresql://u:p@h/d"),
        ("database_url", "postgresql+psycopg://u:p@h/d\n", "postgresql://u:p@h/d"),
        ("database_url", "postgresql://u:p%2Fw@h:5433/d?sslmode=require", None),
        ("database_url", "postgresql:///d?host=%2Frun%2Fpostgresql", None),
        ("redis_url", "REDIS://:p%40w@h:6379/1", "redis://:p%40w@h:6379/1"),
        ("redis_url", "unix:///run/redis.sock?db=1", None),
        ("storage_url", "file:///srv/a%20b", None),
        ("storage_url", "S3://Bucket/Prefix", "s3://Bucket/Prefix"),
        ("s3_endpoint_url", "http://[::1]:9000", None),
    ],
)
def test_what_people_write_is_understood(monkeypatch: pytest.MonkeyPatch, name: str, value: str, meant: object) -> None:
    monkeypatch.setenv(f"PASTICHE_{name.upper()}", value)
    assert getattr(load_settings(), name) == (value if meant is None else meant)


def test_a_secret_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    contents = {
        "api_keys": "first-key\nsecond-key\n",
        "admin_token": f"{TOKEN}\n",
        "database_url": "postgres://u:p@h/d\r\n",
        "redis_url": "redis://:p@h/0\n",
        "webhook_key": f"whsec_{'A' * 32}\n",
    }
    assert contents.keys() == set(Settings.in_files())
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
        monkeypatch.setenv(f"PASTICHE_{name.upper()}_FILE", str(tmp_path / name))
    settings = load_settings()
    assert [key.get_secret_value() for key in settings.api_keys] == ["first-key", "second-key"]
    assert settings.admin_token == SecretStr(TOKEN)
    assert (settings.database_url, settings.redis_url) == ("postgresql://u:p@h/d", "redis://:p@h/0")
    assert settings.webhook_key == SecretStr(f"whsec_{'A' * 32}")


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", None])
def test_a_file_without_a_secret_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    monkeypatch.setenv("PASTICHE_ADMIN_TOKEN_FILE", str(tmp_path / "token"))
    with pytest.raises(SettingsError, match=r"^PASTICHE_ADMIN_TOKEN_FILE: "):
        load_settings()


def test_a_secret_in_a_variable_and_in_a_file_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setenv("PASTICHE_ADMIN_TOKEN", TOKEN)
    monkeypatch.setenv("PASTICHE_ADMIN_TOKEN_FILE", str(tmp_path / "token"))
    with pytest.raises(SettingsError, match=r"^PASTICHE_ADMIN_TOKEN and PASTICHE_ADMIN_TOKEN_FILE are both set"):
        load_settings()


def test_files_of_secrets_can_be_read_again(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("the-old-key")
    settings = load_settings(api_keys_file=tmp_path / "keys", port=9000)
    (tmp_path / "keys").write_text("the-new-key")
    assert settings.read_again() == Settings(api_keys=(SecretStr("the-new-key"),), port=9000).model_copy(
        update={"api_keys_file": tmp_path / "keys"}
    )
    (tmp_path / "keys").write_text("short")
    with pytest.raises(SettingsError, match=r"^PASTICHE_API_KEYS: "):
        settings.read_again()


def test_the_admin_token_is_no_key_of_the_public_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASTICHE_API_KEYS", f"other-key,{'k' * 40}")
    monkeypatch.setenv("PASTICHE_ADMIN_TOKEN", "k" * 40)
    with pytest.raises(SettingsError, match=r"^PASTICHE_ADMIN_TOKEN: .*PASTICHE_API_KEYS") as refused:
        load_settings()
    assert "kkkk" not in str(refused.value)


@pytest.mark.parametrize("name", ["a b", "a%41b", "a?b=c", "a#b", "a:b@c", "ä"])
def test_without_urls_everything_lies_in_the_data_folder(tmp_path: Path, name: str) -> None:
    settings = Settings(data_dir=tmp_path / name)
    assert make_url(settings.ledger_url).database == f"{tmp_path}/{name}/jobs.sqlite"
    assert make_url(settings.ledger_url).query == {}
    assert settings.blobs_url == (tmp_path / name / "blobs").as_uri()


def test_a_child_process_has_the_settings_of_its_parent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    given = load_settings(
        models=("a", "b@2"),
        api_keys=(SecretStr("the-only-key"),),
        admin_token_file=tmp_path / "token",
        models_dir=tmp_path,
        job_attempts=7,
    )
    monkeypatch.setenv("PASTICHE_UNKNOWN", "1")
    assert TOKEN not in given.environment().values()
    assert "PASTICHE_UNKNOWN" not in given.environment()
    for name, value in given.environment().items():
        monkeypatch.setenv(name, value)
    assert load_settings() == given


@pytest.mark.parametrize("name", ["OPENAPI", "METRICS"])
def test_what_is_kept_to_those_with_a_key_needs_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"PASTICHE_{name}", "key")
    with pytest.raises(SettingsError, match=f"^PASTICHE_{name}: `key` needs PASTICHE_API_KEYS"):
        load_settings()
    monkeypatch.setenv("PASTICHE_API_KEYS", "k" * 40)
    load_settings()
