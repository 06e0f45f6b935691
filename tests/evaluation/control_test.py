import dataclasses

import numpy as np
import pytest

from fr_poison import evaluation
from fr_poison.data.faces import FaceSet
from fr_poison.data.splits import Split
from fr_poison.evaluation import Protocol, scrape
from fr_poison.types import InputError


def _protocol(labels, value=128, protected=(0, 2, 3), size=12):
  """One split, of which every picture but each person's last is gallery."""
  labels = np.asarray(labels, np.int32)
  images = np.full((len(labels), size, size, 3), value, np.uint8)
  paths = tuple(f'{i}.png' for i in range(len(labels)))
  test = np.append(labels[1:] != labels[:-1], True)
  split = Split(np.flatnonzero(~test), np.flatnonzero(test))
  return Protocol(
    FaceSet(images, labels, tuple('abcd'), paths), protected, (split,)
  )


def _codes(found, rows):
  (codes,) = found.images[rows].reshape(len(rows), -1).T[:1]
  assert (found.images[rows] == codes[:, None, None, None]).all()
  return codes.tolist()


def test_everybody_gets_the_cloaks_of_the_next_by_turns():
  protocol = _protocol([0, 0, 0, 0, 1, 1, 2, 2, 2, 3, 3])
  rows = protocol.to_cloak
  np.testing.assert_array_equal(rows, [0, 1, 2, 6, 7, 9])
  images = protocol.faces.images.copy()
  # Changes 1, 2 and 3 of person 0, 10 and 20 of person 2, -7 of person 3.
  changes = np.array([1, 2, 3, 10, 20, -7])
  images[rows] = (128 + changes)[:, None, None, None]
  cloaks = scrape.cloaked(protocol, images, attack='mine')
  found = evaluation.noise_control(protocol, cloaks, 'another')
  expected = 128 + np.array([10, 20, 10, -7, -7, 1])
  assert _codes(found, rows) == expected.tolist()
  # Nobody else's pictures, and no probe, change.
  others = np.setdiff1d(np.arange(len(images)), rows)
  assert (found.images[others] == 128).all()


@pytest.mark.parametrize(('value', 'change'), [(250, 8), (3, -8)])
def test_what_a_picture_cannot_be_is_cut_off(value, change):
  protocol = _protocol([0, 0, 1, 1, 2, 2, 3, 3], value)
  images = protocol.faces.images.copy()
  images[protocol.to_cloak[0]] = np.clip(value + change, 0, 255)
  # The picture before it in turn is one level from the end.
  protocol.faces.images[protocol.to_cloak[-1]] = 254 if change > 0 else 1
  images[protocol.to_cloak[-1]] = 254 if change > 0 else 1
  found = evaluation.noise_control(
    protocol, scrape.cloaked(protocol, images), 'another'
  )
  end = 255 if change > 0 else 0
  assert _codes(found, protocol.to_cloak[-1:]) == [end]


@pytest.mark.parametrize('name', evaluation.CONTROLS)
def test_a_control_is_of_the_cloaks_budget_and_made_once(name):
  protocol = _protocol([0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 3])
  rng = np.random.default_rng(0)
  images = protocol.faces.images + rng.integers(-8, 9, (11, 12, 12, 3))
  cloaks = scrape.cloaked(protocol, images.astype(np.uint8))
  found = evaluation.controls(protocol, cloaks, (name,))[name]
  rows = protocol.to_cloak
  change = found.images[rows].astype(int) - 128
  assert abs(change).max() == 8  # whole levels, since pictures are uint8
  own = cloaks.images[rows].astype(int) - 128
  assert (change != own).any((1, 2, 3)).all()
  # The same values: in each picture, or those of other pictures.
  order = [2, 3, 4, 5, 0, 1] if name == 'another' else range(len(rows))
  values = lambda x: np.sort(x.reshape(len(rows), -1), 1)
  np.testing.assert_array_equal(values(change), values(own)[list(order)])
  assert evaluation.controls(protocol, cloaks)[name] is found
  # Another seed is another draw, but the same cloaks.
  again = evaluation.noise_control(
    dataclasses.replace(protocol, seed=1), cloaks, name
  )
  assert (again.images == found.images).all() == (name == 'another')


def test_one_noise_is_as_strong_everywhere_and_one_in_the_cloaks_places():
  protocol = _protocol([0, 0, 1, 1, 2, 2, 3, 3], size=32)
  images = protocol.faces.images.copy()
  signs = np.random.default_rng(0).choice([-8, 8], (8, 32, 12, 3))
  images[:, :, :12] = 128 + signs  # on the left
  cloaks = scrape.cloaked(protocol, images)
  share = {}
  for name, found in evaluation.controls(protocol, cloaks).items():
    energy = (found.images[protocol.to_cloak] - 128.0) ** 2
    share[name] = energy[:, :, :16].sum() / energy.sum()
  assert share['another'] == 1
  assert 0.4 < share['spectrum'] < 0.6 and share['envelope'] > 0.8


def test_there_is_nobody_else_whose_cloak_it_is():
  protocol = _protocol([0, 0, 1, 1], protected=(1,))
  cloaks = scrape.cloaked(protocol, protocol.faces.images ^ 1)
  found = evaluation.controls(protocol, cloaks)
  assert list(found) == list(evaluation.CONTROLS)
  assert found['another'] is None and found['envelope'] is not None
  with pytest.raises(InputError, match='^protected: 1 person'):
    evaluation.noise_control(protocol, cloaks, 'another')


def test_what_is_no_cloak_alone_has_no_control():
  protocol = _protocol([0, 0, 1, 1, 2, 2, 3, 3])
  cloaks = scrape.cloaked(protocol, protocol.faces.images ^ 1)
  assert evaluation.controls(protocol, cloaks)
  control = evaluation.noise_control(protocol, cloaks)
  saved = scrape.saved(protocol, cloaks, lambda images: images, 'as it is')
  for version in (scrape.clean(protocol), control, saved):
    assert evaluation.controls(protocol, version) == {}
