"""`modality`: whether the user wants text, an image, or both."""

from __future__ import annotations

from typing import Literal

from pointsman.signals.learned import LearnedLabel
from pointsman.signals.options import TextOptions

LABELS = ("text", "image", "both")


class ModalityOptions(TextOptions):
    type: Literal["modality"]


class Modality(LearnedLabel[ModalityOptions]):
    Options = ModalityOptions
    head = "modality"
    labels = LABELS
