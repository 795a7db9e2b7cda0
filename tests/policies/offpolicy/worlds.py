"""Logs of a world whose truth is known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from pointsman.policies.offpolicy.logged import Logged
from pointsman.policies.select.context import Doubles

ARMS = ("small", "medium", "large")


class World(NamedTuple):
    logged: Logged
    target: Doubles
    rewards: Doubles
    truth: float  # what the target is worth
    worth: float  # what the logging policy is worth


def shares(scores: Doubles, explore: float) -> Doubles:
    """Mostly the arm with the highest score."""
    count, arms = scores.shape
    found = np.full((count, arms), explore / arms)
    found[np.arange(count), scores.argmax(axis=1)] += 1 - explore
    return found


def world(random: Generator, size: int, explore: float = 0.4, noise: float = 0.2, target_explore: float = 0.1) -> World:
    """Quality is linear in the features; the log goes by noisy scores, the target by the true ones."""
    features = random.normal(size=(size, 3))
    slopes = np.array([[0.1, 0.0, 0.05], [0.0, 0.15, 0.0], [-0.1, 0.0, 0.1]])
    quality = np.array([0.4, 0.5, 0.6]) + features @ slopes.T
    then = shares(quality + random.normal(scale=0.3, size=quality.shape), explore)
    target = shares(quality, target_explore)
    action = np.array([random.choice(len(ARMS), p=row) for row in then])
    rows = np.arange(size)
    rewards = quality[rows, action] + random.normal(scale=noise, size=size)
    logged = Logged(ARMS, action, then[rows, action], then, features)
    truth, worth = (float((policy * quality).sum(axis=1).mean()) for policy in (target, then))
    return World(logged, target, rewards, truth, worth)
