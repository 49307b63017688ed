from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from sqlalchemy import URL

from monoize.base.errors import StartupProblem
from monoize.infra import dsn

# Nothing that the rest of an address is written with, so that a password found in it can only have leaked.
passwords = st.text(alphabet="0123456789@:/?#&=;%+!$ \t\n[]é✓", min_size=4, max_size=30)


@pytest.mark.parametrize(
    ("address", "file"),
    [
        ("sqlite://./data/monoize.db", "data/monoize.db"),
        ("sqlite://data/monoize.db", "data/monoize.db"),
        ("sqlite:data/monoize.db", "data/monoize.db"),
        ("sqlite://../monoize.db", "../monoize.db"),
        ("sqlite:///srv/monoize.db", "/srv/monoize.db"),
        ("sqlite:/srv/monoize.db", "/srv/monoize.db"),
        ("sqlite:file:data/monoize.db", "data/monoize.db"),
        ("sqlite:///srv/with space/ü@b.db", "/srv/with space/ü@b.db"),
        ("sqlite:///srv/monoize.db?timeout=5", "/srv/monoize.db"),
    ],
)
def test_an_sqlite_address_names_a_file(address, file):
    parsed = dsn.parse(address)

    assert ("sqlite", Path(file), False) == (parsed.engine, parsed.file, parsed.in_memory)
    assert Path(file) == Path(parsed.url.database)


@pytest.mark.parametrize(
    "address",
    [
        "sqlite::memory:",
        "sqlite://:memory:",
        "sqlite:///:memory:",
        "sqlite://",
        "sqlite:",
        "sqlite://:memory:?cache=shared",
        "sqlite:file::memory:",
        "sqlite://file::memory:?cache=shared",
        "sqlite:file:monoize?mode=memory&cache=shared",
    ],
)
def test_an_sqlite_address_without_a_file_is_in_memory(address):
    parsed = dsn.parse(address)

    assert ("sqlite", None, True) == (parsed.engine, parsed.file, parsed.in_memory)
    assert ":memory:" == parsed.url.database


@pytest.mark.parametrize(
    ("scheme", "engine", "driver"),
    [
        ("postgres", "postgresql", "postgresql+asyncpg"),
        ("postgresql", "postgresql", "postgresql+asyncpg"),
        ("mysql", "mysql", "mysql+asyncmy"),
        ("mariadb", "mysql", "mysql+asyncmy"),
    ],
)
def test_a_server_address_is_an_ordinary_url(scheme, engine, driver):
    parsed = dsn.parse(f"{scheme}://ada:secret@db.example.com:1234/house")

    assert (engine, driver, None) == (parsed.engine, parsed.url.drivername, parsed.file)
    assert ("ada", "secret", "db.example.com", 1234, "house") == (
        parsed.url.username,
        parsed.url.password,
        parsed.url.host,
        parsed.url.port,
        parsed.url.database,
    )


def test_the_usual_spelling_of_encryption_reaches_the_postgresql_driver():
    parsed = dsn.parse("postgresql://ada@db.example.com/house?sslmode=require&application_name=house")

    assert {"ssl": "require", "application_name": "house"} == dict(parsed.url.query)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "monoize.db",
        "./data/monoize.db",
        "oracle://ada@db.example.com/house",
        "postgresql+asyncpg://ada@db.example.com/house",
        "sqlite+aiosqlite:///srv/monoize.db",
        "http://db.example.com/house",
        "://",
    ],
)
def test_an_unknown_scheme_is_refused_with_the_schemes_there_are(address):
    with pytest.raises(StartupProblem, match=r"sqlite://PATH, postgresql://.* or mysql://"):
        dsn.parse(address)


@pytest.mark.parametrize(
    "address", ["postgresql://ada@db.example.com", "mysql://ada@db.example.com/", "mariadb://", "postgres:"]
)
def test_a_server_address_without_a_database_is_refused(address):
    with pytest.raises(StartupProblem, match=r"names no database|not a valid URL"):
        dsn.parse(address)


@pytest.mark.parametrize("port", ["abc", "12ab", "-1x"])
def test_a_port_that_is_no_number_is_refused(port):
    with pytest.raises(StartupProblem, match="not a valid URL"):
        dsn.parse(f"postgresql://ada@db.example.com:{port}/house")


@pytest.mark.parametrize("password", ["p@ss", "@", "p@ss/word", "1@2/3"])
def test_a_password_with_an_at_sign_of_its_own_is_refused_with_the_cure(password):
    with pytest.raises(StartupProblem) as refused:
        dsn.parse(f"postgresql://ada:{password}@db.example.com/house")

    assert str(refused.value).endswith("has an @ too many; in a password write %40")
    assert "postgresql://ada:***@db.example.com/house" in str(refused.value)


@given(passwords)
@example("p@ss:w/rd?#")
def test_a_password_arrives_whatever_characters_it_has(password):
    address = f"postgresql://ada:{quote(password, safe='')}@db.example.com/house"

    assert password == dsn.parse(address).url.password


@given(passwords, st.sampled_from(["postgresql", "mysql", "redis", "smtp"]), st.sampled_from(["ada", "", "a@b"]))
@example("p@ss:w/rd?#", "postgresql", "ada")
@example("password=1234&5678@9", "postgresql", "ada")
@example("12\n34", "postgresql", "ada")
def test_a_redacted_address_never_shows_the_password(password, scheme, user):
    for written in (password, quote(password, safe="")):
        assert written not in dsn.redacted(f"{scheme}://{user}:{written}@db.example.com:5/house?x=y")


@given(passwords)
@example("12@34")
def test_a_redacted_address_never_shows_a_password_among_its_parameters(password):
    for written in (quote_plus(password), password.replace("&", "")):
        for name in ("password", "passwd", "PASSWORD", "sslpassword"):
            shown = dsn.redacted(f"postgresql://db.example.com/house?user=ada&{name}={written}&x=y")
            assert not written or written not in shown


@given(passwords)
@example("1234://5678")
@example("@!35/1")
def test_a_misspelt_address_never_shows_the_password(password):
    # Behind a name and a colon it would be an address with nothing but a user name.
    assume(not password.startswith("//"))
    for written in (
        f"postgresql:ada:{password}@db.example.com/house",
        f"postgresql//ada:{password}@db.example.com/house",
        f"postgresql:/ada:{password}@db.example.com/house",
        f"ada:{password}@db.example.com/house",
        f"postgresq1://ada:{password}@db.example.com/house",
        f"postgresql://ada:{password}@db.example.com:port/house",
        f"postgresql://ada:{password}@db.example.com",
    ):
        assert password not in dsn.redacted(written)
        try:
            shown = str(dsn.parse(written))
        except StartupProblem as problem:
            shown = str(problem)
        assert password not in shown


@given(passwords)
def test_a_parsed_address_prints_without_its_password(password):
    url = URL.create("postgresql", "ada", password, "db.example.com", 5, "house", {"password": password})
    shown = str(dsn.parse(url.render_as_string(hide_password=False)))

    for written in (password, quote(password, safe=""), quote_plus(password)):
        assert written not in shown
    assert shown.startswith("postgresql://ada:***@db.example.com:5/house")


@pytest.mark.parametrize(
    "address",
    [
        "sqlite://./data/monoize.db",
        "sqlite:///srv/a@b/monoize.db",
        "postgresql://db.example.com/house",
        "postgresql://ada@db.example.com:5/house?x=y",
        "redis://127.0.0.1:6379/0",
        "",
    ],
)
def test_an_address_without_a_password_is_shown_as_it_is(address):
    assert address == dsn.redacted(address)


def test_user_and_host_stay_readable_when_the_password_goes():
    assert "postgresql://ada:***@db.example.com/house" == dsn.redacted("postgresql://ada:pw@db.example.com/house")
    assert "smtp://ada@b.org:***@mail.b.org:587" == dsn.redacted("smtp://ada@b.org:pw@mail.b.org:587")
    assert "redis://:***@127.0.0.1/0" == dsn.redacted("redis://:pw@127.0.0.1/0")
