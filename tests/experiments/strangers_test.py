"""1-NN among strangers, on pixels alone."""

import dataclasses
import runpy

import numpy as np
import pytest
import scraped
import strangers
import toy_network
from judge import Judge
from replies import Reply
from scene import Scene
from settings import Settings

from fr_poison import extractors
from fr_poison.data.faces import FaceSet
from fr_poison.report import tables
from fr_poison.search import store
from fr_poison.types import InputError

PIXELS = Reply('', 'pixels', extractors.load('pixels'))


def _faces(labels, seed, names):
  """People a brightness each, with noise."""
  rng = np.random.default_rng(seed)
  noise = rng.integers(0, 80, (len(labels), 2, 2, 3))
  codes = 50 * labels[:, None, None, None] + noise
  paths = tuple(f'{i}.png' for i in range(len(labels)))
  return FaceSet(codes.astype(np.uint8), labels, names, paths)


@pytest.fixture
def config(root):
  path = root / 'experiments' / 'configs' / 'orl.py'
  return runpy.run_path(str(path))['get_config']('smoke').to_dict() | {
    'networks': ('mobileface',),
    'num_people': 8,
    'num_public': 4,
    'num_targets': 0,
    'num_protected': 2,
    'num_splits': 3,
    'noise_control': False,
  }


@pytest.fixture
def scene(config):
  faces = _faces(np.repeat(np.arange(4), 6).astype(np.int32), 0, tuple('abcd'))
  config |= {'networks': ('pixels',), 'surrogates': ()}
  pixels = {'pixels': PIXELS.extractor}
  return Scene(Settings.from_config(config), pixels, faces)


SHARED = {
  'attack': 'none',
  'surrogate': [],
  'wall_seconds': 0.0,
}


def test_without_strangers_it_is_the_judge_and_more_of_them_never_help(scene):
  # The strangers look like the people evaluated, so that they matter.
  public = _faces(np.repeat(np.arange(4), 5).astype(np.int32), 1, tuple('efgh'))
  judge = strangers.StrangersJudge(scene, [PIXELS], public, (1, 20, 9000))
  found = judge.measure(scraped.untouched(scene), SHARED)
  kinds = [(r['distractors'], r['num_distractors']) for r in found]
  assert kinds == [
    ('none', 0),
    ('real', 1),
    ('real', 20),
    *(('model', n) for n in (1, 20, 9000)),
  ]
  (plain,) = Judge(scene, [PIXELS], []).measure(
    scraped.untouched(scene), SHARED
  )
  for key in ('protection_rate', 'accuracy', 'num_test_images', 'num_splits'):
    assert found[0][key] == plain[key]
  by_kind = {'real': found[:3], 'model': [found[0], *found[3:]]}
  for rows in by_kind.values():
    rates = [r['protection_rate'] for r in rows]
    assert rates == sorted(rates) and rates[0] < rates[-1]
    right = [r['accuracy'] for r in rows]
    assert right == sorted(right, reverse=True)
  check = found[-1]['check']
  assert check['num_people'] == 2 and check['real'] > 0 and check['model'] > 0
  text = tables.distractors(found)
  assert '| no cloak, pixels, model |' in text
  head = text.splitlines()[0]
  assert [c.strip() for c in head.split('|')][2:-1] == ['0', '1', '20', '9,000']


def test_stored_embeddings_are_strangers(scene, tmp_path):
  network = toy_network.extractor()
  labels = np.repeat(np.arange(4), 5).astype(np.int32)
  draw = lambda labels, seed, names: dataclasses.replace(
    _faces(labels, seed, names), images=toy_network.pictures(labels + seed)
  )
  public, more = (draw(labels, seed, tuple('efgh')) for seed in (4, 8))
  evaluated = draw(scene.faces.labels, 0, tuple('abcd'))
  scene = Scene(scene.settings, {'pixels': network}, evaluated)
  reply = Reply('', 'toy', network)
  stored = tmp_path / 'store'
  fill = lambda images: store.fill(
    stored, network, lambda size: iter([images]), len(images)
  )
  run = lambda *args: [
    row
    for row in strangers.StrangersJudge(
      scene, [reply], public, (1, 20), *args
    ).measure(scraped.untouched(scene), SHARED)
    if row['distractors'] == 'real'
  ]
  fill(public.images)
  as_public, plain = run(stored), run()
  for row in as_public + plain:
    del row['wall_seconds']
  assert as_public == plain
  fill(np.concatenate([more.images, scene.faces.images]))
  found = run(stored)
  assert {row['num_real'] for row in found} == {44}
  # Everybody's own picture is now a stranger's, too.
  assert found[-1]['protection_rate'] > plain[-1]['protection_rate']


@pytest.mark.parametrize(
  'changes, counts, message',
  [
    ({}, (10, 0), 'config.num_distractors: 0'),
    ({}, (), 'config.num_distractors: empty'),
    ({'recognizers': {'linear': {}}}, (1,), 'config.recognizers'),
    ({'recognizers': {'nearest_neighbor': {'k': 2}}}, (1,), 'config.recog'),
    ({'recognizers': {'nearest_neighbor': {'top_k': 2}}}, (1,), 'config.recog'),
    ({'adversaries': {}}, (1,), 'config.adversaries'),
    ({'networks': ('pixels',)}, (1,), 'config.networks'),
    ({'noise_control': True}, (1,), 'config.noise_control'),
    ({'num_public': 3}, (1,), 'config.num_public: 3 is below 4'),
  ],
)
def test_what_has_no_nearest_stranger_is_refused(
  config, changes, counts, message
):
  strangers.check_config(Settings.from_config(config), (1, 2))
  settings = Settings.from_config(config | changes)
  with pytest.raises(InputError, match=f'^{message}'):
    strangers.check_config(settings, counts)
