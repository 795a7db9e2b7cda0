"""The encoder that a configuration asks for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pointsman.gateway.errors import ConfigError, Problem
from pointsman.gateway.schema.running import EncoderConfig
from pointsman.policies.decide import Policy
from pointsman.signals.base import Signal
from pointsman.signals.encoder.batcher import Batcher
from pointsman.signals.encoder.encoding import Encoder, EncoderError
from pointsman.signals.neural import NeuralSignal


def prepare(
    signals: Iterable[Signal[Any]], config: EncoderConfig, old: Batcher | None = None, *, prompts: bool = False
) -> Batcher | None:
    """Give the neural signals what they need of the encoder; None if there is no such signal and no selector reads
    `prompts`. `old` is used again if given. Blocks for as long as loading a model takes. ConfigError with what to do if
    that is not possible."""
    neural = [signal for signal in signals if isinstance(signal, NeuralSignal)]
    if not neural and not prompts:
        return None
    try:
        batcher = old or Batcher(build_encoder(config))
    except EncoderError as error:
        raise ConfigError([Problem(str(error))]) from None
    problems = []
    for signal in neural:
        try:
            signal.prepare(batcher.encoder)
        except EncoderError as error:
            problems.append(Problem(f"signal `{signal.name}`: {error}"))
    if problems:
        raise ConfigError(problems)
    return batcher


def introduce(policies: Iterable[Policy], batcher: Batcher) -> None:
    """Let the selectors see the encoder of their prompts. ConfigError if one was fitted for another."""
    problems = []
    for decision in [decision for policy in policies for decision in policy.decisions]:
        try:
            if decision.selector is not None:
                decision.selector.prepare(batcher.encoder)
        except EncoderError as error:
            problems.append(Problem(f"decision `{decision.name}`: {error}"))
    if problems:
        raise ConfigError(problems)


def build_encoder(config: EncoderConfig) -> Encoder:
    """EncoderError if it cannot be loaded."""
    heads = Path(config.heads).expanduser() if config.heads else None
    if config.url is not None:
        from pointsman.signals.encoder.remote import RemoteEncoder

        key = config.api_key.get_secret_value() if config.api_key else None
        return RemoteEncoder(config.url, config.model, key, heads)
    from pointsman.signals.encoder.onnx import SHIPPED, OnnxEncoder

    if config.model is None:
        return OnnxEncoder(SHIPPED, heads)
    folder = Path(config.model).expanduser()
    if (folder / "encoder.onnx").exists():
        return OnnxEncoder(folder, heads)
    from pointsman.signals.encoder.sentence import SentenceEncoder

    return SentenceEncoder(config.model, heads)
