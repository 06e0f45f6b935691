"""Replies, recognizers and combinations of them, on pixels alone."""

import functools
import runpy

import numpy as np
import pytest
from judge import Judge
from replies import Combination, Reply
from scene import Scene
from scraped import Scraped
from settings import Settings

from fr_poison import extractors
from fr_poison.adversaries import combining
from fr_poison.data.faces import FaceSet

PIXELS = extractors.load('pixels')


@pytest.fixture
def scene(root):
  """Four people, each a colour with noise of his own brightness."""
  path = root / 'experiments' / 'configs' / 'orl.py'
  config = runpy.run_path(str(path))['get_config']('smoke').to_dict()
  config |= {
    'networks': ('pixels',),
    'surrogates': (),
    'num_people': 4,
    'num_targets': 0,
    'num_protected': 2,
    'num_splits': 3,
    'recognizers': {
      'linear': {'num_splits': 1},
      'nearest_neighbor': {'normalize': False, 'top_k': 2},
    },
  }
  rng = np.random.default_rng(0)
  labels = np.repeat(np.arange(4), 6).astype(np.int32)
  codes = 60 * labels[:, None, None, None] + rng.integers(0, 40, (24, 4, 4, 3))
  faces = FaceSet(
    codes.astype(np.uint8),
    labels,
    ('a', 'b', 'c', 'd'),
    tuple(f'{i}.png' for i in range(24)),
  )
  return Scene(Settings.from_config(config), {'pixels': PIXELS}, faces)


def _measure(scene, images, replies, combinations=()):
  shared = {'surrogate': [], 'wall_seconds': 0.0}
  judge = Judge(scene, replies, list(combinations))
  return judge.measure(Scraped(images, {}), shared)


def _swapped(scene):
  """Protected people look like the one whose brightness is the opposite."""
  images = scene.faces.images.copy()
  images[scene.to_cloak] = 255 - images[scene.to_cloak]
  return images


def test_records_come_by_recognizer_each_with_its_own_splits(scene):
  found = _measure(scene, scene.faces.images, [Reply('', 'pixels', PIXELS)])
  kinds = [r['recognizer'] for r in found]
  assert kinds == ['nearest_neighbor', 'linear']
  assert [r['num_splits'] for r in found] == [3, 1]
  assert [r['top_k'] for r in found] == [2, 1]
  # int(.3 * 6) = 1 picture of each of two people a split.
  assert found[1]['num_test_images'] == 2
  assert all(r['adversary'] == 'baseline' for r in found)
  assert all(r['protection_rate'] == 0 and r['accuracy'] == 1 for r in found)


def test_a_squeezer_sees_gallery_and_probes(scene):
  seen = []

  def black(images):
    seen.append(len(images))
    return np.zeros_like(images)

  reply = Reply('squeezing black', 'pixels', PIXELS, black)
  found = _measure(scene, scene.faces.images, [reply])
  assert set(seen) == {len(scene.faces), len(scene.to_cloak)}
  assert {r['adversary'] for r in found} == {'squeezing black'}
  # All pictures are the same: two of four people are the answer to everything.
  assert found[0]['protection_rate'] > 0 or found[0]['accuracy'] < 1


def test_combinations_are_as_right_as_the_better_of_both(scene):
  # He who undoes the cloak by inverting whatever is bright where it should
  # not be stands for the robust network: he simply sees the originals.
  originals = scene.faces.images

  def restore(images):
    return originals[-len(images) :] if len(images) == 24 else (255 - images)

  replies = [
    Reply('', 'pixels', PIXELS),
    Reply('adaptive', 'pixels', PIXELS, restore),
  ]
  keys = replies[0].key, replies[1].key
  low = functools.partial(combining.threshold, minimum_score=0.0)
  combinations = [
    Combination('top2', 'pixels', *keys, combining.top2, ('linear',)),
    Combination('threshold', 'pixels', *keys, low, ('nearest_neighbor',)),
  ]
  found = _measure(scene, _swapped(scene), replies, combinations)
  rates = {
    (r['recognizer'], r['adversary']): r['protection_rate'] for r in found
  }
  assert rates['linear', 'baseline'] > 0
  assert rates['linear', 'adaptive'] == 0
  assert rates['linear', 'top2'] == 0
  # No distance is below zero: the robust one is asked for every picture.
  assert rates['nearest_neighbor', 'threshold'] == 0
  # Both hand out first candidates only, side by side.
  (top2,) = (r for r in found if r['adversary'] == 'top2')
  assert top2['top_k'] == 2 and top2['network'] == 'pixels'
