import json
import time

from pointsman.gateway.explain import MAX_HEADER, debug_headers, explain
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.routing import Routed
from pointsman.gateway.schema.pools import PoolConfig
from pointsman.policies.accept import Accept
from pointsman.policies.cascade import Cascade
from pointsman.policies.types import Choice
from pointsman.signals.base import SignalValue, Span
from pointsman.signals.facts import Facts, Route
from pointsman.signals.readings import TimedReadings


def routed(values, choice=Choice((), "static")):
    readings = TimedReadings({}, Facts(Route.CHAT), time.perf_counter)
    readings.values.update(values)
    return Routed("d", choice, (), ("a", "b"), readings)


def test_the_form_has_every_member_that_the_contract_names():
    form = explain("id", routed({}), ["later"], 0.002)
    assert form.keys() == {
        "id", "decision", "models", "cache_category", "signals", "skipped", "selection", "encoder_ms", "overhead_ms",
    }  # fmt: skip
    assert form["selection"].keys() == {"by", "choice", "propensity", "scores", "quality", "reason"}
    assert (form["models"], form["skipped"], form["overhead_ms"]) == (["a", "b"], ["later"], 2.0)


def test_a_cascade_shows_its_steps():
    choice = Choice(("a", "b"), "cascade", procedure=Cascade(Accept(logprob=-0.8)))
    pools = tuple(Pool(name, PoolConfig(model=name, endpoints=["http://127.0.0.1:9"])) for name in ("a", "b"))
    form = explain("id", routed({}, choice)._replace(pools=pools), [], 0.0)
    assert form["selection"]["steps"] == [
        {"pool": "a", "accept": {"finish": True, "logprob": -0.8}},
        {"pool": "b", "accept": "always"},
    ]


def test_labels_and_spans_are_there_if_the_signal_has_them():
    spans = (Span(0, 4, "EMAIL", 0.9, 2),)
    values = {"plain": SignalValue(True, 1.0), "rich": SignalValue("math", 0.8, {"math": 0.8}, spans)}
    signals = explain("id", routed(values), [], 0.0)["signals"]
    assert signals["plain"].keys() == {"value", "score", "ms"}
    assert signals["rich"]["labels"] == {"math": 0.8}
    assert signals["rich"]["spans"] == [{"start": 0, "end": 4, "type": "EMAIL", "score": 0.9, "message": 2}]


def test_headers_are_ascii_json_of_bounded_length_whatever_the_signals_say():
    long = {f"s{n}": SignalValue("明" * 50, 0.5) for n in range(200)} | {"huge": SignalValue("x" * 100_000)}
    values = {**long, "last": SignalValue(True, 1.0)}
    headers = dict(debug_headers("é\r\n", routed(values), [f"skipped-{n}" for n in range(5000)], 0.0))
    assert headers.keys() == {b"x-pointsman-signals", b"x-pointsman-trace"}
    for value in headers.values():
        assert len(value) <= MAX_HEADER
        assert value.isascii()
        assert b"\n" not in value
    signals, trace = (json.loads(value) for value in headers.values())
    assert 0 < len(signals) < len(values)
    assert "huge" not in signals
    assert "skipped" not in trace  # what does not fit is left out, and the rest stays
    assert (trace["id"], trace["selection"]["by"]) == ("é\r\n", "static")


def test_everything_is_there_if_it_fits():
    values = {f"s{n}": SignalValue(n, 0.5) for n in range(20)}
    signals = json.loads(dict(debug_headers("i", routed(values), [], 0.0))[b"x-pointsman-signals"])
    assert signals.keys() == values.keys()
