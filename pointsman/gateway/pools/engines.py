"""What each engine calls its load, and where. A new engine is one entry here and one in the schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pointsman.gateway.schema.pools import Engine, PoolConfig


@dataclass(frozen=True, slots=True)
class Series:
    """A metric family; of several, only the samples with this label."""

    name: str
    label: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Paths below the endpoint's URL. Of each tuple of series the first that has samples counts."""

    metrics: str | None = None
    health: str | None = None
    running: tuple[Series, ...] = ()
    waiting: tuple[Series, ...] = ()
    kv: tuple[Series, ...] = ()  # share of the KV cache in use, 0 to 1


# Triton's names for the same engine
_SCHEDULED = Series("nv_trt_llm_request_metrics", ("request_type", "scheduled"))
_QUEUED = Series("nv_trt_llm_request_metrics", ("request_type", "waiting"))
_FRACTION = Series("nv_trt_llm_kv_cache_block_metrics", ("kv_cache_block_type", "fraction"))

SOURCES: Mapping[Engine, Source] = MappingProxyType(
    {
        Engine.VLLM: Source(
            metrics="/metrics",
            health="/health",
            running=(Series("vllm:num_requests_running"),),
            waiting=(
                # the total also counts requests that chunked prefill merely put off
                Series("vllm:num_requests_waiting_by_reason", ("reason", "capacity")),
                Series("vllm:num_requests_waiting"),
            ),
            kv=(
                Series("vllm:kv_cache_usage_perc"),
                Series("vllm:gpu_cache_usage_perc"),
            ),  # the latter until 0.11
        ),
        Engine.SGLANG: Source(
            metrics="/metrics",
            health="/health",
            running=(Series("sglang:num_running_reqs"),),
            waiting=(Series("sglang:num_queue_reqs"),),
            kv=(Series("sglang:token_usage"),),
        ),
        Engine.TRTLLM: Source(
            metrics="/prometheus/metrics",  # its /metrics is JSON
            health="/health",
            running=(Series("trtllm_num_requests_running"), _SCHEDULED),
            waiting=(Series("trtllm_num_requests_waiting"), _QUEUED),
            kv=(Series("trtllm_kv_cache_utilization"), _FRACTION),
        ),
        Engine.TGI: Source(
            metrics="/metrics",
            health="/health",
            running=(Series("tgi_batch_current_size"),),
            waiting=(Series("tgi_queue_size"),),
        ),
        Engine.LLAMACPP: Source(
            metrics="/metrics",
            health="/health",
            running=(Series("llamacpp:requests_processing"),),
            waiting=(Series("llamacpp:requests_deferred"),),
            kv=(Series("llamacpp:kv_cache_usage_ratio"),),  # old builds
        ),
        Engine.OLLAMA: Source(health="/"),
        Engine.NONE: Source(),
    }
)


def health_path(config: PoolConfig) -> str | None:
    """None if there is nothing to ask."""
    return config.health.path or SOURCES[config.engine].health
