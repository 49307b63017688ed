"""The generator: the same text for the same facts, and nothing in it that facts could smuggle in."""

import dataclasses
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from support.nginx import facts, route

from monoize.control.projects.model.nginx_config import MAIN, SITES, Facts, Flavour, Listening, Rendered, render

OLD = Flavour((1, 22, 1))
NEW = Flavour((1, 25, 1))
PORTS = Listening(("0.0.0.0", "::"), 80, 443, 8079)
THUMBPRINT = "a" * 43
PRINT = "ab" * 32


def rendered(told: Facts, flavour: Flavour = OLD, ports: Listening = PORTS) -> Rendered:
    return render(told, ports, flavour)


def sites(told: Facts) -> str:
    return rendered(told).files[SITES]


def test_the_order_of_the_facts_does_not_matter():
    routes = [route(n, f"{n}.example.com", path=path) for n, path in enumerate(("/", "/a", "/a/b", "/c"))]
    first = rendered(facts(*routes, members={"service_1_80": ["127.0.0.1:1", "127.0.0.1:2"]}))
    for _ in range(5):
        random.shuffle(routes)
        assert first == rendered(facts(*routes, members={"service_1_80": ["127.0.0.1:2", "127.0.0.1:1"]}))


def test_every_fact_that_is_served_makes_another_generation():
    plain = facts(route())
    variants = [
        plain,
        facts(route(domain="b.example.com")),
        facts(route(path="/a")),
        facts(route(tls=True)),
        facts(route(tls=True), certificates={"app.example.com": PRINT}),
        facts(route(tls=True), certificates={"app.example.com": "cd" * 32}),
        facts(route(), members={"service_1_80": ["127.0.0.1:10"]}),
        facts(route(), members={}),
        facts(route(gate="challenge_only")),
        facts(route(gate="shut")),
        *(
            facts(route(options=options))
            for options in (
                {"timeout_s": 5},
                {"body_mb": 1},
                {"websocket": False},
                {"buffering": True},
                {"headers": {"X-A": "b"}},
            )
        ),
        facts(route(path="/a", options={"strip_path": True})),
    ]
    assert len(variants) == len({rendered(told).generation for told in variants})
    assert rendered(plain).generation != rendered(plain, NEW).generation
    assert rendered(plain).generation in rendered(plain).files[SITES]


def test_many_routes_to_one_service_share_one_upstream():
    text = sites(facts(route(1, "a.example.com"), route(2, "b.example.com"), route(3, "b.example.com", path="/x")))

    assert 1 == text.count("upstream service_1_80 {")
    assert 1 == text.count('server_name "b.example.com";')


def test_a_route_that_could_not_be_written_is_left_out_and_the_others_stay():
    bad = [
        route(2, 'x.example.com"; return 200 "'),
        route(3, "Upper.example.com"),
        route(4, path="/a b"),
        route(5, path="/a/../b"),
        route(6, upstream="service_1; }"),
        route(7, options={"headers": {"X": 'a"'}}),
        route(8, options={"headers": {"X-A": "a\nb"}}),
        route(9, options={"timeout_s": "5s; root /"}),
        route(10, options={"body_mb": 0}),
    ]
    whole = rendered(facts(route(), *bad))

    assert {1: "served", **dict.fromkeys(range(2, 11), "invalid")} == whole.states
    assert rendered(facts(route())).files == whole.files


def test_only_addresses_become_members():
    members = {"service_1_80": ["app:80", "127.0.0.1:80; }", "127.0.0.1", "127.0.0.1:81", "[::1]:82"]}
    text = sites(facts(route(), members=members))

    assert "server 127.0.0.1:81 max_fails=0;" in text and "server [::1]:82 max_fails=0;" in text
    assert "app:80" not in text and "; }" not in text


def test_a_name_that_is_no_fingerprint_is_never_a_file():
    told = rendered(facts(route(tls=True), certificates={"app.example.com": "../../etc/passwd"}))

    assert {1: "waiting_for_certificate"} == told.states
    assert "passwd" not in told.files[SITES]


def test_a_thumbprint_is_one_or_is_left_out():
    whole = dataclasses.replace(facts(), thumbprint=THUMBPRINT)

    assert f'"$1.{THUMBPRINT}"' in sites(whole)
    assert sites(facts()) == sites(dataclasses.replace(facts(), thumbprint='a"; return 200 "'))


def test_states_say_what_becomes_of_a_route():
    told = Facts(
        [
            route(1, "a.example.com"),
            route(2, "b.example.com", tls=True),
            route(3, "c.example.com", tls=True),
            route(4, "d.example.com", gate="challenge_only"),
            route(5, "e.example.com", gate="shut"),
            route(6, "f.example.com", upstream="service_2_80"),
        ],
        {"service_1_80": ["127.0.0.1:80"]},
        {"b.example.com": PRINT},
    )
    expected = ("served", "served", "waiting_for_certificate", "waiting_for_domain", "omitted", "no_member")

    whole = rendered(told)
    assert dict(enumerate(expected, 1)) == whole.states
    assert frozenset({PRINT}) == whole.fingerprints
    assert "e.example.com" not in whole.files[SITES]


def test_http2_is_written_as_this_nginx_reads_it():
    assert "listen 0.0.0.0:443 ssl http2 default_server;" in rendered(facts()).files[SITES]
    newer = rendered(facts(), NEW).files[SITES]
    assert "http2 on;" in newer and "ssl http2" not in newer
    assert "listen [::]:80 default_server;" in newer


def test_only_temporary_folders_that_this_nginx_knows_are_named():
    text = rendered(facts(), Flavour((1, 22, 1), ("client_body", "proxy"))).files[MAIN]

    assert "proxy_temp_path" in text and "uwsgi_temp_path" not in text


@settings(max_examples=50)
@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60), st.text(max_size=30))
def test_no_text_of_a_row_opens_or_ends_a_block(domain: str, path: str, value: str, upstream: str):
    hostile = [
        route(2, domain),
        route(3, path=path),
        route(4, options={"headers": {"X-A": value}}),
        route(5, upstream=upstream),
    ]
    for one in hostile:
        text = sites(facts(one, members={}))
        bare = "".join(part for n, part in enumerate(text.split('"')) if n % 2 == 0)
        assert 0 == text.count('"') % 2
        assert bare.count("{") == bare.count("}")
        assert text.count("server {") in (3, 4)
