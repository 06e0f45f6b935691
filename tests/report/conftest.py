"""Invented records: no number here was ever measured."""

import pytest

_RATES = {
  ('none', ''): {
    'mobileface': 0.01,
    'faceres': 0.0,
    'dlib_resnet': 0.005,
    'pixels': 0.06,
  },
  ('lowkey', 'mobileface'): {
    'mobileface': 1.0,
    'faceres': 0.97,
    'dlib_resnet': 0.033,
    'pixels': 0.07,
  },
  ('fawkes', 'mobileface'): {
    'mobileface': 0.81,
    'faceres': 0.52,
    'dlib_resnet': 0.024,
    'pixels': 0.065,
  },
  ('lowkey', 'dlib_resnet'): {
    'mobileface': 0.05,
    'faceres': 0.045,
    'dlib_resnet': 0.995,
    'pixels': 0.07,
  },
}


def _record(attack, surrogate, network, rate, **fields):
  return {
    'attack': attack,
    'epsilon': None if attack == 'none' else 8 / 255,
    'surrogate': [surrogate] if surrogate else [],
    'network': network,
    'recognizer': 'nearest_neighbor',
    'adversary': 'baseline' if network == surrogate else 'oblivious',
    'num_people': 40,
    'num_test_images': 200,
    'protection_rate': rate,
    'protection_ci': [max(rate - 0.04, 0), min(rate + 0.04, 1)],
    'accuracy': 0.985,
    'accuracy_ci': [0.962, 0.995],
    'dssim': None if attack == 'none' else 0.0123,
    'psnr': None if attack == 'none' else 34.56,
    'linf': None if attack == 'none' else 8 / 255,
    'seed': 0,
    'wall_seconds': 12.5,
    'config_hash': '0123456789abcdef',
    'weights': {network: 'ab' * 32},
    'versions': {'python': '3.11.2', 'jax': '0.10.2'},
    'device': 'cpu x1 (an invented processor), 2 cores',
  } | fields


@pytest.fixture
def make_record():
  """A function that makes one valid record."""

  def make(attack='lowkey', surrogate='mobileface', network='mobileface',
           rate=1.0, **fields):  # fmt: skip
    return _record(attack, surrogate, network, rate, **fields)

  return make


@pytest.fixture
def make_verification():
  """A function that makes one valid record of a network on pairs."""

  def make(network='mobileface', accuracy=0.9325, **fields):
    return {
      'network': network,
      'input_size': 112,
      'num_pairs': 6000,
      'num_folds': 10,
      'accuracy': accuracy,
      'accuracy_ci': [accuracy - 0.005, accuracy + 0.005],
      'accuracy_std': 0.0071,
      'tar_at_far': {'0.001': 0.6403},
      'roc': {'fpr': [0, 0, 0.01, 1], 'tpr': [0, 0.5, 0.75, 1]},
      'dataset': 'lfw',
      'alignment': 'dlib-112',
      'assumed': [['a/a_0001.jpg', 'no face']],
      'wall_seconds': 12.5,
      'weights': {network: 'ab' * 32},
      'config_hash': '0123456789abcdef',
      'versions': {'python': '3.11.2', 'jax': '0.10.2'},
      'device': 'cpu x1 (an invented processor), 2 cores',
    } | fields

  return make


@pytest.fixture
def records():
  """Two attacks, two surrogates, four networks, with controls."""
  found = []
  for (attack, surrogate), rates in _RATES.items():
    for network, rate in rates.items():
      found.append(_record(attack, surrogate, network, rate))
      if attack == 'lowkey':
        noise = {'control_of': attack, 'psnr': 31.98}
        found.append(_record('noise', surrogate, network, 0.015, **noise))
      elif attack == 'fawkes':
        found[-1] |= {
          'noise_protection_rate': 0.02,
          'noise_protection_ci': [0.004, 0.05],
        }
  return found


@pytest.fixture
def moves(make_record):
  """One attack, every move, and two trainers of some."""
  make = lambda name, rate, network='mobileface', **fields: make_record(
    network=network, rate=rate, adversary=name, **fields
  )
  gone = {'not_enrolled_rate': 1.0, 'protection_rate': None}
  return [
    make_record('none', '', rate=0.01),
    make('baseline', 1.0),
    make('oblivious', 0.97, 'one'),
    make('oblivious', 0.033, 'another'),
    make('oblivious', 0.2, 'faceplugin', relation='same family'),
    make('oblivious', 0.04, 'reid_0095', relation='another family'),
    make('adaptive', 0.02),
    make('top2', 0.05),
    make('squeezing blur', 0.5),
    make('purifying: jpeg', 0.8),
    make('dyntracker', 0.6),
    make('detecting: statistics', 1.0) | gone,
  ]
