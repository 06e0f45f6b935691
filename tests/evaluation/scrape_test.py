import dataclasses

import numpy as np
import pytest

from fr_poison import evaluation
from fr_poison.evaluation import scrape
from fr_poison.types import InputError


def test_distortion_is_the_mean_over_the_cloaked_pictures(protocol):
  images, rows = protocol.faces.images.copy(), protocol.to_cloak
  images[rows[0]] ^= 1  # one grey level everywhere, in one picture
  fields = scrape.cloaked(protocol, images).fields
  alone = protocol.faces.images.copy()
  alone[rows] = images[rows]
  assert fields['linf'] == pytest.approx(1 / 255)
  # 10 log10(255^2 / (1 / M)), whatever the other people's pictures are.
  assert fields['psnr'] == pytest.approx(10 * np.log10(255**2 * len(rows)))
  every = protocol.faces.images ^ 1
  whole = scrape.cloaked(protocol, every).fields
  assert whole['psnr'] == pytest.approx(10 * np.log10(255**2))
  assert 0 < fields['dssim'] < whole['dssim']


def test_cloaks_alone_take_the_places_of_their_pictures(protocol):
  rows = protocol.to_cloak
  own = 255 - protocol.faces.images[rows]
  images = scrape.cloaked(protocol, own).images
  np.testing.assert_array_equal(images[rows], own)
  others = np.setdiff1d(np.arange(len(images)), rows)
  np.testing.assert_array_equal(images[others], protocol.faces.images[others])
  with pytest.raises(InputError, match='^images: .*expected uint8'):
    scrape.cloaked(protocol, own[:, 1:])


def test_noise_has_the_values_of_the_cloak_in_other_places(protocol):
  grey = np.full_like(protocol.faces.images, 128)
  quiet = evaluation.Protocol(
    protocol.faces.__class__(
      grey, protocol.faces.labels, protocol.faces.names, protocol.faces.paths
    ),
    protocol.protected,
    protocol.splits,
  )
  rng = np.random.default_rng(0)
  change = rng.integers(-8, 9, grey.shape)
  cloaks = scrape.cloaked(quiet, (grey + change).astype(np.uint8))
  noise = evaluation.noise_control(quiet, cloaks)
  for row in quiet.to_cloak:
    mine, theirs = noise.images[row], cloaks.images[row]
    np.testing.assert_array_equal(np.sort(mine, None), np.sort(theirs, None))
    assert (mine != theirs).any()
  # Another seed of the protocol is another draw of the noise.
  other = evaluation.noise_control(dataclasses.replace(quiet, seed=1), cloaks)
  assert (other.images != noise.images)[quiet.to_cloak].any((1, 2, 3)).all()
  others = np.setdiff1d(np.arange(len(grey)), quiet.to_cloak)
  np.testing.assert_array_equal(noise.images[others], grey[others])


def test_a_mixture_deals_pictures_to_the_tools(protocol):
  dark = scrape.cloaked(protocol, np.zeros_like(protocol.faces.images))
  mixture = evaluation.mixed(
    protocol, {'clean': 0.5, 'dark': 0.5}, {'dark': dark}, history='half'
  )
  assert mixture.fields['attack'] == 'history'
  assert mixture.fields['shares'] == {'clean': 0.5, 'dark': 0.5}
  for person in protocol.protected:
    own = protocol.faces.labels == person
    black = (mixture.images[own] == 0).all((1, 2, 3))
    np.testing.assert_array_equal(black, [False] * 3 + [True] * 3)


def test_only_cloaked_pictures_are_saved_again(protocol):
  seen = []
  save = lambda images: seen.append(images) or images // 2
  cloaks = scrape.cloaked(protocol, protocol.faces.images ^ 1, epsilon=0.5)
  found = scrape.saved(protocol, cloaks, save, 'JPEG 75')
  rows = protocol.to_cloak
  np.testing.assert_array_equal(seen[0], cloaks.images[rows])
  np.testing.assert_array_equal(found.images[rows], cloaks.images[rows] // 2)
  others = np.setdiff1d(np.arange(len(found.images)), rows)
  np.testing.assert_array_equal(
    found.images[others], protocol.faces.images[others]
  )
  # Of the cloak, but for what the saving did.
  assert found.fields['epsilon'] == 0.5 and found.fields['saved'] == 'JPEG 75'
  assert found.fields['dssim'] > cloaks.fields['dssim']
  assert 'saved' not in cloaks.fields
