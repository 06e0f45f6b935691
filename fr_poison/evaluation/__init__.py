"""The product: what is left of a cloak once the model trainer has moved."""

from fr_poison.evaluation.cloaks import cloak
from fr_poison.evaluation.measure import RECOGNIZERS, Result, measure
from fr_poison.evaluation.protocol import Protocol
from fr_poison.evaluation.scrape import Scrape, mixed, noise_control
from fr_poison.evaluation.trainer import Combination, Retrained, Trainer

__all__ = [
  'RECOGNIZERS',
  'Combination',
  'Protocol',
  'Result',
  'Retrained',
  'Scrape',
  'Trainer',
  'cloak',
  'measure',
  'mixed',
  'noise_control',
]
