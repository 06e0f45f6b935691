"""Orbax behind one door: whole, verified steps or a reason why not.

Orbax gives back flipped bits without a word, so every step carries a manifest
of SHA-256 sums, and what does not agree with it is never loaded.
"""

from fr_poison.checkpoints.folder import Checkpoints
from fr_poison.checkpoints.reading import read

__all__ = ['Checkpoints', 'read']
