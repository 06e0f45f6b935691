import numpy as np
import pytest

from fr_poison.training import Recipe
from fr_poison.types import InputError

REFUSED = [
  ('num_epochs: 0', {'num_epochs': 0}),
  ('num_epochs: 1.5', {'num_epochs': 1.5}),
  ('batch_size: True', {'batch_size': True}),
  ('num_micro_batches: 0', {'num_micro_batches': 0}),
  ('per_person: 0', {'per_person': 0}),
  ('steps_per_epoch: 0', {'steps_per_epoch': 0, 'balanced': True}),
  ('balanced: False, but steps_per_epoch', {'steps_per_epoch': 2}),
  ('seed: -1', {'seed': -1}),
  ('flip: 1.1', {'flip': 1.1}),
  ('flip: nan', {'flip': np.nan}),
  ('flip: None', {'flip': None}),
  (r'jitter: 0.6 is outside \[0, 0.5\]', {'jitter': 0.6}),
  (r'label_smoothing: 1 is outside \[0, 1\)', {'label_smoothing': 1}),
  ('label_smoothing: -0.1', {'label_smoothing': -0.1}),
  (
    'label_smoothing: the triplet head',
    {'label_smoothing': 0.1, 'head': {'name': 'triplet'}},
  ),
  ('ema_decay: 1', {'ema_decay': 1}),
  ("dtype: 'float16'", {'dtype': 'float16'}),
  ("head: 'sofmax' is unknown", {'head': {'name': 'sofmax'}}),
  ('head: .*scale', {'head': {'name': 'softmax', 'scale': 2.0}}),
  ('head: .*name', {'head': {'margin': 0.5}}),
  ("optimizer: 'lion' is unknown", {'optimizer': {'name': 'lion'}}),
  ("optimizer: .*'lr'", {'optimizer': {'lr': 0.1}}),
  ('optimizer: .*num_steps', {'optimizer': {'num_steps': 10}}),
  ('optimizer: learning_rate: 0 is', {'optimizer': {'learning_rate': 0}}),
  ('optimizer: learning_rate: nan', {'optimizer': {'learning_rate': np.nan}}),
  ("optimizer: learning_rate: '1'", {'optimizer': {'learning_rate': '1'}}),
  ('optimizer: weight_decay: -1', {'optimizer': {'weight_decay': -1}}),
  ('optimizer: momentum: 1.5', {'optimizer': {'momentum': 1.5}}),
  ('optimizer: warmup: 2', {'optimizer': {'warmup': 2}}),
  ('optimizer: drops: 5', {'optimizer': {'drops': (0.5, 5)}}),
  ('optimizer: drop_factor: 0.0', {'optimizer': {'drop_factor': 0.0}}),
  ('optimizer: max_norm: 0 is', {'optimizer': {'max_norm': 0}}),
  ('optimizer: schedule: ', {'optimizer': {'schedule': 'linear'}}),
]


@pytest.mark.parametrize('message, settings', REFUSED)
def test_numbers_that_cannot_be_meant_are_refused(message, settings):
  with pytest.raises(InputError, match=f'^{message}'):
    Recipe(**settings)
  with pytest.raises(InputError, match=rf'^config\.training\.{message}'):
    Recipe.from_config(settings)


def test_a_setting_that_nobody_reads_is_refused():
  with pytest.raises(InputError, match=r'^config\.a\.epochs: unknown'):
    Recipe.from_config({'epochs': 3}, 'a')


def test_the_ends_of_the_ranges_are_taken():
  Recipe(flip=0, ema_decay=0, label_smoothing=0.99, seed=0)
  Recipe(flip=1, head={'name': 'triplet'}, optimizer={'warmup': 1})
