import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.base.errors import StartupProblem
from monoize.infra.settings import REDACTED, Effective, OAuthProvider, Settings, load

FIELDS = {field.name: field for field in dataclasses.fields(Settings) if field.name != "oauth"}
NUMBERS = sorted(name for name, field in FIELDS.items() if field.type is int)
FLAGS = sorted(name for name, field in FIELDS.items() if field.type is bool)
CHOICES = sorted(name for name, field in FIELDS.items() if get_origin(field.type) is Literal)
SECRETS = sorted(name for name, field in FIELDS.items() if field.metadata["secret"])
ADDRESSES = {
    "database_dsn": "postgresql://ada:{}@db.example.com/house",
    "redis_url": "redis://:{}@db.example.com/0",
    "smtp_url": "smtp://ada:{}@mail.example.com:587",
}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder without a settings file."""
    monkeypatch.chdir(tmp_path)


def from_file(text: str, environ: dict[str, str] | None = None) -> Effective:
    file = Path("written.toml")
    file.write_text(text)
    return load(environ or {}, file)


def from_env(**environ: str) -> Settings:
    return load(environ).settings


@pytest.mark.parametrize("in_file", [None, "", "sqlite://file.db"])
@pytest.mark.parametrize("common", [None, "", "sqlite://common.db"])
@pytest.mark.parametrize("own", [None, "", "sqlite://own.db"])
def test_the_database_address_comes_from_the_first_source_that_has_one(own, common, in_file):
    variables = {"MONOIZE_DATABASE_DSN": own, "DATABASE_URL": common}
    environ = {name: value for name, value in variables.items() if value is not None}
    effective = from_file("" if in_file is None else f'database_dsn = "{in_file}"', environ)

    assert (own or common or in_file or "sqlite://./data/monoize.db") == effective.settings.database_dsn
    assert effective.sources.get("database_dsn", "default") == (
        "environment MONOIZE_DATABASE_DSN"
        if own
        else "environment DATABASE_URL"
        if common
        else "file written.toml"
        if in_file
        else "default"
    )


def test_a_variable_wins_over_the_file_and_the_file_over_the_default():
    effective = from_file("port = 1000\nhost = '10.0.0.1'", {"MONOIZE_PORT": "2000"})

    assert (2000, "10.0.0.1", "info") == (
        effective.settings.port,
        effective.settings.host,
        effective.settings.log_level,
    )
    assert {"port": "environment MONOIZE_PORT", "host": "file written.toml"} == dict(effective.sources)


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_an_empty_value_counts_as_unset_in_both_sources(name):
    assert Settings() == from_env(**{f"MONOIZE_{name.upper()}": ""})
    assert Effective(Settings(), {}) == from_file(f'{name} = ""')


def test_the_file_is_monoize_toml_unless_a_variable_or_the_caller_names_another():
    Path("monoize.toml").write_text("port = 1")
    Path("named.toml").write_text("port = 2")
    Path("passed.toml").write_text("port = 3")

    assert 1 == from_env().port
    assert 2 == from_env(MONOIZE_CONFIG="named.toml").port
    assert 3 == load({"MONOIZE_CONFIG": "named.toml"}, Path("passed.toml")).settings.port


def test_a_named_file_must_be_there():
    with pytest.raises(StartupProblem, match=r"cannot read the settings file absent\.toml: No such file"):
        from_env(MONOIZE_CONFIG="absent.toml")


@pytest.mark.parametrize("content", [b"port = ", b"port = 1\nport = 2", b"\xff\xfe", b"[", b"= 1"])
def test_a_file_that_is_not_toml_is_refused(content):
    Path("monoize.toml").write_bytes(content)

    with pytest.raises(StartupProblem, match=r"monoize\.toml is not valid TOML"):
        from_env()


@pytest.mark.parametrize(
    ("written", "suggested"),
    [
        ("databse_dsn", "did you mean database_dsn?"),
        ("Port", "did you mean port?"),
        ("log_levels", "did you mean log_level?"),
        ("zzzzz", "see docs/settings.md"),
    ],
)
def test_an_unknown_name_in_the_file_is_an_error_with_a_suggestion(written, suggested):
    with pytest.raises(StartupProblem) as refused:
        from_file(f"{written} = 1")

    assert f"file written.toml: unknown setting {written}; {suggested}" == str(refused.value)


@pytest.mark.parametrize(
    ("written", "suggested"),
    [
        ("MONOIZE_DATABSE_DSN", "did you mean MONOIZE_DATABASE_DSN?"),
        ("MONOIZE_DATABASE_URL", "did you mean MONOIZE_DATABASE_DSN?"),
        ("MONOIZE_OAUTH", "see docs/settings.md"),
        ("MONOIZE_ZZZZZ", "see docs/settings.md"),
        ("MONOIZE_TOKENS", "see docs/settings.md"),
        ("MONOIZE_CONFIGURATION", "see docs/settings.md"),
        ("MONOIZE_URLS", "see docs/settings.md"),
        ("MONOIZE_", "see docs/settings.md"),
    ],
)
def test_an_unknown_variable_is_an_error_with_a_suggestion(written, suggested):
    with pytest.raises(StartupProblem) as refused:
        from_env(**{written: "1"})

    assert f"unknown environment variable {written}; {suggested}" == str(refused.value)


@pytest.mark.parametrize(
    "name",
    ["MONOIZE_URL", "MONOIZE_TOKEN", "MONOIZE_PROFILES", "MONOIZE_SETUP_PYTHON", "MONOIZE_TEST_REDIS", "PORT"],
)
def test_variables_that_others_read_are_left_alone(name):
    assert Settings() == from_env(**{name: "x"})


def test_an_oauth_provider_is_a_section_of_the_file():
    settings = from_file(
        """
        [oauth.github]
        client_id = "id"
        client_secret = "secret"
        scopes = ["read:user", "user:email"]
        """
    ).settings

    expected = OAuthProvider(client_id="id", client_secret="secret", scopes=("read:user", "user:email"))
    assert {"github": expected} == dict(settings.oauth)


def test_an_oauth_provider_is_made_of_variables_even_where_its_name_has_underscores():
    settings = from_env(
        MONOIZE_OAUTH_OUR_OWN_CLIENT_ID="id",
        MONOIZE_OAUTH_OUR_OWN_CLIENT_SECRET="secret",
        MONOIZE_OAUTH_OUR_OWN_ISSUER="https://id.example.com",
        MONOIZE_OAUTH_OUR_OWN_SCOPES="openid, email",
    )

    expected = OAuthProvider(
        client_id="id", client_secret="secret", issuer="https://id.example.com", scopes=("openid", "email")
    )
    assert {"our_own": expected} == dict(settings.oauth)


def test_a_variable_completes_the_section_of_an_oauth_provider():
    effective = from_file('[oauth.google]\nclient_id = "id"', {"MONOIZE_OAUTH_GOOGLE_CLIENT_SECRET": "secret"})

    assert OAuthProvider(client_id="id", client_secret="secret") == effective.settings.oauth["google"]
    assert {
        "oauth.google.client_id": "file written.toml",
        "oauth.google.client_secret": "environment MONOIZE_OAUTH_GOOGLE_CLIENT_SECRET",
    } == dict(effective.sources)


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ("oauth = 1", "write sign-in providers as sections"),
        ("[oauth]\ngithub = 1", "write sign-in providers as sections"),
        ('[oauth.github]\nclient_id = "x"', "oauth.github needs client_secret"),
        ('[oauth.github]\nclient_secret = "x"', "oauth.github needs client_id"),
        ('[oauth.ours]\nclient_id = "x"\nclient_secret = "y"', "oauth.ours needs issuer"),
        ('[oauth.github]\nclient_ids = "x"', "unknown setting client_ids; did you mean client_id?"),
        ("[oauth.github]\nclient_id = 5", "oauth.github.client_id must be text"),
        ("[oauth.github]", "oauth.github needs client_id"),
    ],
)
def test_half_an_oauth_provider_is_refused(document, complaint):
    with pytest.raises(StartupProblem) as refused:
        from_file(document)

    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    "variable", ["MONOIZE_OAUTH_GITHUB", "MONOIZE_OAUTH_GITHUB_SECRETS", "MONOIZE_OAUTH_ISSUER"]
)
def test_an_oauth_variable_without_name_or_part_is_refused(variable):
    with pytest.raises(StartupProblem, match=r"expected MONOIZE_OAUTH_<NAME>_<CLIENT_ID\|CLIENT_SECRET\|"):
        from_env(**{variable: "x"})


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_taken_within_its_bounds_and_refused_beyond_them(name):
    least, most = FIELDS[name].metadata["least"], FIELDS[name].metadata["most"]
    for number in (least, most):
        assert number == getattr(from_env(**{f"MONOIZE_{name.upper()}": str(number)}), name)
        assert number == getattr(from_file(f"{name} = {number}").settings, name)
    for number in (least - 1, most + 1):
        with pytest.raises(StartupProblem, match=f"must be between {least} and {most}, not '{number}'"):
            from_env(**{f"MONOIZE_{name.upper()}": str(number)})
        with pytest.raises(StartupProblem, match=f"must be between {least} and {most}, not '{number}'"):
            from_file(f"{name} = {number}")


@pytest.mark.parametrize("written", ["eight", "8.0", "0x50", "8 080", "1e3", "--1"])
def test_what_is_no_number_is_refused(written):
    with pytest.raises(StartupProblem, match="MONOIZE_PORT must be a whole number"):
        from_env(MONOIZE_PORT=written)


@pytest.mark.parametrize("name", FLAGS)
def test_a_flag_understands_the_usual_words_in_any_case(name):
    for word in ("true", "TRUE", "1", "yes", "on"):
        assert getattr(from_env(**{f"MONOIZE_{name.upper()}": word}), name) is True
    for word in ("false", "False", "0", "no", "off"):
        assert getattr(from_env(**{f"MONOIZE_{name.upper()}": word}), name) is False
    with pytest.raises(StartupProblem, match="must be true or false, not 'maybe'"):
        from_env(**{f"MONOIZE_{name.upper()}": "maybe"})


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_is_one_of_its_words(name):
    with pytest.raises(StartupProblem, match=r"must be one of .*, not 'loud'"):
        from_env(**{f"MONOIZE_{name.upper()}": "loud"})


def test_a_list_is_written_with_commas_in_a_variable_and_as_a_list_in_the_file():
    expected = ("10.0.0.0/8", "::1/128")

    assert expected == from_env(MONOIZE_TRUSTED_PROXIES="10.0.0.0/8, ::1/128,").trusted_proxies
    assert expected == from_file('trusted_proxies = ["10.0.0.0/8", "::1/128"]').settings.trusted_proxies


def test_a_list_can_be_made_empty_in_both_sources():
    assert () == from_env(MONOIZE_TRUSTED_PROXIES=",").trusted_proxies
    assert () == from_file("trusted_proxies = []").settings.trusted_proxies


def test_the_home_folder_is_understood_in_paths(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/ada")

    assert Path("/home/ada/keys/k") == from_env(MONOIZE_MASTER_KEY_FILE="~/keys/k").master_key_file


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ("port = true", "port must be a whole number, not 'True'"),
        ("port = 80.5", "port must be a whole number, not '80.5'"),
        ("port = [80]", "port must be a whole number, not '[80]'"),
        ("host = 5", "host must be text, not '5'"),
        ("data_dir = 5", "data_dir must be text, not '5'"),
        ('data_dir = "~nobody_of_that_name/x"', "data_dir names a home folder that is not there"),
        ("trusted_proxies = 5", "trusted_proxies must be a list of texts, not '5'"),
        ("trusted_proxies = [5]", "trusted_proxies must be a list of texts, not '[5]'"),
        ('trusted_proxies = {a = "b"}', "trusted_proxies must be a list of texts"),
        ("log_level = 1", "log_level must be one of debug, info, warning, error, not '1'"),
        ("log_level = []", "log_level must be one of debug, info, warning, error, not '[]'"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(document, complaint):
    with pytest.raises(StartupProblem) as refused:
        from_file(document)

    assert str(refused.value).startswith(f"file written.toml: {complaint}")


SHAPES = {
    "public_url": (
        ["ai.example.com", "//ai.example.com", "ftp://ai.example.com", "https://", "https://ai.example.com/?a=b"],
        ["https://ai.example.com", "http://[::1]:8080", "https://example.com/ai/"],
    ),
    "redis_url": (
        ["localhost:6379", "http://localhost", "redis", "redis://", "redis://h:port/0", "redis://:6379"],
        [
            "redis://h",
            "redis://h:6379/0",
            "rediss://a:p@ss:w/rd@h:6380/1?x=y",
            "redis://:p@[::1]:1",
            "unix:///run/r",
        ],
    ),
    "smtp_url": (
        ["mail.example.com", "mail://example.com", "smtp://", "smtp://a:b@h:port", "smtp://h/x"],
        ["smtp://h", "smtp://a@b.org:p@ss:w/rd@h:587", "smtps://a:b@[::1]:465/"],
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_an_address_that_cannot_be_one_is_refused_and_repeated_only_if_it_is_no_secret(name: str):
    refused, taken = SHAPES[name]
    for written in refused:
        with pytest.raises(StartupProblem, match=f"MONOIZE_{name.upper()} must be ") as problem:
            from_env(**{f"MONOIZE_{name.upper()}": written})
        repeated = "" if FIELDS[name].metadata["secret"] else f", not {written!r}"
        assert str(problem.value).partition(", not ")[1:] == repeated.partition(", not ")[1:]
    for written in taken:
        assert written == getattr(from_env(**{f"MONOIZE_{name.upper()}": written}), name)


@pytest.mark.parametrize("written", ["proxy.example.com", "10.0.0.0/33", "10.0.0", "127.0.0.1, x"])
def test_a_trusted_proxy_that_is_no_network_is_refused(written: str):
    with pytest.raises(StartupProblem, match=r"trusted_proxies: .* does not appear to be an IPv4 or IPv6 network"):
        from_env(MONOIZE_TRUSTED_PROXIES=written)


def test_a_database_address_that_is_none_is_refused():
    with pytest.raises(StartupProblem, match=r"the database address data/monoize\.db is not understood"):
        from_env(MONOIZE_DATABASE_DSN="data/monoize.db")


@given(st.sampled_from(sorted(FIELDS)), st.text(max_size=40))
def test_any_text_in_a_variable_is_taken_or_refused_in_one_line(name, value):
    _taken_or_refused(lambda: load({f"MONOIZE_{name.upper()}": value}))


@given(st.sampled_from(["A", "_B", "GITHUB_CLIENT_ID", "_CLIENT_ID", "X_ISSUER"]), st.text(max_size=20))
def test_any_oauth_variable_is_taken_or_refused_in_one_line(name, value):
    _taken_or_refused(lambda: load({f"MONOIZE_OAUTH_{name}": value}))


NUMBERS_IN_TOML = ["5", "-1", "0", "1.5", "nan", "inf", "99999999999999999999"]
TEXTS_IN_TOML = ['"text"', '""', '"~x/y"', '"\\n"', '"a\\u0000b"']
GROUPS_IN_TOML = ["[]", '["a"]', "[1]", "[[]]", "[{}]", "{}", "{a = 1}", '{a = {b = "c"}}']
MOMENTS_IN_TOML = ["1979-05-27", "07:32:00", "1979-05-27T07:32:00Z"]


@pytest.mark.parametrize("literal", ["true", *NUMBERS_IN_TOML, *TEXTS_IN_TOML, *GROUPS_IN_TOML, *MOMENTS_IN_TOML])
def test_any_value_in_the_file_is_taken_or_refused_in_one_line(literal):
    for name in [*FIELDS, "oauth", "oauth.x", "oauth.github.client_id", "oauth.github.scopes"]:
        _taken_or_refused(lambda name=name: from_file(f"{name} = {literal}"))


def _taken_or_refused(loading: Callable[[], Effective]) -> None:
    said = ""
    try:
        loading()
    except StartupProblem as problem:
        said = str(problem)
    assert len(said.splitlines()) <= 1


def test_every_secret_is_redacted_in_the_rows():
    values = {name: ADDRESSES.get(name, "{}").format("hunter2") for name in SECRETS}
    provider = OAuthProvider(client_id="id", client_secret="hunter2")
    rows = list(Effective(Settings(**values, oauth={"github": provider}), {}).rows())

    shown = {name: value for name, value, _ in rows if name in SECRETS or name.endswith("secret")}
    assert {*SECRETS, "oauth.github.client_secret"} == set(shown)
    assert not any("hunter2" in field for row in rows for field in row)
    assert {REDACTED} == {value for name, value in shown.items() if name not in ADDRESSES}


def test_a_secret_that_is_not_set_is_shown_as_empty():
    values = {name: value for name, value, _ in Effective(Settings(), {}).rows()}

    assert {""} == {values[name] for name in SECRETS if name != "database_dsn"}


@pytest.mark.parametrize("name", sorted({*SECRETS} - {*ADDRESSES}))
def test_a_refused_secret_is_not_repeated(name):
    with pytest.raises(StartupProblem) as refused:
        from_file(f"{name} = 271828")

    assert "271828" not in str(refused.value)


def test_the_rows_name_every_setting_once_with_its_source():
    effective = from_file("port = 1", {"MONOIZE_HOST": "::1", "MONOIZE_OAUTH_GITHUB_CLIENT_ID": "id"} | GITHUB)
    rows = [(name, source) for name, _, source in effective.rows()]
    provider = {f"oauth.github.{field.name}" for field in dataclasses.fields(OAuthProvider)}

    assert len(rows) == len({name for name, _ in rows})
    assert {*FIELDS} | provider == {name for name, _ in rows}
    assert {
        ("port", "file written.toml"),
        ("host", "environment MONOIZE_HOST"),
        ("oauth.github.client_id", "environment MONOIZE_OAUTH_GITHUB_CLIENT_ID"),
        ("oauth.github.client_secret", "environment MONOIZE_OAUTH_GITHUB_CLIENT_SECRET"),
    } == {row for row in rows if row[1] != "default"}


GITHUB = {"MONOIZE_OAUTH_GITHUB_CLIENT_SECRET": "secret"}


def test_the_rows_show_values_as_they_are_written():
    effective = from_file('trusted_proxies = ["10.0.0.1", "::1"]\nregistration_enabled = true')
    values = {name: value for name, value, _ in effective.rows()}

    assert ("10.0.0.1, ::1", "true", "8080", "data", "") == (
        values["trusted_proxies"],
        values["registration_enabled"],
        values["port"],
        values["data_dir"],
        values["master_key_file"],
    )


def test_nothing_can_be_changed_after_loading():
    effective = load({"MONOIZE_OAUTH_GITHUB_CLIENT_ID": "id"} | GITHUB)

    with pytest.raises(dataclasses.FrozenInstanceError):
        effective.settings.port = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        effective.settings.oauth["github"].client_id = "other"
    with pytest.raises(TypeError):
        effective.settings.oauth["google"] = OAuthProvider()
    with pytest.raises(TypeError):
        effective.sources["port"] = "elsewhere"


def test_what_the_environment_says_later_is_not_seen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MONOIZE_PORT", "1000")
    effective = load()
    monkeypatch.setenv("MONOIZE_PORT", "2000")

    assert 1000 == effective.settings.port
