"""A kept result is found again by a key of everything that made it."""

import copy
import dataclasses

import jax
import numpy as np
import photos
import toy_network
from configs import adaptive

from fr_poison import extractors, stages
from fr_poison import photos as photo_lib
from fr_poison.data.faces import FaceSet
from fr_poison.detectors import fitting
from fr_poison.evaluation import cloaks as cloaking
from fr_poison.evaluation import learning
from fr_poison.search import store

TOY = toy_network.extractor()


def _faces(people, first=0):
  labels = np.repeat(np.arange(len(people), dtype=np.int32), 3)
  paths = tuple(f'{people[p]}/{i % 3}.png' for i, p in enumerate(labels))
  images = toy_network.pictures(labels + first)
  return FaceSet(images, labels, tuple(people), paths)


def _another_pixel(faces, row=0):
  images = faces.images.copy()
  images[row, 0, 0, 0] ^= 1
  return dataclasses.replace(faces, images=images)


def _raised(monkeypatch, name):
  if name == 'jax':
    monkeypatch.setattr(jax, '__version__', '0.0.0')
  else:
    monkeypatch.setattr(stages, name, 99)


NETWORK_CHANGES = [
  {'sha256': 'of others'},
  {'input_size': 9},
  {'mirrored': True},
  {'spec': TOY.spec._replace(name='other')},
]


def _keys_of_cloaks(faces, candidates, settings=None, networks=(TOY,), **other):
  settings = settings or {'num_steps': 2, 'mode': 'low'}
  arguments = {'label': 'fawkes_v03', 'seed': 0} | other
  job = cloaking.Job(
    settings=settings,
    networks=list(networks),
    candidates=candidates,
    **arguments,
  )
  return job.keys(faces, [0], np.arange(2))[0]


def test_a_cloak(monkeypatch):
  faces, outside = _faces('ab'), _faces('xyz', 2)
  key = _keys_of_cloaks(faces, outside)
  assert _keys_of_cloaks(faces, outside) == key
  # Neither other people nor a picture that is not cloaked.
  assert _keys_of_cloaks(_another_pixel(faces, 2), outside) == key
  moved = dataclasses.replace(faces, paths=('a/9.png', *faces.paths[1:]))
  regrouped = dataclasses.replace(
    outside, labels=np.array([0, 0, 1, 1, 1, 1, 2, 2, 2], np.int32)
  )
  changed = [
    _keys_of_cloaks(_another_pixel(faces), outside),
    _keys_of_cloaks(moved, outside),
    _keys_of_cloaks(faces, _another_pixel(outside)),
    _keys_of_cloaks(faces, regrouped),
    _keys_of_cloaks(faces, outside.subset(np.arange(6))),
    _keys_of_cloaks(faces, outside, seed=1),
    _keys_of_cloaks(faces, outside, label='fawkes_v1'),
    _keys_of_cloaks(faces, outside, {'num_steps': 3, 'mode': 'low'}),
    _keys_of_cloaks(faces, outside, networks=(TOY, TOY)),
  ]
  for change in NETWORK_CHANGES:
    networks = (TOY._replace(**change),)
    changed.append(_keys_of_cloaks(faces, outside, networks=networks))
  for name in ('NETWORKS', 'CLOAKS', 'jax'):
    with monkeypatch.context() as patch:
      _raised(patch, name)
      changed.append(_keys_of_cloaks(faces, outside))
  assert len({key, *changed}) == 1 + len(changed)
  # The public tools of one name that are called otherwise are the same.
  named = {'name': 'fawkes_v03', 'num_steps': 2, 'mode': 'low'}
  assert _keys_of_cloaks(faces, outside, named, label='mine') == key


def test_a_training(monkeypatch):
  adversaries = adaptive.get_config('smoke').adversaries.to_dict()

  def key(images, labels, network=TOY, kind='adaptive', more=(), **changes):
    chosen = copy.deepcopy(adversaries['adaptive_tuned'])
    chosen['networks'] += more
    chosen['training'] |= changes
    return learning.training_key(kind, chosen, network, images, labels)

  faces = _faces('ab')
  given = faces.images, faces.labels
  changed = [
    key(_another_pixel(faces).images, faces.labels),
    key(faces.images, faces.labels[::-1]),
    key(faces.images.reshape(6, 4, 16, 3), faces.labels),
    key(*given, kind='adversarial_training'),
    key(*given, seed=1),
    key(*given, batch_size=4),
  ]
  changed += [key(*given, TOY._replace(**c)) for c in NETWORK_CHANGES]
  for name in ('NETWORKS', 'TRAININGS', 'jax'):
    with monkeypatch.context() as patch:
      _raised(patch, name)
      changed.append(key(*given))
  assert len({key(*given), *changed}) == 1 + len(changed)
  # Of several networks each is trained alone.
  assert key(*given, more=('faceres',)) == key(*given)


def test_a_detectors_network(monkeypatch, tmp_path):
  clean = _faces('ab').images

  def file(kind='residual', pictures=(clean, clean), **settings):
    train = lambda: {'params': {'kernel': np.zeros(1, np.float32)}}
    before = set(tmp_path.iterdir())
    fitting.kept(tmp_path, kind, pictures, settings, train)
    return set(tmp_path.iterdir()) - before

  assert len(file()) == 1 and not file()
  assert file('autoencoder')
  assert file(pictures=[clean])
  assert file(pictures=[clean, _another_pixel(_faces('ab')).images])
  assert file(num_epochs=3)
  assert file(seed=1)
  for name in ('DETECTORS', 'jax'):
    with monkeypatch.context() as patch:
      _raised(patch, name)
      assert file()


def test_a_folder_of_poison(monkeypatch):
  def key(network=TOY, **changes):
    settings = photo_lib.Settings.from_config(photos.CONFIG | changes)
    return settings.digest([network])

  changed = [
    key(size=64),
    key(seed=1),
    key(max_dssim=0.5),
    key(attack=photos.CONFIG['attack'] | {'num_steps': 7}),
  ]
  changed += [key(TOY._replace(**c)) for c in NETWORK_CHANGES]
  for name in ('NETWORKS', 'CLOAKS', 'jax'):
    with monkeypatch.context() as patch:
      _raised(patch, name)
      changed.append(key())
  assert len({key(), *changed}) == 1 + len(changed)
  assert key(batch_size=3) == key()


def test_a_store_of_embeddings(monkeypatch, tmp_path):
  images = _faces('ab').images

  def key(network=TOY):
    store.fill(tmp_path, network, lambda size: [images], len(images))
    return len(list(tmp_path.iterdir()))

  monkeypatch.setattr(extractors, 'embed', _no_numbers)
  counts = [key(), *(key(TOY._replace(**c)) for c in NETWORK_CHANGES)]
  for name in ('NETWORKS', 'jax'):
    with monkeypatch.context() as patch:
      _raised(patch, name)
      counts.append(key())
  assert counts == [1, 2, 3, 4, 5, 6, 7]


def _no_numbers(network, images, batch_size):
  del network, batch_size
  return np.zeros((len(images), TOY.spec.embedding_size), np.float32)
