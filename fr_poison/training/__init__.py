"""Networks learn here: heads, steps, and the one file that says pmap."""

from fr_poison.training.loop import Trainer
from fr_poison.training.recipe import Recipe, make_optimizer
from fr_poison.training.step import TrainState, variables

__all__ = ['Recipe', 'TrainState', 'Trainer', 'make_optimizer', 'variables']
