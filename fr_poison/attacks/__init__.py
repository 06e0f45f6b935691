"""Embeddings -> cloaks: LowKey, Fawkes and PGD on one loop."""

from fr_poison.attacks.base import Attack, AttackState, gradient_attack
from fr_poison.attacks.fawkes import farthest_target, fawkes
from fr_poison.attacks.loop import run
from fr_poison.attacks.lowkey import lowkey
from fr_poison.attacks.pgd import pgd

__all__ = [
  'Attack',
  'AttackState',
  'farthest_target',
  'fawkes',
  'gradient_attack',
  'lowkey',
  'pgd',
  'run',
]
