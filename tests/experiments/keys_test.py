"""A kept result is found again by a key of everything that made it."""

import copy
import dataclasses

import jax
import numpy as np
import photos
import poison_settings
import pytest
import replies
import study_plan
import study_units
import toy_network
from configs import study
from scene import Material
from settings import Settings
from study_settings import StudySettings

from fr_poison import extractors, stages
from fr_poison.data.faces import FaceSet
from fr_poison.detectors import fitting
from fr_poison.evaluation import cloaks as cloaking
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
  config = study.get_config('smoke').to_dict()
  for name in ('trained', 'cells', 'left_out', 'detect', 'distractors'):
    del config[name]

  def key(images, labels, network=TOY, adversary='adaptive', **changes):
    own = copy.deepcopy(config)
    own['adversaries']['adaptive']['training'] |= changes
    settings = Settings.from_config(own)
    return replies.training_key(settings, adversary, network, images, labels)

  faces = _faces('ab')
  given = faces.images, faces.labels
  changed = [
    key(_another_pixel(faces).images, faces.labels),
    key(faces.images, faces.labels[::-1]),
    key(faces.images.reshape(6, 4, 16, 3), faces.labels),
    key(*given, adversary='adversarial_training'),
    key(*given, seed=1),
    key(*given, batch_size=4),
  ]
  changed += [key(*given, TOY._replace(**c)) for c in NETWORK_CHANGES]
  for name in ('NETWORKS', 'TRAININGS', 'jax'):
    with monkeypatch.context() as patch:
      _raised(patch, name)
      changed.append(key(*given))
  assert len({key(*given), *changed}) == 1 + len(changed)


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
    settings = poison_settings.Settings.from_config(photos.CONFIG | changes)
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

  monkeypatch.setattr(store, '_embed_on_all_devices', lambda *_: _no_numbers)
  counts = [key(), *(key(TOY._replace(**c)) for c in NETWORK_CHANGES)]
  for name in ('NETWORKS', 'jax'):
    with monkeypatch.context() as patch:
      _raised(patch, name)
      counts.append(key())
  assert counts == [1, 2, 3, 4, 5, 6]


def _no_numbers(images):
  return np.zeros((len(images), TOY.spec.embedding_size), np.float32)


MATERIAL = Material(
  None,  # the settings, which are a test's own
  _faces([f'p{i}' for i in range(8)]),
  _faces([f'e{i}' for i in range(8)], 8),
  _faces([f'c{i}' for i in range(3)], 16),
  [],
  [],
)


@pytest.fixture
def study_keys(monkeypatch):
  """keys(changes of config, material, networks): of each cell, by name."""
  base = study.get_config('smoke').to_dict()
  trained = base['trained']
  base |= {
    'networks': ('mobileface', 'pixels'),
    'surrogates': ('mobileface',),
    'attacks': {
      'pgd': {'epsilon': 8 / 255, 'num_steps': 2},
      'fawkes': {'version': 'plain', 'num_steps': 2},
    },
    'histories': {'half': {'clean': 0.5, 'fawkes': 0.5}},
    'adversaries': {
      'oblivious': {},
      'adaptive': base['adversaries']['adaptive'] | {'attacks': ('pgd',)},
    },
    'cells': ('*/*/*/*/nearest_neighbor|linear', 'none/-/*/*/end_to_end'),
    'detect': None,
    'distractors': None,
    'num_targets': 3,
    'num_people': 19,
    'trained': trained,
  }

  def keys(tmp_path, change=lambda config: None, material=MATERIAL, toy=TOY):
    config = copy.deepcopy(base)
    change(config)
    networks = {'mobileface': toy, 'pixels': extractors.load('pixels')}
    monkeypatch.setattr(study_plan, 'load_extractors', lambda s: networks)
    load = lambda settings, *_: material._replace(settings=settings)
    monkeypatch.setattr(study_plan, 'load_faces', load)
    settings = StudySettings.from_config(config)
    plan = study_plan.Plan(settings, 'hash', tmp_path, None)
    found = {str(name): plan.key(name) for name in plan.names}
    return found | {'detect': study_units._program_key(plan, 'detect')}

  return keys


def _set(path, value):
  def change(config):
    *folders, last = path.split('/')
    for name in folders:
      config = config[name]
    config[last] = value

  return change


# Of a study: what is changed, and which records (by the name of a cell) are
# others then; those not named stay.
ALL, FAWKES, LEARNT = '', 'fawkes|half', 'adaptive|trained here'
CONFIG_CHANGES = [
  ('seed', 1, ALL),
  ('num_splits', 1, ALL),
  ('test_fraction', 0.4, ALL),
  ('num_protected', 1, ALL),
  ('attacks/pgd/epsilon', 4 / 255, 'pgd|adaptive'),
  ('attacks/fawkes/num_steps', 3, FAWKES),
  ('histories/half', {'clean': 0.25, 'fawkes': 0.75}, 'half'),
  ('recognizers/linear/C', 2.0, 'linear'),
  ('adversaries/adaptive/training/num_epochs', 2, 'adaptive'),
  ('trained/arcface/training/seed', 1, 'trained here'),
]


def _is_named(cell, names):
  return any(name in cell for name in names.split('|'))


def _changed(old, new, names):
  """Exactly the records named have other keys."""
  assert old.keys() == new.keys()
  wrong = [
    cell
    for cell in old
    if cell != 'detect' and (old[cell] != new[cell]) != _is_named(cell, names)
  ]
  assert not wrong


def test_a_record(study_keys, tmp_path, monkeypatch):
  old = study_keys(tmp_path)
  assert study_keys(tmp_path) == old
  for path, value, names in CONFIG_CHANGES:
    _changed(old, study_keys(tmp_path, _set(path, value)), names)
  for change in NETWORK_CHANGES:
    new = study_keys(tmp_path, toy=TOY._replace(**change))
    _changed(old, new, 'mobileface|adaptive')
    assert new['detect'] != old['detect']
  for field, names in (
    ('public', LEARNT),
    ('faces', ALL),
    ('candidates', FAWKES),
  ):
    given = MATERIAL._replace(
      **{field: _another_pixel(getattr(MATERIAL, field), -1)}
    )
    new = study_keys(tmp_path, material=given)
    _changed(old, new, names)
    assert new['detect'] != old['detect']
  for name, names in (
    ('RECORDS', ALL),
    ('NETWORKS', ALL),
    ('jax', ALL),
    ('CLOAKS', 'pgd|fawkes|half|adaptive'),
    ('TRAININGS', f'{LEARNT}|end_to_end'),
  ):
    with monkeypatch.context() as patch:
      _raised(patch, name)
      new = study_keys(tmp_path)
    _changed(old, new, names)
    assert new['detect'] != old['detect']
