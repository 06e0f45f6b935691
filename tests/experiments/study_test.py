"""A study makes what is missing, and all of it once."""

import copy
import runpy

import programs
import pytest
import study
import study_units
from study_plan import Plan
from study_settings import StudySettings

from fr_poison.types import InputError


@pytest.fixture(scope='module')
def smoke(root):
  path = root / 'experiments' / 'configs' / 'study.py'
  return lambda: runpy.run_path(str(path))['get_config']('smoke').to_dict()


@pytest.fixture(scope='module')
def config(smoke):
  """One attack, and a trainer who waits with two networks."""
  pgd = {'name': 'pgd', 'epsilon': 8 / 255, 'num_steps': 2}
  return smoke() | {
    'num_people': 8,
    'num_public': 0,
    'num_targets': 0,
    'networks': ('mobileface', 'pixels', 'arcface_r50'),
    'surrogates': ('mobileface',),
    'attacks': {'small': pgd | {'epsilon': 2 / 255}, 'large': pgd},
    'histories': {'half': {'clean': 0.5, 'large': 0.5}},
    'recognizers': {'nearest_neighbor': {}, 'linear': {'num_splits': 1}},
    'adversaries': {'oblivious': {}},
    'trained': {},
    'cells': ('*/*/*/*/nearest_neighbor', 'none/*/*/pixels/linear'),
    'left_out': ('Nothing else.',),
    'detect': None,
    'distractors': None,
  }


def _plan(config, folder):
  return Plan(StudySettings.from_config(config), 'hash', folder, None)


@pytest.fixture(scope='module')
def done(config, tmp_path_factory):
  """A finished study's plan, its folder and its records."""
  folder = tmp_path_factory.mktemp('study')
  plan = _plan(config, folder)
  study.run(plan, [])
  return plan, folder, study.write(plan)


def _left(plan, only=()):
  todo = study_units.find_todo(plan, only)
  assert bool(todo.cells) == bool(_units(plan, todo))
  return todo.cells


def _units(plan, todo):
  phases = study_units.PHASES
  return [u.name for p in phases for u in study_units.units(plan, p, todo)]


def test_there_is_a_record_of_every_cell(done):
  plan, folder, found = done
  # Six versions (no cloak, two cloaks and their noise, a history), two
  # networks; one linear cell.
  assert [r['cell'] for r in found.protection] == list(map(str, plan.names))
  assert len(found.protection) == 6 * 2 + 1
  cells = {r['cell']: r for r in found.protection}
  own = cells['large/mobileface/baseline/mobileface/nearest_neighbor']
  noise = cells['noise:large/mobileface/baseline/mobileface/nearest_neighbor']
  assert own['attack'] == 'pgd' and own['epsilon'] == 8 / 255
  assert own['noise_protection_rate'] == noise['protection_rate']
  assert 'noise_protection_rate' not in noise
  assert [c for c in cells if 'embedding_map' in cells[c]] == [
    f'{label}/mobileface/baseline/mobileface/nearest_neighbor'
    for label in ('small', 'large')
  ]
  page = (folder / 'report.html').read_text()
  assert 'Nothing else.' in page
  assert 'Networks without weights here: arcface_r50' in page


def test_what_is_done_is_not_done_again(done, config):
  plan, folder, _ = done
  assert _left(plan) == []
  again = _plan(config, folder)
  assert _left(again) == []
  text = (folder / 'records.jsonl').read_bytes()
  study.run(again, [])
  study.write(again)
  assert (folder / 'records.jsonl').read_bytes() == text


def test_a_damaged_record_is_made_again_and_nothing_else(done, config):
  plan, folder, found = done
  name = plan.names[3]
  (path,) = (folder / 'cells').glob(f'{plan.key(name)[:24]}*')
  path.write_bytes(path.read_bytes()[:-9])
  again = _plan(config, folder)
  assert study.write(again).skipped[0].startswith('1 of 13 cells have not been')
  assert _left(again, ['none']) == []
  study.run(again, [])
  mended = study.write(again)
  rates = lambda s: [r['protection_rate'] for r in s.protection]
  assert rates(mended) == rates(found) and not mended.skipped


@pytest.mark.parametrize(
  ('change', 'count'),
  [
    ({'seed': 1}, 13),  # everything
    ({'left_out': ()}, 0),  # nothing
    # The smaller cloak and its noise.
    ({'attacks': {'small': {'epsilon': 3 / 255}}}, 4),
    # The larger one, its noise, and the history.
    ({'attacks': {'large': {'num_steps': 3}}}, 6),
    ({'recognizers': {'linear': {'num_splits': 2}}}, 1),
  ],
)
def test_a_key_is_of_what_a_record_depends_on(done, config, change, count):
  changed = copy.deepcopy(config)
  for name, value in change.items():
    if isinstance(value, dict):
      for key, settings in value.items():
        changed[name][key] |= settings
    else:
      changed[name] = value
  plan = _plan(changed, done[1])
  assert len(_left(plan)) == count


def test_two_processes_share_everything(config, tmp_path):
  plan = _plan(config, tmp_path)
  study_units.find_todo(plan, []).write(tmp_path / 'todo.json')
  todo = study_units.Todo.read(tmp_path / 'todo.json')
  names = _units(plan, todo)
  dealt = []
  for phase in study_units.PHASES:
    units = study_units.units(plan, phase, todo)
    for index in (1, 0):
      dealt += [u.name for u in study_units.share(units, index, 2)]
  assert sorted(dealt) == sorted(names)


def test_a_dry_run_says_what_would_run(config, tmp_path, capsys):
  plan = _plan(config, tmp_path)
  study.dry_run(plan, ['small', '*/*/*/pixels'])
  told = capsys.readouterr().out
  assert 'cloaks small/mobileface' in told and 'records none/-' in told
  # One with mobileface, and all seven with pixels.
  assert '8 cells, 0 of them there' in told
  assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'cells': ('*/x',)}, "config.cells: '\\*/x' fits nothing"),
    ({'trained': {'me': {}}}, 'config.trained.me.'),
    ({'detect': {'attacks': ('no',), 'unseen_attacks': ()}}, 'detect.attacks'),
    ({'distractors': {'networks': ()}}, 'config.distractors.'),
    ({'num_protected': 9}, 'config.num_protected: 9 of 8'),
    (
      {
        'dataset': 'lfw',
        'align': 'dlib',
        'detect': {'attacks': (), 'unseen_attacks': ()},
      },
      'config.detect: takes pictures as they are',
    ),
  ],
)
def test_bad_settings_are_named(config, tmp_path, change, message):
  with pytest.raises(InputError, match=message):
    _plan(config | change, tmp_path)
  assert not any(tmp_path.iterdir())


def test_only_has_to_fit_something(done):
  with pytest.raises(InputError, match="--only: 'lowkye' fits nothing"):
    study_units.check_only(done[0], ['lowkye'])
  study_units.check_only(done[0], ['detect', 'none/*/*/pixels'])


_TINY = """
from configs import study
from ml_collections import ConfigDict

def get_config(arg=None):
  config = study.get_config(arg)
  config.num_people, config.num_public, config.num_targets = 8, 0, 2
  config.networks = ('pixels',)
  config.adversaries = ConfigDict({'oblivious': {}})
  config.trained = ConfigDict()
  config.detect = config.distractors = None
  config.cells = ('none/-/baseline/*/nearest_neighbor|linear',)
  return config
"""


def test_processes_are_started_one_a_device(tmp_path, tmp_path_factory):
  (tmp_path / 'tiny.py').write_text(_TINY)
  folder, env = tmp_path / 'out', programs.environment(tmp_path_factory)
  told = programs.finish(
    programs.start('study', tmp_path / 'tiny', folder, '--processes=2', env=env)
  )
  assert '1/1 records none/-' in told and '2 records' in told
