"""`monoize config show`."""

from pathlib import Path

from cli.command_line import CommandLine


def test_every_setting_is_shown_with_its_source_and_no_secret(operator: CommandLine, tmp_path: Path):
    (tmp_path / "monoize.toml").write_text(
        'port = 8090\nsmtp_url = "smtp://me:s3cret@mail.example.com"\n'
        '[oauth.github]\nclient_id = "app"\nclient_secret = "s3cret"\n'
    )
    secrets = {
        "MONOIZE_ADMIN_TOKEN": "s3cret-s3cret-s3cret",
        "MONOIZE_DATABASE_DSN": "postgresql://monoize:s3cret@db.example.com/monoize",
        "MONOIZE_REDIS_URL": "redis://:s3cret@redis.example.com",
    }
    shown = operator.does("config", "show", **secrets).out
    rows = {line.split()[0]: line.split(maxsplit=1)[1] for line in shown.splitlines()}

    assert "s3cret" not in shown
    assert ["8090", "file", "monoize.toml"] == rows["port"].split()
    assert ["127.0.0.1", "default"] == rows["host"].split()
    assert "environment MONOIZE_ADMIN_TOKEN" in rows["admin_token"]
    assert "db.example.com" in rows["database_dsn"]
    assert "app" == rows["oauth.github.client_id"].split()[0]


def test_settings_are_printed_as_json(operator: CommandLine):
    rows = operator.json("config", "show")

    assert {"name": "port", "value": "8080", "source": "default"} in rows


def test_another_file_is_read_when_named(operator: CommandLine, tmp_path: Path):
    (tmp_path / "other.toml").write_text("prot = 1\n")
    refused = operator.run("config", "show", "--config", "other.toml")

    assert 3 == refused.code
    assert "did you mean port?" in refused.err
