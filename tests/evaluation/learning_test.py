"""What a trainer learns from: public people, by each public tool."""

import json

import numpy as np
import pytest
import toy_network

from fr_poison import extractors
from fr_poison.data.faces import FaceSet
from fr_poison.evaluation import cloaks as cloaking
from fr_poison.evaluation import learning
from fr_poison.types import InputError

PGD, LOWKEY = {'num_steps': 2}, {'lpips_weight': 0.0}


def _faces(names):
  """Two pictures of each."""
  labels = np.arange(2 * len(names), dtype=np.int32) // 2
  paths = tuple(f'{i}.png' for i in range(len(labels)))
  return FaceSet(toy_network.pictures(labels), labels, tuple(names), paths)


@pytest.fixture
def jobs(monkeypatch):
  """The jobs so far; the cloaks of the first one are all 1, and so on."""
  seen = []

  def cloak_people(job, faces, *, folder, batch_size, progress):
    assert batch_size == 7 and progress is None
    seen.append((job, folder))
    return cloaking.Cloaks(np.full_like(faces.images, len(seen)), 0, 0.0)

  monkeypatch.setattr(cloaking, 'cloak_people', cloak_people)
  return seen


def test_every_tool_cloaks_on_every_surrogate_and_once(jobs, tmp_path):
  faces, others = _faces('ab'), _faces('xyz')
  public = learning.PublicPeople(
    faces,
    others,
    {'m': 'M', 'n': 'N'},
    {'pgd': PGD, 'lowkey': LOWKEY},
    ('m', 'm+n'),
    tmp_path,
    seed=3,
    batch_size=7,
  )
  images, labels = public.training_set({'attacks': ('pgd', 'lowkey')})
  np.testing.assert_array_equal(images[:4], faces.images)
  np.testing.assert_array_equal(images[4:, 0, 0, 0], np.repeat([1, 2, 3, 4], 4))
  np.testing.assert_array_equal(labels, np.tile(faces.labels, 5))
  store = tmp_path / 'public_cloaks'
  expected = [
    (cloaking.Job(label, settings, networks, others, 3), store / name)
    for networks, surrogate in ((['M'], 'm'), (['M', 'N'], 'm+n'))
    for label, settings in (('pgd', PGD), ('lowkey', LOWKEY))
    for name in [f'{label}-{surrogate}']
  ]
  assert [(*j[:3], *j[4:], f) for j, f in jobs] == [
    (*j[:3], *j[4:], f) for j, f in expected
  ]
  assert all(job.candidates is others for job, _ in jobs)
  # Another adversary's share of them is not made again.
  some = {'attacks': ('lowkey',), 'surrogates': ('m+n',)}
  images, _ = public.training_set(some)
  np.testing.assert_array_equal(images[4:, 0, 0, 0], [4] * 4)
  np.testing.assert_array_equal(public.training_set({})[0], faces.images)
  assert len(jobs) == 4


def test_matching_has_a_target_for_every_clean_picture(
  jobs, tmp_path, monkeypatch
):
  """And every version of it is labelled so, whoever is on it."""
  seen = []

  def run(training, sampler, folder, **_):
    batch = sampler.batch(0)
    seen.append((training.init().params['head']['targets'], batch))
    return training.init()

  network, faces = toy_network.extractor(), _faces('ab')
  monkeypatch.setattr(learning.training_run, 'run', run)
  monkeypatch.setattr(extractors, 'with_params', lambda *a, **k: network)
  public = learning.PublicPeople(
    faces, faces, {'m': 'M'}, {'pgd': PGD}, ('m',), tmp_path, batch_size=7
  )
  recipe = {'batch_size': 8, 'head': {'name': 'match'}}
  chosen = {'training': recipe, 'attacks': ('pgd',)}
  learning.train('adaptive', chosen, network, public)
  ((targets, batch),) = seen
  np.testing.assert_array_equal(
    targets, extractors.embed(network, faces.images)
  )
  order = np.argsort(batch['labels'], kind='stable')
  np.testing.assert_array_equal(batch['labels'][order], np.repeat(range(4), 2))
  is_cloaked = batch['images'][order][:, 0, 0, 0] == np.float32(1 / 255)
  assert is_cloaked.reshape(4, 2).any(1).all() and is_cloaked.sum() == 4


def test_a_purifier_is_trained_for_a_network_and_found_done(
  jobs, tmp_path, monkeypatch
):
  network, faces = toy_network.extractor(), _faces('ab')
  public = learning.PublicPeople(
    faces, faces, {'m': 'M'}, {'pgd': PGD}, ('m',), tmp_path, batch_size=7
  )
  chosen = {
    'attacks': ('pgd',),
    'training': {'batch_size': 8, 'num_epochs': 1},
    'amplification': (1, 3),
    'channels': 4,
    'depth': 2,
  }
  purify = learning.train_purifier(chosen, network, public)
  (folder,) = (tmp_path / 'trained').iterdir()
  assert folder.name.startswith('puface-toy-')
  note = json.loads((folder / 'training.json').read_text())
  assert note['adversary'] == 'puface' and note['attacks'] == ['pgd']
  assert note['trained_on'] == learning.trained_on(faces)
  shown = purify(faces.images)
  assert shown.shape == faces.images.shape and (shown != faces.images).any()
  # What is kept is not trained again, and other settings are another one.
  monkeypatch.setattr(learning.training_run, '_steps', lambda *_: [])
  again = learning.train_purifier(chosen, network, public)
  np.testing.assert_array_equal(again(faces.images), shown)
  learning.train_purifier(chosen | {'channels': 5}, network, public)
  assert len([*(tmp_path / 'trained').iterdir()]) == 2
  # It is no face network.
  with pytest.raises(InputError, match='not the checkpoint of a network'):
    extractors.load(folder / 'checkpoints')
