"""Pictures -> how likely each of them is cloaked."""

from fr_poison.detectors.base import Detector

__all__ = ['Detector']
