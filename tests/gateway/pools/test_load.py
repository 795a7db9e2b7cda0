from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from pointsman.gateway.pools.load import READERS, Reading
from pointsman.gateway.schema.pools import Engine

VLLM = b"""\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="Qwen/Qwen2.5-7B-Instruct"} 3.0
vllm:num_requests_running{engine="1",model_name="Qwen/Qwen2.5-7B-Instruct"} 4.0
vllm:num_requests_waiting{engine="0",model_name="Qwen/Qwen2.5-7B-Instruct"} 9.0
vllm:num_requests_waiting{engine="1",model_name="Qwen/Qwen2.5-7B-Instruct"} 0.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="m",reason="capacity"} 1.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="m",reason="deferred"} 8.0
vllm:num_requests_waiting_by_reason{engine="1",model_name="m",reason="capacity"} 1.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.75
"""


def read(engine: Engine, text: bytes) -> Reading:
    return READERS[engine](text)


def test_requests_of_data_parallel_ranks_add_up_and_the_fullest_cache_counts() -> None:
    assert read(Engine.VLLM, VLLM) == Reading(running=7, waiting=2, kv=0.75)


def test_the_total_counts_where_no_reason_is_given() -> None:
    text = b"\n".join(line for line in VLLM.split(b"\n") if b"by_reason" not in line)
    assert read(Engine.VLLM, text).waiting == 9


EXAMPLES = {
    "vllm before 0.10": (
        Engine.VLLM,
        b"vllm:num_requests_running 2\nvllm:num_requests_waiting 1\nvllm:gpu_cache_usage_perc 0.5",
        Reading(2, 1, 0.5),
    ),
    "vllm with colons replaced and suffixes": (
        Engine.VLLM,
        b"vllm_num_requests_running 2\nvllm_num_requests_waiting_total 1\nvllm_kv_cache_usage_perc 0.5\n",
        Reading(2, 1, 0.5),
    ),
    "sglang": (
        Engine.SGLANG,
        b'sglang:num_running_reqs{tp_rank="0"} 5.0\nsglang:num_queue_reqs{tp_rank="0"} 2.0\nsglang:token_usage 0.1\n',
        Reading(5, 2, 0.1),
    ),
    "trtllm-serve": (
        Engine.TRTLLM,
        b"trtllm_num_requests_running 5\ntrtllm_num_requests_waiting 6\ntrtllm_kv_cache_utilization 0.5\n",
        Reading(5, 6, 0.5),
    ),
    "triton": (
        Engine.TRTLLM,
        b'nv_trt_llm_request_metrics{model="m",request_type="scheduled",version="1"} 5\n'
        b'nv_trt_llm_request_metrics{model="m",request_type="waiting",version="1"} 6\n'
        b'nv_trt_llm_request_metrics{model="m",request_type="max",version="1"} 512\n'
        b'nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="fraction",model="m"} 0.5\n'
        b'nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="max",model="m"} 4096\n',
        Reading(5, 6, 0.5),
    ),
    "tgi": (Engine.TGI, b"tgi_batch_current_size 4\ntgi_queue_size 3\n", Reading(4, 3, None)),
    "llama.cpp": (
        Engine.LLAMACPP,
        b"llamacpp:requests_processing 1\nllamacpp:requests_deferred 0\n",
        Reading(1, 0, None),
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_engine_has_its_names(name: str) -> None:
    engine, text, expected = EXAMPLES[name]
    assert read(engine, text) == expected


@pytest.mark.parametrize("engine", [Engine.OLLAMA, Engine.NONE])
def test_engines_without_metrics_have_no_reader(engine: Engine) -> None:
    assert engine not in READERS


def test_what_is_not_said_is_unknown_and_not_zero() -> None:
    assert read(Engine.VLLM, b"") == Reading(None, None, None)
    assert read(Engine.VLLM, b"").empty
    assert read(Engine.VLLM, b"vllm:num_requests_waiting 0") == Reading(None, 0, None)
    assert not read(Engine.VLLM, b"vllm:num_requests_waiting 0").empty


def test_names_match_as_a_whole() -> None:
    text = b"vllm:num_requests_running_max 9\nvllm:num_requests_runnin 9\nxvllm:num_requests_running 9\n"
    assert read(Engine.VLLM, text).empty


@pytest.mark.parametrize(
    ("line", "running"),
    [
        (b"vllm:num_requests_running 1.5e1", 15),
        (b"vllm:num_requests_running +7", 7),
        (b"  vllm:num_requests_running\t 7 1700000000000", 7),
        (b"vllm:num_requests_running 7\r", 7),
        (b'vllm:num_requests_running {a="b", c="}{\\" 9", } 7', 7),
        (b"vllm:num_requests_running{} 7", 7),
        (b"vllm:num_requests_running NaN", None),
        (b"vllm:num_requests_running +Inf", None),
        (b"vllm:num_requests_running -1", None),
        (b"vllm:num_requests_running 1e300", None),
        (b"vllm:num_requests_running 1_0", None),
        (b"vllm:num_requests_running", None),
        (b"vllm:num_requests_running7", None),
        (b'vllm:num_requests_running{a="b 7', None),
        (b"vllm:num_requests_running \xff", None),
    ],
)
def test_odd_lines(line: bytes, running: float | None) -> None:
    assert read(Engine.VLLM, b"vllm:kv_cache_usage_perc 0.5\n" + line) == Reading(running, None, 0.5)


label_values = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
samples = st.lists(
    st.tuples(
        st.sampled_from(
            ["vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc", "vllm:other"]
        ),
        st.dictionaries(st.sampled_from(["engine", "model_name", "reason"]), label_values),
        st.floats(0, 1000) | st.sampled_from([float("nan"), float("inf")]),
        st.sampled_from(["", " 1700000000000"]),
    ),
    max_size=12,
)


def _line(name: str, labels: dict[str, str], value: float, timestamp: str) -> str:
    def escape(text: str) -> str:
        return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

    inner = ",".join(f'{key}="{escape(text)}"' for key, text in labels.items())
    return f"{name}{{{inner}}} {value!r}{timestamp}" if labels else f"{name} {value!r}{timestamp}"


@given(samples)
def test_agrees_with_the_official_parser(given_samples: list[tuple[str, dict[str, str], float, str]]) -> None:
    # str.splitlines() in the official parser also ends lines at \x0b, \x1c, \x85, …; the format does not
    text = "\n".join(_line(*sample) for sample in given_samples if len(_line(*sample).splitlines()) == 1)
    found: dict[str, list[float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if 0 <= sample.value <= 1e9:
                found.setdefault(sample.name, []).append(sample.value)
    reading = read(Engine.VLLM, text.encode())
    assert reading.running == _sum(found.get("vllm:num_requests_running"))
    assert reading.waiting == _sum(found.get("vllm:num_requests_waiting"))
    kv = found.get("vllm:kv_cache_usage_perc")
    assert reading.kv == (None if kv is None else min(1.0, max(kv)))


def _sum(values: list[float] | None) -> float | None:
    return None if values is None else sum(values)


@given(
    st.binary(max_size=300)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=100).map(
        lambda t: b"vllm:num_requests_running" + t.encode("utf-8", "replace")
    )
)
def test_no_bytes_are_too_bad(body: bytes) -> None:
    for reader in READERS.values():
        reader(body)
