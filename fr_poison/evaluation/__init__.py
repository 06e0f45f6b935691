"""The product: what is left of a cloak once the model trainer has moved."""

from fr_poison.evaluation.choice import Best, best_network
from fr_poison.evaluation.control import CONTROLS, controls, noise_control
from fr_poison.evaluation.judge import RECOGNIZERS
from fr_poison.evaluation.measure import measure
from fr_poison.evaluation.protocol import Protocol
from fr_poison.evaluation.publishing import cloak
from fr_poison.evaluation.result import Result
from fr_poison.evaluation.scrape import Scrape, mixed, saved
from fr_poison.evaluation.trainer import Combination, Retrained, Trainer
from fr_poison.evaluation.views import CELLS, Cell

__all__ = [
  'CELLS',
  'CONTROLS',
  'RECOGNIZERS',
  'Best',
  'Cell',
  'Combination',
  'Protocol',
  'Result',
  'Retrained',
  'Scrape',
  'Trainer',
  'best_network',
  'cloak',
  'controls',
  'measure',
  'mixed',
  'noise_control',
  'saved',
]
