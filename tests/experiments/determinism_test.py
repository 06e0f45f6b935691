"""In what batch, in what order, among whom: it changes no result.

Beside the tests of attacks, detectors, searches and trainings on four devices
or in two processes: real networks, and what the programs do with them.
"""

import numpy as np
import photos
import poison
import pytest
import toy_network

from fr_poison import extractors
from fr_poison.data.faces import FaceSet
from fr_poison.evaluation import cloaks as cloaking
from fr_poison.recognizers import linear, nearest_neighbor

IMAGES = np.stack([photos.picture(112, 112, seed) for seed in range(5)])


@pytest.mark.parametrize('name', ['mobileface', 'dlib_resnet'])
def test_neither_batch_nor_order_changes_an_embedding(name):
  network = extractors.load(name)
  expected = extractors.embed(network, IMAGES, 5)
  turned = extractors.embed(network, IMAGES[::-1], 5)[::-1]
  np.testing.assert_array_equal(turned, expected)
  for batch_size in (3, 2, 1):
    found = extractors.embed(network, IMAGES, batch_size)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize('batch_size', [1, 5])
def test_no_batch_size_changes_a_cloak(done, tmp_path, batch_size):
  poison.run(photos.CONFIG | {'batch_size': batch_size}, done[0], tmp_path)
  assert photos.files_of(tmp_path) == photos.files_of(done[1])


def _cloaks(folder, people):
  labels = np.repeat(np.arange(4, dtype=np.int32), 3)
  faces = FaceSet(
    toy_network.pictures(labels),
    labels,
    tuple('abcd'),
    tuple(f'{i}.png' for i in range(12)),
  )
  cloaking.cloak_people(
    cloaking.Job(
      'pgd',
      {'epsilon': 8 / 255, 'num_steps': 2, 'targeted': True},
      [toy_network.extractor()],
      faces,
      seed=0,
    ),
    faces,
    people,
    np.flatnonzero(np.isin(labels, people)),
    folder=folder / 'pgd-toy',
    batch_size=20,
  )
  return photos.files_of(folder)


def test_it_does_not_matter_who_else_is_cloaked(tmp_path):
  several = _cloaks(tmp_path / 'several', [3, 0, 1])
  alone = _cloaks(tmp_path / 'alone', [0])
  assert len(several) == 3 * 4 and len(alone) == 4
  for name, data in alone.items():
    # The note beside a person's cloaks says how long they took.
    assert name.endswith('.json') or several[name] == data


@pytest.mark.parametrize('recognizer', [nearest_neighbor, linear])
def test_neither_the_gallerys_order_nor_other_probes_change_an_answer(
  recognizer,
):
  labels = np.arange(40) % 5
  rng = np.random.default_rng(0)
  faces = rng.standard_normal((5, 8))[labels] + rng.standard_normal((40, 8))
  faces, probes = faces.astype(np.float32), rng.standard_normal((30, 8))
  expected = recognizer.rank(recognizer.fit(faces, labels), probes, 5)
  order = rng.permutation(40)
  model = recognizer.fit(faces[order], labels[order])
  for part in (slice(None), slice(7, 8), slice(None, None, -1)):
    found = recognizer.rank(model, probes[part], 5)
    np.testing.assert_array_equal(found.labels, expected.labels[part])
    np.testing.assert_allclose(found.scores, expected.scores[part], 1e-4)
