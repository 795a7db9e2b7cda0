"""What the head reads beside the encoding."""

from __future__ import annotations

import re

import numpy as np

from pointsman.signals.encoder.encoding import Vector
from pointsman.signals.jailbreak.cues import scan
from pointsman.signals.jailbreak.deobfuscate import plain
from pointsman.signals.jailbreak.lexicon import FAMILIES

FEATURES = (*FAMILIES, "families", "disguised", "addressed", "secrets", "guarding")
"""In [0, 1]: of each family of cues the greatest weight, how many families there are, whether there was a disguise that
hid cues, how much of the text addresses its reader, and how often it speaks as an owner does who guards a secret or
tells a bot what others may do. Length is none of them."""

_HEAVIEST, _MANY = 3, 4
_WORD = re.compile(r"\w+")
_SECRET = re.compile(
    r"access (?:granted|denied|code)|pass(?:word|code|phrase)s?\b|secret (?:word|code|phrase|key)"
    r"|security (?:code|system|bot)"
)
_GUARD = re.compile(  # what owners tell their bot about others who will write to it
    r"(?:the|any|every|each|all) (?:users?|visitors?|players?|callers?|customers?|attackers?|hackers?|strangers?)\b"
    r"|\b(?:user|next|following|above|below|their|his|untrusted) (?:input|message|text|line)s?\b"
    r"|\b(?:never|not|don'?t|refuse to|cannot) (?:ever )?(?:reveal|disclose|repeat|share|print|output|tell|give|say"
    r"|show|leak|translate|encode|believe|follow|obey|accept|take|change|trust)\b"
    r"|\b(?:if and only if|only if|unless|otherwise|anything else|everything else|no matter what)\b"
)
_SECRETS, _GUARDS = 3, 6
_YOU = re.compile(
    r"\b(?:you|your|yours|yourself|u|ur|du|dein\w*|dich|dir|tu|ton|ta|tes|te|toi|vous|votre|vos|tus|usted|você|seu|sua"
    r"|ti|tuo|tua|ты|тебя|тебе|тво\w+|вы|вас|вам|ваш\w*)\b|你|您"
)


def features(text: str) -> Vector:
    found = plain(text).text
    weights = _weights(found)
    several = sum(weight > 1 for weight in weights.values())
    disguised = found != text and sum(weights.values()) > sum(_weights(text).values())
    lower = found.lower()
    addressed = len(_YOU.findall(lower)) / (len(_WORD.findall(found)) + 5)
    return np.array(
        [
            *(weight / _HEAVIEST for weight in weights.values()),
            min(several, _MANY) / _MANY,
            disguised,
            min(1.0, 5 * addressed),
            min(len(_SECRET.findall(lower)), _SECRETS) / _SECRETS,
            min(len(_GUARD.findall(lower)), _GUARDS) / _GUARDS,
        ],
        np.float32,
    )


def _weights(text: str) -> dict[str, int]:
    weights = dict.fromkeys(FAMILIES, 0)
    for cue in scan(text):
        weights[cue.family] = max(weights[cue.family], cue.weight)
    return weights
