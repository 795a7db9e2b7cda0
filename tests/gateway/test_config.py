from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from pointsman.gateway import crosscheck
from pointsman.gateway.config import examine, load
from pointsman.gateway.errors import ConfigError, Problem

SECRET = "sk-top-secret-value"

BASE = """\
version: 1
pools:
  small: {model: s, endpoints: [http://127.0.0.1:8001]}
  large: {model: l, endpoints: [http://127.0.0.1:8003]}
signals:
  urgent: {type: keyword, any: [urgent]}
  size: {type: context}
decisions:
  - {name: all, when: urgent or size > 8000 or true, models: [small, large]}
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "p.yaml"
        path.write_text(dedent(text), "utf-8")
        return path

    return write


@pytest.fixture
def problems(write: Write) -> Callable[[str], list[str]]:
    """The findings of a file as `line:column: severity: message`."""

    def problems(text: str) -> list[str]:
        return [f"{p.line}:{p.column}: {p.severity}: {p.message}" for p in examine(write(text)).problems]

    return problems


Problems = Callable[[str], list[str]]


def test_a_good_file(write: Write) -> None:
    config = load(write(BASE))
    assert list(config.pools) == ["small", "large"]
    assert config.pools["small"].endpoints[0].url == "http://127.0.0.1:8001"
    assert examine(write(BASE)).problems == []


def test_all_problems_are_found_at_once_in_the_files_order(problems: Problems) -> None:
    found = problems("""\
        version: 1
        server: {prot: 80}
        pools:
          small: {model: s, endpoints: [http://127.0.0.1:8001], engine: vlm}
          large: {endpoints: [127.0.0.1]}
        signals:
          urgent: {type: keyword, any: [urgent], csae: true}
          pattern: {type: regex, pattern: "(["}
        decisions:
          - {name: a, when: urgent and, models: [smal]}
          - {name: b, when: urgnt, models: [small], priority: high}
          - {name: b, when: pattern or urgent, models: [large], select: {by: weighted, weights: {small: 1}}}
        """)
    assert [finding.split(":")[0] for finding in found] == [
        "2", "4", "5", "5", "7", "8", "10", "10", "11", "11", "12", "12"
    ]  # fmt: skip
    assert all(": error: " in finding for finding in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("priorty: 3", "1:1: error: unknown key `priorty`"),
        ("server: {max_bdy: 3MB}", "1:10: error: unknown key `max_bdy`; did you mean `max_body`?"),
        ("server: {x: 1}", "1:10: error: unknown key `x`; known are control_port, cors, debug_headers, drain, host"),
        ("server:", "1:8: error: nothing is written here; write a mapping of keys such as {a: 1}, or leave"),
        ("server: 3", "1:9: error: this must be a mapping of keys"),
        ("server: {port: '80'}", "1:16: error: this must be a whole number such as 10"),
        ("server: {port: true}", "1:16: error: this must be a whole number"),
        ("server: {port: 70000}", "1:16: error: this must be at most 65535"),
        ("server: {drain: 30}", "1:17: error: a duration needs a unit: write 30s for seconds or 30ms"),
        ("server: {drain: soon}", "1:17: error: a duration is a number with its unit, such as 300ms"),
        ("server: {max_body: 0MB}", "1:20: error: this must be more than 0"),
        ("server: {debug_headers: 3}", "1:25: error: this must be true or false"),
        ("server: {host: 80}", "1:16: error: this must be text; put it in quotes"),
        ("server: {port: 8080, control_port: 8080}", "1:36: error: the control plane has the data plane's port"),
        ("server: {host: 0.0.0.0}", "1:16: error: without `auth` only loopback may be listened on; add auth.keys"),
        ("server: {cors: ['*']}", "1:16: error: '*' in server.cors lets every web page use"),
        ("server: {cors: [example.com]}", "1:17: error: 'example.com' is not an origin; write scheme"),
        ("aliases: auto", "1:10: error: this must be a list such as [a, b]"),
        ("aliases: [auto, small]", "1:17: warning: the alias hides the pool `small`"),
        ("auth: {}", "1:1: error: the key `keys` is missing here"),
        ("auth: {keys: []}", "1:14: error: this needs at least 1"),
        ("admin: {keys: [secret]}", "1:16: error: secrets are never written into this file; write env:NAME"),
        ("admin: {keys: ['env:P_NONE']}", "1:16: error: the environment variable P_NONE is not set; export it"),
        ("log: {level: warn}", "1:14: error: this must be one of debug, info, warning, error; did you mean `warning`?"),
        ("cache: {store: 'pigeon:'}", "1:16: error: a store is one of memory:, sqlite:PATH"),
        ("cache: {categories: {math: {ttl: 5}}}", "1:34: error: a duration needs a unit: write 5s"),
        ("cache: {categories: {math: {treshold: 0.9}}}", "1:29: error: unknown key `treshold`; did you mean"),
        ("plugins: []", "1:1: error: `plugins` is not available in this version"),
        ("tests: [1]", "1:9: error: this must be a mapping of keys"),
    ],
)
def test_sections(problems: Problems, text: str, expected: str) -> None:
    assert [finding for finding in problems(f"{text}\n{BASE}") if finding.startswith(expected)]


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        ("{endpoints: [http://a:1]}", "the key `model` is missing here"),
        ("{model: §'', endpoints: ['http://a']}", "this must not be empty"),
        ("§{model: m}", "a pool needs `endpoints`, such as [http://127.0.0.1:8001], or `discover`"),
        ("§{model: m, endpoints: []}", "a pool needs `endpoints`, such as [http://127.0.0.1:8001], or `discover`"),
        ("{model: m, discover: §{interval: 5s}}", "`discover` needs one of `dns` and `kubernetes`"),
        ("{model: m, discover: §{dns: 'http://a', kubernetes: {service: s}}}", "needs one of `dns` and `kubernetes`"),
        ("{model: m, discover: {dns: §a:8000}}", "an endpoint is an absolute http or https URL"),
        ("{model: m, discover: {§kubernetes: {}}}", "the key `service` is missing here"),
        ("{model: m, discover: {kubernetes: {service: §My_Service}}}", "a name in Kubernetes has lower-case letters"),
        ("{model: m, discover: {kubernetes: {service: s, port: §Http}}}", "a name in Kubernetes has lower-case"),
        ("{model: m, discover: {kubernetes: {service: s, port: §0}}}", "this must be at least 1"),
        ("{model: m, discover: {kubernetes: {service: s, scheme: §grpc}}}", "this must be one of http, https"),
        ("{model: m, endpoints: [§a]}", "an endpoint is an absolute http or https URL, such as http://127.0.0.1:8001"),
        ("{model: m, endpoints: [§'http://a:99999']}", "an endpoint is an absolute http or https URL"),
        ("{model: m, endpoints: [§'http://[::1']}", "an endpoint is an absolute http or https URL"),
        ("{model: m, endpoints: [§'http://a?b']}", "an endpoint's URL has no query and no fragment"),
        ("{model: m, endpoints: [{§uri: 'http://a'}]}", "unknown key `uri`; did you mean `url`?"),
        ("{model: m, endpoints: §['http://a', 'http://a/v1']}", "an endpoint is listed twice; give it a weight"),
        ("{model: m, endpoints: ['http://a'], engine: §vlm}", "this must be one of vllm, sglang, trtllm, tgi,"),
        ("{model: m, endpoints: ['http://a'], balance: §lest_load}", "; did you mean `least_load`?"),
        ("{model: m, endpoints: ['http://a'], stale: §500ms}", "`stale` is shorter than `scrape`"),
        ("{model: m, endpoints: ['http://a'], timeouts: {idle: §0s}}", "this must be more than 0"),
        ("{model: m, endpoints: ['http://a'], retry: {budget: §0.2}}", "a share is a percentage from 0% to 100%"),
        ("{model: m, endpoints: ['http://a'], price: {input: §.inf}}", "this must be a finite number"),
        ("{model: m, endpoints: ['http://a'], health: {eject: {§fro: 3s}}}", "unknown key `fro`; did you mean `for`?"),
        ("{model: m, endpoints: ['http://a'], health: {path: §health}}", "a path begins with / and has no spaces"),
        ("{model: m, endpoints: ['http://a'], quality: {default: §7}}", "this must be at most 1"),
        ("{model: m, endpoints: ['http://a'], native: [§chat]}", "this must be one of messages, responses"),
    ],
)
def test_pools(problems: Problems, pool: str, expected: str) -> None:
    """The sign § stands before the place of the error; without it that is the pool's name."""
    before, marked, after = pool.partition("§")
    column = 6 + len(before) if marked else 3
    found = problems(f"version: 1\npools:\n  p: {before}{after}\n")
    assert [finding for finding in found if finding.startswith(f"3:{column}: error: ") and expected in finding]


def test_names_are_fit_for_metrics_and_conditions(problems: Problems) -> None:
    (found,) = problems("version: 1\npools:\n  'a b': {model: m, endpoints: [http://127.0.0.1:1]}\ndecisions: []\n")[:1]
    assert found.startswith("3:3: error: a name has letters, digits, _ and -")


@pytest.mark.parametrize("version", ["2", "1.1", "one", "true", "''"])
def test_other_versions(problems: Problems, version: str) -> None:
    found = problems(BASE.replace("version: 1", f"version: {version}"))
    assert found == ["1:10: error: this pointsman reads version 1 of the configuration; write version: 1"]


@pytest.mark.parametrize(
    ("signal", "expected"),
    [
        ("{type: keywrd}", "there is no signal type `keywrd`; those that exist are "),
        ("{type: keywrd}", "; did you mean `keyword`?"),
        ("{any: [a]}", "the key `type` is missing here: name a signal type; those that exist are "),
        ("{type: keyword, any: [404]}", "this must be text; put it in quotes"),
        ("{type: keyword, anny: [a]}", "unknown key `anny`; did you mean `any`?"),
        ("{type: regex, pattern: '(['}", ""),
    ],
)
def test_signals(problems: Problems, signal: str, expected: str) -> None:
    found = problems(BASE.replace("{type: keyword, any: [urgent]}", signal))
    assert len(found) == 1
    assert found[0].startswith("6:")
    assert expected in found[0]


def test_norwegian_is_a_language(write: Write) -> None:
    config = load(write(BASE.replace("{type: keyword, any: [urgent]}", "{type: language, any: [no]}")))
    assert config.signals["urgent"].model_dump()["any"] in (["no"], ("no",))


@pytest.mark.parametrize("name", ["and", "pool", "true"])
def test_names_that_no_signal_can_have(problems: Problems, name: str) -> None:
    found = problems(BASE.replace("  size:", f"  {name}: {{type: context}}\n  size:"))
    assert f"7:3: error: a signal cannot be named `{name}`, which means something else in conditions" in found


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        ("{name: x, when: urgent}", "9:5: error: a decision needs either `models` (names of pools) or `respond`"),
        ("{when: urgent, models: [small]}", "9:5: error: the key `name` is missing here"),
        ("{name: x, when: urgent, models: [smal]}", "9:38: error: there is no pool `smal`; did you mean `small`?"),
        ("{name: x, when: urgent, models: [small, small]}", "9:37: error: a name is listed twice here"),
        ("{name: explicit, when: urgent, models: [small]}", "9:12: error: 'explicit' is the decision of requests"),
        ("{name: x, when: urgnt, models: [small]}", "9:21: error: there is no signal `urgnt`; did you mean `urgent`?"),
        ("{name: x, when: size > 1 and pool.smal.kv > 1, models: [small]}", "9:34: error: there is no pool `smal`"),
        ("{name: x, when: urgent &&, models: [small]}", "9:28: error: `&&` is no operator; write `and`"),
        ("{name: x, when: '', models: [small]}", "9:21: error: this must not be empty"),
        ("{name: x, when: 3, models: [small]}", "9:21: error: this must be text; put it in quotes"),
        ("{name: x, when: true, models: [small], select: {by: statc}}", "9:57: error: there is no selector `statc`;"),
        (
            "{name: x, when: true, models: [small], select: {by: weighted, weights: {a: 1}}}",
            "9:52: error: `weights` names `a`, which is not in `models`",
        ),
        (
            "{name: x, when: true, models: [small], cache: mth}",
            "9:51: error: there is no cache category `mth`; did you mean `math`?",
        ),
        (
            "{name: x, when: true, models: [small], cache: [math]}",
            "9:51: error: this must be text",
        ),
        (
            "{name: x, when: true, models: [small], cache: {by: urgnt}}",
            "9:56: error: there is no signal `urgnt`; did you mean `urgent`?",
        ),
        (
            "{name: x, when: true, models: [small], cache: {by: urgent}}",
            "9:56: error: `urgent` is true or false and has no labels",
        ),
        (
            "{name: x, when: true, models: [small], cache: {by: urgent, default: mth}}",
            "9:73: error: there is no cache category `mth`; did you mean `math`?",
        ),
        (
            "{name: x, when: true, models: [small], cache: {by: urgent, defalt: math}}",
            "9:64: error: unknown key `defalt`; did you mean `default`?",
        ),
        ("{name: x, when: true, respond: {status: 302, message: m}}", "9:45: error: a status is 200 (an assistant"),
        ("text", "9:5: error: this must be a mapping of keys"),
    ],
)
def test_decisions(problems: Problems, decision: str, expected: str) -> None:
    found = problems(BASE.replace("decisions:\n", f"decisions:\n  - {decision}\n"))
    assert [finding for finding in found if expected in finding]


def test_two_decisions_of_one_name(problems: Problems) -> None:
    text = f"{BASE}  - {{name: all, when: urgent, models: [small]}}\n"
    assert "10:12: error: there is a decision `all` already; give each its own name" in problems(text)


def test_an_error_in_a_signal_is_not_repeated_where_it_is_used(problems: Problems) -> None:
    assert len(problems(BASE.replace("type: keyword, any", "type: keyword, ayn"))) == 1


def test_the_place_of_an_error_in_a_folded_condition(problems: Problems) -> None:
    text = f"{BASE}  - name: folded\n    when: >-\n      urgent and\n      sise > 3\n    models: [small]\n"
    assert "13:7: error: there is no signal `sise`; did you mean `size`?" in problems(text)


def test_advice_stands_where_it_applies(problems: Problems) -> None:
    text = BASE.replace("urgent or size > 8000 or true", "urgent")
    assert problems(text) == [
        "7:3: warning: signal `size` is used by no decision",
        "8:1: warning: requests that no decision matches, such as urgent = false, are answered 404; "
        "add a last decision with `when: true`",
    ]


def test_a_key_that_travels_in_the_open(problems: Problems, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P_KEY", SECRET)
    for url, warned in [
        ("http://api.example.com", True),
        ("http://8.8.8.8", True),
        ("https://api.example.com", False),
        ("http://vllm:8000", False),
        ("http://vllm.models.svc:8000", False),
        ("http://10.0.0.3:8000", False),
        ("http://localhost:8000", False),
    ]:
        for servers in (f"endpoints: ['{url}']", f"discover: {{dns: '{url}'}}"):
            pool = f"small: {{model: s, api_key: 'env:P_KEY', {servers}}}"
            found = problems(BASE.replace("small: {model: s, endpoints: [http://127.0.0.1:8001]}", pool))
            assert any("is sent here without encryption" in finding for finding in found) is warned, url


def test_kubernetes_needs_its_client(problems: Problems, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "version: 1\npools: {small: {model: m, discover: {kubernetes: {service: vllm}}}}\n"
    assert not [finding for finding in problems(text) if "error" in finding]
    monkeypatch.setattr(crosscheck, "find_spec", lambda name: None)
    (found,) = (finding for finding in problems(text) if "error" in finding)
    assert found.startswith("2:38: error: Kubernetes needs its official client")
    assert "pip install 'pointsman[kubernetes]'" in found


AUTH = "auth: {keys: [{key: 'env:P_KEY', tenant: team-a, roles: [premium]}]}\n"


@pytest.mark.parametrize(
    ("signal", "condition", "expected"),
    [
        ("{type: role, any: [premum]}", "urgent", "7:30: warning: no key in auth.keys has the role `premum`; did you"),
        ("{type: tenant, any: [team-b]}", "urgent", "7:32: warning: no key in auth.keys has the tenant `team-b`"),
        ("{type: role}", "urgent.premum", "10:23: warning: no key in auth.keys has the role `premum`; did you mean"),
        ("{type: role, any: [premium]}", "urgent", None),
        ("{type: tenant}", "urgent.team_a", None),
    ],
)
def test_signals_about_clients_that_no_key_has(
    problems: Problems, monkeypatch: pytest.MonkeyPatch, signal: str, condition: str, expected: str | None
) -> None:
    monkeypatch.setenv("P_KEY", SECRET)
    text = BASE.replace("{type: keyword, any: [urgent]}", signal).replace("urgent or", f"{condition} or")
    found = problems(AUTH + text)
    assert len(found) == (1 if expected else 0)
    assert found == [] or found[0].startswith(expected or "")
    (without,) = problems(text)
    assert without.startswith("6:3: warning: without `auth` no request has a ")


def test_shares_of_tenants_that_no_key_has(problems: Problems, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P_KEY", SECRET)
    text = BASE + "tenants: {team-a: {weight: 2.0}, teem-a: {}}\n"
    (found,) = problems(AUTH + text)
    assert "warning: no key in auth.keys has the tenant `teem-a`; did you mean `team-a`?" in found
    without = problems(text)
    assert len(without) == 2
    assert all("warning: without `auth` no request has a tenant" in finding for finding in without)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("models: [small], slo: {first_token: 2s}", None),
        ("models: [small], slo: {first_token: 2s, miss: refuse}", None),
        ("models: [small], slo: {first_token: 2s, miss: next}", "there is no next model here"),
        ("respond: {message: No.}, slo: {first_token: 2s}", "this decision answers itself"),
    ],
)
def test_objectives_that_mean_nothing(problems: Problems, outcome: str, expected: str | None) -> None:
    text = f"""\
        version: 1
        pools: {{small: {{model: s, endpoints: ['http://127.0.0.1:8001']}}}}
        decisions: [{{name: all, when: true, {outcome}}}]
    """
    found = [finding for finding in problems(text) if ": warning: " in finding]
    assert len(found) == (1 if expected else 0)
    assert all((expected or "") in finding for finding in found)


def test_no_secret_is_shown_anywhere(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("P_KEY", SECRET)
    (tmp_path / "key").write_text(SECRET)
    good = f"""\
        version: 1
        auth: {{keys: [{{key: env:P_KEY, tenant: a}}]}}
        admin: {{keys: ['file:{tmp_path}/key']}}
        pools:
          small: {{model: s, endpoints: [http://127.0.0.1:8001], api_key: env:P_KEY}}
        decisions: [{{name: all, when: true, models: [small]}}]
    """
    config = load(write(good))
    bad = good.replace("env:P_KEY", SECRET).replace("http://127", f"http://user:{SECRET}@127")
    for text in (bad, bad.replace(SECRET, f"env:{SECRET}"), bad.replace(SECRET, f"[{SECRET}]")):
        with pytest.raises(ConfigError) as caught:
            load(write(text))
        chain: list[BaseException | None] = [caught.value, caught.value.__cause__, caught.value.__context__]
        assert SECRET not in f"{caught.value} {caught.value!r} {chain}"
    assert SECRET not in f"{config} {config!r} {config.model_dump()} {config.model_dump_json()} {caplog.text}"


def test_the_error_of_load_has_errors_only(write: Write) -> None:
    path = write(BASE.replace("urgent or size > 8000 or true", "urgent") + "aliases: [small]\nx: 1\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    problem: Problem
    (problem,) = caught.value.problems
    assert str(problem).startswith(f"{path}:11:1: error: unknown key `x`")
    assert str(caught.value) == str(problem)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load(tmp_path / "none.yaml")


CONDITIONS = BASE.replace("decisions:", "conditions:\n  busy: urgent and pool.small.load > 0.9\ndecisions:", 1)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ("{busy: size > 3}", []),
        ("{busy: true}", []),
        ("{busy: long, long: not size < 3}", []),
        ("{busy: siez > 3}", ["8:20: error: there is no signal `siez`; did you mean `size`?"]),
        ("{busy: size > 3 or lnog, long: urgent}", ["8:32: error: there is no signal `lnog`; did you mean `long`?"]),
        ("{busy: urgent &&}", ["8:27: error: `&&` is no operator; write `and`"]),
        ("{busy: ''}", ["8:20: error: this must not be empty"]),
        ("{busy: 3}", ["8:20: error: this must be text; put it in quotes"]),
        ("{busy: size > 3, idle: not urgent}", ["8:30: warning: the condition `idle` is used nowhere"]),
        ("{busy: size > 3, urgent: size > 4}", ["8:30: error: there is a signal `urgent`, too; give each its own"]),
        ("{busy: size > 3, in: size > 4}", ["8:30: error: a condition cannot be named `in`, which means something"]),
        ("{busy: not busy}", ["8:24: error: the condition depends on itself: `busy` → `busy`"]),
        (
            "{busy: size > 3 and x, x: urgent or y, y: busy}",
            ["8:33: error: the condition depends on itself: `busy` → `x` → `y` → `busy`"],
        ),
    ],
)
def test_conditions(problems: Problems, conditions: str, expected: list[str]) -> None:
    """One complaint about each, and none about the decision that uses it."""
    text = BASE.replace("decisions:", f"conditions: {conditions}\ndecisions:", 1)
    text = text.replace("urgent or size > 8000 or true", "busy and urgent and size > 8000")
    text += "  - {name: rest, when: true, models: [small]}\n"
    found = [finding for finding in problems(text) if not (": info: " in finding or finding.startswith("10:"))]
    assert len(found) == len(expected)
    assert all(have.startswith(want) for have, want in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("busy.high", "11:23: error: `busy` is a condition and has no labels; write `busy` alone"),
        ("urgent or bsuy", "11:33: error: there is no signal `bsuy`; did you mean `busy`?"),
    ],
)
def test_what_names_a_condition_wrongly(problems: Problems, when: str, expected: str) -> None:
    text = CONDITIONS.replace("when: urgent or size > 8000 or true", f"when: {when}")
    assert expected in problems(text)


def test_conditions_that_expand_to_billions(problems: Problems) -> None:
    lines = ["  c0: urgent", *(f"  c{n}: c{n - 1} or c{n - 1} or size > {n}" for n in range(1, 40))]
    text = BASE.replace("decisions:", "\n".join(["conditions:", *lines, "decisions:"]), 1)
    (found,) = (finding for finding in problems(text) if ": error: " in finding)
    assert "references once its conditions are written out; at most 10000 are read" in found


def test_signals_whose_names_need_quotes(problems: Problems) -> None:
    text = BASE.replace("size:", "'size of it':").replace("size >", '"size of it" >')
    assert not [finding for finding in problems(text) if ": error: " in finding]
    (found,) = problems(BASE.replace("size:", "'size\" ':").replace("size >", "urgnt or 3 <"))[:1]
    assert found.startswith("7:3: error: a name has at most 64 printable characters")


VIRTUAL = (
    BASE
    + """\
virtual_models:
  support-bot:
    strategy: confidence
    decisions:
      - {name: calm, when: not urgent, models: [small]}
      - {name: rest, when: true, models: [small]}
"""
)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", None),
        ("name: calm", "name: all", "14:16: error: there is a decision `all` already; give each its own name"),
        ("not urgent", "not urgnt", "14:32: error: there is no signal `urgnt`; did you mean `urgent`?"),
        ("models: [small]}", "models: [smal]}", "14:49: error: there is no pool `smal`; did you mean `small`?"),
        ("models: [small]}", "models: [small], slo: {miss: next}}", "14:69: warning: there is no next model here"),
        ("support-bot", "auto", "11:3: error: `auto` is an alias already, which the main list routes; choose"),
        ("support-bot", "large", "11:3: warning: the virtual model hides the pool `large`: no request can name"),
        ("support-bot", "l", "11:3: warning: the virtual model hides the model `l`: no request can name"),
        ("confidence", "surest", "12:15: error: this must be one of priority, confidence"),
        ("    strategy", "    stategy", "12:5: error: unknown key `stategy`; did you mean `strategy`?"),
        ("when: true, models: [small]}\n", "when: false, models: [small]}\n", "15:28: warning: "),
    ],
)
def test_virtual_models(problems: Problems, old: str, new: str, expected: str | None) -> None:
    head, _, tail = VIRTUAL.partition("virtual_models:")
    found = problems(f"{head}virtual_models:{tail.replace(old, new, 1) if old else tail}")
    if expected is None:
        assert not [finding for finding in found if ": info: " not in finding]
    else:
        assert [finding for finding in found if finding.startswith(expected)]


def test_what_any_list_uses_is_used(problems: Problems) -> None:
    text = VIRTUAL.replace("urgent or size > 8000 or true", "size > 8000 or true", 1).replace("small, large", "large")
    assert not [finding for finding in problems(text) if finding.startswith(("3:", "4:", "6:"))]
    assert [
        f for f in problems(text.replace("not urgent", "size > 3")) if f.startswith("6:3: warning: signal `urgent`")
    ]


def test_a_rival_is_not_hidden_by_an_earlier_one(problems: Problems) -> None:
    text = BASE.replace("urgent or size > 8000 or true", "size > 3")
    text += "  - {name: rival, when: size > 3 and urgent, models: [small]}\n"
    assert [f for f in problems(text) if "never reached" in f]
    assert not [f for f in problems(text + "strategy: confidence\n") if "never reached" in f]


JUDGED = BASE + "learning: {judge: {pool: larg, decisions: [all, alle]}}\n"


def test_a_judge_is_a_pool_and_judges_decisions_that_there_are(problems: Problems) -> None:
    assert [finding.partition(": ")[2] for finding in problems(JUDGED)] == [
        "error: there is no pool `larg`; did you mean `large`?",
        "error: there is no decision `alle`; did you mean `all`?",
    ]


CACHING = BASE.replace("models: [small, large]}", "models: [small, large], cache: math}")


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("{}", None),
        ("{store: 'sqlite:cache.db', entries: 10, bytes: 1MB}", None),
        ("{categories: {math: {quota: 40%, loosen: {threshold: 0.01}, verify: {error: 0.01}}}}", None),
        ("{categories: {math: {quota: 60%}, code: {quota: 41%}}}", "error: with this the quotas are 101% together"),
        ("{categories: {code: {quota: 100%}}}", "error: the quotas leave nothing for `math`, which has none"),
        ("{categories: {mth: {}}}", "warning: no decision has `cache: mth`, so this does nothing"),
        ("{categories: {legal: {loosen: {ttl: 2.0}}}}", "error: `legal` is not loosened"),
        ("{categories: {medical: {loosen: {threshold: 0.1}}}}", "error: `medical` is not loosened"),
        ("{share: [[a, b], [b, c]]}", "error: `b` is in a group already"),
        ("{share: [[a]]}", "error: a group has at least two tenants"),
        ("{share: [[a, b]]}", "warning: without `auth` no request has a tenant"),
    ],
)
def test_the_cache(problems: Problems, section: str, expected: str | None) -> None:
    found = [finding.partition(": ")[2] for finding in problems(f"{CACHING}cache: {section}\n")]
    assert bool(found) == (expected is not None)
    assert expected is None or any(finding.startswith(expected) for finding in found)


@pytest.mark.parametrize(
    ("signal", "section", "expected"),
    [
        ("{type: domain}", "{categories: {math: {}, law: {}}}", None),
        ("{type: domain}", "{categories: {lw: {}}}", "warning: no decision has `cache: lw`, so this does nothing"),
        ("{type: domain}", "{categories: {law: {quota: 100%}}}", "error: the quotas leave nothing for `general`"),
        ("{type: header, name: x-topic}", "{categories: {own: {}}}", None),
        ("{type: complexity}", "{}", "warning: no category is named like a label of `field`, so all are `general`"),
    ],
)
def test_a_signal_that_names_the_category(problems: Problems, signal: str, section: str, expected: str | None) -> None:
    text = BASE.replace("models: [small, large]}", "models: [small, large], cache: {by: field}}")
    text = text.replace("signals:\n", f"signals:\n  field: {signal}\n")
    found = [finding.partition(": ")[2] for finding in problems(f"{text}cache: {section}\n")]
    assert bool(found) == (expected is not None)
    assert expected is None or any(finding.startswith(expected) for finding in found)


def test_a_group_of_a_tenant_that_no_key_has(problems: Problems, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", SECRET)
    auth = "auth: {keys: [{key: 'env:A_KEY', tenant: team-a}]}\n"
    [found] = problems(f"{CACHING}{auth}cache: {{share: [[team-a, team-b]]}}\n")
    assert found == "11:26: warning: no key in auth.keys has the tenant `team-b`; did you mean `team-a`?"


def test_a_decision_that_answers_itself_has_nothing_to_cache(problems: Problems) -> None:
    own = '  - {name: own, priority: 1, when: urgent, respond: {message: "No."}, cache: true}\n'
    found = [finding for finding in problems(BASE + own) if "cache" in finding]
    assert [finding.partition(": ")[2] for finding in found] == [
        "warning: this decision answers itself, so nothing is cached; remove its `cache`"
    ]


def test_a_panels_judge_is_a_pool(problems: Problems) -> None:
    select = "select: {by: parallel, max_cost: 1.0, judge: larg}"
    text = BASE.replace("models: [small, large]", f"models: [small, large], {select}")
    assert [finding.partition(": ")[2] for finding in problems(text)] == [
        "error: there is no pool `larg`; did you mean `large`?"
    ]


def test_a_cascades_judge_is_a_pool(problems: Problems) -> None:
    select = "select: {by: cascade, accept: {judge: {pool: larg}}}"
    text = BASE.replace("models: [small, large]", f"models: [small, large], {select}")
    assert [finding.partition(": ")[2] for finding in problems(text)] == [
        "error: there is no pool `larg`; did you mean `large`?"
    ]


def test_a_caches_judge_is_a_pool(problems: Problems) -> None:
    text = BASE.replace("models: [small, large]", "models: [small, large], cache: true")
    text += "cache: {categories: {general: {verify: {judge: larg}}}}\n"
    assert [finding.partition(": ")[2] for finding in problems(text)] == [
        "error: there is no pool `larg`; did you mean `large`?"
    ]


def test_a_pool_that_only_judges_has_its_use(problems: Problems) -> None:
    text = BASE.replace("models: [small, large]", "models: [small]")
    assert [finding for finding in problems(text) if "pool `large`" in finding]
    assert not problems(f"{text}learning: {{judge: {{pool: large}}}}\n")
    cached = text.replace("models: [small]", "models: [small], cache: true")
    assert not problems(f"{cached}cache: {{categories: {{general: {{verify: {{judge: large}}}}}}}}\n")
