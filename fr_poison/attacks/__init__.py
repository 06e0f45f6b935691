"""Embeddings -> cloaks: named attacks and PGD on one loop.

A recipe takes `embed_fns`, the networks that are attacked together, each
`(params, images) -> [B, D]`, and plain settings. One that is unknown or out of
range raises an `InputError` that names it; budgets and steps are in [0, 1]
pixel units.
"""

from fr_poison.attacks.base import Attack, AttackState
from fr_poison.attacks.by_person import make_masks
from fr_poison.attacks.chameleon import chameleon
from fr_poison.attacks.diverse import diverse
from fr_poison.attacks.fawkes import fawkes
from fr_poison.attacks.gradient import gradient_attack
from fr_poison.attacks.loop import run
from fr_poison.attacks.lowkey import lowkey
from fr_poison.attacks.masks import apply, apply_to_each, load_mask, save_mask
from fr_poison.attacks.opom import opom
from fr_poison.attacks.pgd import eot_pgd, evading_pgd, pgd
from fr_poison.attacks.protego import protego_planar
from fr_poison.attacks.simplified import feature_shift, protected_set
from fr_poison.attacks.targets import farthest as farthest_target
from fr_poison.attacks.tip_im import tip_im

__all__ = [
  'Attack',
  'AttackState',
  'apply',
  'apply_to_each',
  'chameleon',
  'diverse',
  'eot_pgd',
  'evading_pgd',
  'farthest_target',
  'fawkes',
  'feature_shift',
  'gradient_attack',
  'load_mask',
  'lowkey',
  'make_masks',
  'opom',
  'pgd',
  'protected_set',
  'protego_planar',
  'run',
  'save_mask',
  'tip_im',
]
