"""Strangers in the gallery: 1-NN among them, end to end, the benchmark."""

import dataclasses
import importlib.util
import pathlib
import subprocess
import sys

import distractors
import inputs
import numpy as np
import programs
import pytest
import toy_network
from configs import adaptive
from configs import distractors as distractors_config
from settings import Settings

from fr_poison import evaluation, extractors
from fr_poison.data.faces import FaceSet
from fr_poison.evaluation import scrape
from fr_poison.report import record_file, tables
from fr_poison.search import store
from fr_poison.types import InputError

TOY = evaluation.Trainer(toy_network.extractor())
# A trainer with two networks, as any config has them.
TWO = {
  name: adaptive.get_config('smoke').adversaries[name].to_dict()
  for name in ('oblivious', 'adaptive_tuned', 'top2')
}
PIXELS = evaluation.Trainer(extractors.load('pixels'))


@pytest.fixture
def config():
  config = distractors_config.get_config('smoke').to_dict()
  del config['num_distractors']
  return config


def _faces(names, seed):
  """Five pictures a person; those of one seed are of other people."""
  labels = np.repeat(np.arange(len(names), dtype=np.int32), 5)
  images = toy_network.pictures(labels + seed)
  paths = tuple(f'{i}.png' for i in range(len(labels)))
  return FaceSet(images, labels, tuple(names), paths)


def _alike(names, seed):
  """People of a brightness each, with noise: some nearer to strangers."""
  labels = np.repeat(np.arange(len(names), dtype=np.int32), 5)
  noise = np.random.default_rng(seed).integers(0, 80, (len(labels), 2, 2, 3))
  images = (50 * labels[:, None, None, None] + noise).astype(np.uint8)
  paths = tuple(f'{i}.png' for i in range(len(labels)))
  return FaceSet(images, labels, tuple(names), paths)


@pytest.fixture
def settings(config):
  return Settings.from_config(
    config
    | {'num_people': 8, 'num_protected': 2, 'num_splits': 3}
    | {'recognizers': {'nearest_neighbor': {}}}
  )


def _found(settings, faces, public):
  nowhere = pathlib.Path('nowhere')
  protocol = inputs.draw_protocol(settings, faces, public, nowhere)
  return inputs.Inputs(
    settings,
    {},
    dataclasses.replace(protocol, store=None),
    inputs.public_people(settings, {}, public, public, nowhere),
    {},
    [],
  )


def _measure(found, trainer, counts, stored=None):
  galleries = distractors.among(found, trainer, counts, stored)
  clean = scrape.clean(found.protocol)
  return distractors.measure(found, clean, [(trainer, galleries)], {})


def test_without_strangers_it_is_as_ever_and_more_of_them_never_help(settings):
  found = _found(settings, _alike('abcd', 0), _alike('efgh', 1))
  rows = _measure(found, PIXELS, (1, 20, 9000))
  kinds = [(r['distractors'], r['num_distractors']) for r in rows]
  assert kinds == [
    ('none', 0),
    ('real', 1),
    ('real', 20),
    *(('model', n) for n in (1, 20, 9000)),
  ]
  plain = evaluation.measure(
    found.protocol, scrape.clean(found.protocol), PIXELS
  ).record()
  for key in ('protection_rate', 'accuracy', 'num_test_images', 'num_splits'):
    assert rows[0][key] == plain[key]
  for few_to_many in (rows[:3], [rows[0], *rows[3:]]):
    rates = [r['protection_rate'] for r in few_to_many]
    assert rates == sorted(rates) and rates[0] < rates[-1]
    right = [r['accuracy'] for r in few_to_many]
    assert right == sorted(right, reverse=True)
  check = rows[-1]['check']
  assert check['num_people'] == 2 and check['real'] > 0 and check['model'] > 0
  text = tables.distractors(rows)
  assert '| no cloak, pixels, model |' in text
  head = text.splitlines()[0]
  assert [c.strip() for c in head.split('|')][2:-1] == ['0', '1', '20', '9,000']


def test_more_than_there_are_real_ones_are_of_the_model_alone(settings):
  found = _found(settings, _faces('abcd', 0), _faces('efgh', 4))
  rows = _measure(found, TOY, (9000,))
  kinds = [(r['distractors'], r['num_distractors']) for r in rows]
  assert kinds == [('none', 0), ('model', 9000)]


def test_of_several_training_seeds_the_first_is_asked(settings):
  found = _found(settings, _faces('abcd', 0), _faces('efgh', 4))
  several = evaluation.Retrained({7: TOY, 8: None})  # which has no answer
  rates = lambda rows: [(r['protection_rate'], r['accuracy']) for r in rows]
  rows = _measure(found, several, (1, 20))
  assert rates(rows) == rates(_measure(found, TOY, (1, 20)))
  assert {tuple(r['training_seeds']) for r in rows} == {(7,)}


def test_stored_embeddings_are_strangers(settings, tmp_path):
  found = _found(settings, _faces('abcd', 0), _faces('efgh', 4))

  def real(stored=None):
    rows = _measure(found, TOY, (1, 20), stored)
    rows = [r for r in rows if r['distractors'] == 'real']
    return [{k: v for k, v in r.items() if k != 'wall_seconds'} for r in rows]

  def fill(images):
    store.fill(
      tmp_path, TOY.extractor, lambda size: iter([images]), len(images)
    )

  fill(found.public.faces.images)
  plain = real()
  assert real(tmp_path) == plain
  own = found.protocol.faces.images
  fill(np.concatenate([_faces('ijkl', 8).images, own]))
  rows = real(tmp_path)
  assert {row['num_real'] for row in rows} == {40}
  # Everybody's own picture is now a stranger's, too.
  assert rows[-1]['protection_rate'] > plain[-1]['protection_rate']


@pytest.mark.parametrize(
  'changes, counts, message',
  [
    ({}, (10, 0), 'config.num_distractors: 0'),
    ({}, (), 'config.num_distractors: empty'),
    ({'recognizers': {'linear': {}}}, (1,), 'config.recognizers'),
    ({'recognizers': {'nearest_neighbor': {'k': 2}}}, (1,), 'config.recog'),
    ({'recognizers': {'nearest_neighbor': {'top_k': 2}}}, (1,), 'config.recog'),
    ({'adversaries': TWO}, (1,), 'config.adversaries.top2: has two'),
    ({'networks': ('pixels',)}, (1,), 'config.networks'),
    ({'noise_control': True}, (1,), 'config.noise_control'),
    ({'saved': {'as it is': ()}}, (1,), 'config.saved'),
    ({'num_public': 3}, (1,), 'config.num_public: 3 is below 4'),
  ],
)
def test_what_has_no_nearest_stranger_is_refused(
  config, changes, counts, message
):
  distractors.check_config(Settings.from_config(config), (1, 2))
  settings = Settings.from_config(config | changes)
  with pytest.raises(InputError, match=f'^{message}'):
    distractors.check_config(settings, counts)


def test_smoke_run_records_every_number_of_strangers(here, little, tmp_path):
  config = distractors_config.get_config('smoke').to_dict()
  printed = here(distractors, config, tmp_path / 'out')
  found = record_file.read(tmp_path / 'out' / 'distractors.jsonl')
  assert tables.distractors(found).strip() in printed
  assert [(r['distractors'], r['num_distractors']) for r in found] == [
    ('none', 0),
    ('real', 10),
    ('model', 10),
    ('model', 1000),
  ] * 3
  assert [r['attack'] for r in found[::4]] == ['none', 'fawkes', 'lowkey']
  assert {r['num_real'] for r in found if 'num_real' in r} == {40}
  assert found[0]['run_seconds'] > 0 and 'run_seconds' not in found[1]


def test_the_search_finds_what_faiss_finds_in_the_benchmark(tmp_path):
  if importlib.util.find_spec('faiss') is None:
    pytest.skip('faiss-cpu is not installed')
  path = programs.EXPERIMENTS / 'benchmark.py'
  result = subprocess.run(
    [sys.executable, str(path), '--search', '--gallery=2000,16,5'],
    capture_output=True,
    text=True,
    cwd=tmp_path,
  )
  assert result.returncode == 0, result.stderr
  *_, one, ten, hundred, last = result.stdout.strip().splitlines()
  for line, k in ((one, 1), (ten, 10), (hundred, 100)):
    number, _, _, _, equal = map(float, line.split())
    assert number == k and equal == 1
  assert last.startswith('approximate, 10 nearest: ')
