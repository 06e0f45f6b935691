"""A study makes what is missing, and all of it once."""

import copy
import dataclasses
import runpy
from types import SimpleNamespace

import inputs
import little_networks
import pytest
import study
import study_page

from fr_poison import locks, stages
from fr_poison.types import InputError

PGD = {'name': 'pgd', 'epsilon': 8 / 255, 'num_steps': 2}


@pytest.fixture(scope='module', autouse=True)
def little():
  """What a study makes of networks does not depend on what they are."""
  with little_networks.instead():
    yield


@pytest.fixture(scope='module')
def smoke(root):
  path = root / 'experiments' / 'configs' / 'study.py'
  return runpy.run_path(str(path))['get_config']('smoke').to_dict()


@pytest.fixture(scope='module')
def config(smoke):
  """Two runs of a trainer who waits, with one cloak in common."""
  base = smoke['runs']['baseline'] | {
    'num_people': 8,
    'num_public': 0,
    'networks': ('mobileface', 'pixels', 'arcface_r50'),
    'controls': ('spectrum', 'another'),
    'attacks': {'small': PGD | {'epsilon': 2 / 255}, 'large': PGD},
    'histories': {},
    'recognizers': {'nearest_neighbor': {}},
  }
  history = {
    'attacks': {'large': PGD},
    'histories': {'half': {'clean': 0.5, 'large': 0.5}},
    'noise_control': False,
    'saved': {'x': ({'name': 'jpeg', 'quality': 75},)},
  }
  runs = {'baseline': base, 'mixed': base | history}
  return {'runs': runs, 'left_out': ('Nothing else.',)}


@pytest.fixture(scope='module')
def done(config, tmp_path_factory):
  """A finished study and its records."""
  found = study.Study(config, tmp_path_factory.mktemp('study'), None)
  study.make_all(found, [])
  return found, study_page.write(found)


def _left(found, only=()):
  return [r.name for r in study.choose(found, only) if not found.is_done(r)]


def test_records_of_all_runs_are_on_one_page_each_once(done):
  found, gathered = done
  rows = [(r['attack'], r['network']) for r in gathered.protection]
  versions = (
    *('none', 'pgd', 'noise', 'noise', 'pgd', 'noise', 'noise'),
    *('pgd', 'history'),  # of the second run: saved, and mixed
  )
  expected = [(v, n) for v in versions for n in ('mobileface', 'pixels')]
  assert rows == expected
  own = [r for r in gathered.protection if 'embedding_map' in r]
  assert [(r['epsilon'], r['network']) for r in own] == [
    (2 / 255, 'mobileface'),
    (8 / 255, 'mobileface'),
  ]
  beside = [
    (r.get('control'), r.get('saved'))
    for r in gathered.protection
    if r['network'] == 'pixels' and r['epsilon'] == 8 / 255
  ]
  assert beside == [
    *((None, None), ('spectrum', None), ('another', None)),
    (None, 'x'),
  ]
  # A record that two runs have is the first one's, with its noise control.
  assert own[1]['noise_protection_rate'] is not None
  page = (found.workdir / 'report.html').read_text()
  assert 'Nothing else.' in page
  assert 'Networks without weights here: arcface_r50' in page
  # Pictures of either cloak, once.
  assert page.count('data:image/png;base64,') == 2
  assert own[0]['embedding_map'] != own[1]['embedding_map']
  durations = (found.workdir / 'runs.md').read_text()
  assert all(f'| {n} ' in durations for n in ('baseline', 'mixed', 'all'))
  # The cloak that both runs need was made once.
  assert len(list((found.workdir / 'cloaks').iterdir())) == 2


@pytest.mark.parametrize('config_name', ['study', 'study_lfw'])
@pytest.mark.parametrize('arg', [None, 'smoke', 'seed=1'])
def test_every_run_can_be_run(config_name, arg, root, tmp_path):
  path = root / 'experiments' / 'configs' / f'{config_name}.py'
  runs = runpy.run_path(str(path))['get_config'](arg).to_dict()['runs']
  for name, chosen in runs.items():
    assert study._run_of(name, chosen, runs, tmp_path, {}).name == name
  if arg != 'smoke':
    trained = runs['moves']['adversaries']
    tuned = trained['adaptive_tuned']
    assert tuned['training_seeds'] == 3
    assert tuned.get('surrogates', ('mobilefacenet_tf',)) == tuned['networks']


def test_what_sets_records_apart_stays():
  one = {'attack': 'none', 'adversary': 'adaptive', 'recognizer': 'linear'}
  named = one | {'recipe': 'weak'}
  tuned = one | {'adversary': 'adaptive, tuned', 'kind': 'adaptive'}
  later = one | {'seed': 1}
  kept = study_page._distinct([one, named, tuned, later])
  assert list(kept) == [one, named, tuned]


def test_what_is_done_is_not_done_again(done, config):
  found, _ = done
  again = study.Study(config, found.workdir, None)
  assert _left(again) == []
  text = (found.workdir / 'records.jsonl').read_bytes()
  study.make_all(again, [])
  study_page.write(again)
  assert (found.workdir / 'records.jsonl').read_bytes() == text


def test_a_damaged_record_is_made_again_with_its_run_alone(done, config):
  found, gathered = done
  path = found.workdir / 'mixed' / 'records.jsonl'
  path.write_bytes(path.read_bytes()[:-9])
  again = study.Study(config, found.workdir, None)
  assert _left(again) == ['mixed']
  assert study_page.write(again).skipped == ['Runs not made yet: mixed.']
  study.make_all(again, [])
  rates = lambda s: [r['protection_rate'] for r in s.protection]
  assert rates(study_page.write(again)) == rates(gathered)


@pytest.mark.parametrize(
  'note',
  ['[]', '5', '{}', '{"seconds": [1]}', '[' * 99_999, '{"seconds": 1e999}'],
)
def test_an_odd_note_is_none(tmp_path, note):
  place, run = SimpleNamespace(workdir=tmp_path), SimpleNamespace(name='a')
  (tmp_path / 'a').mkdir()
  (tmp_path / 'a' / 'done.json').write_text('{"seconds": 1.5}')
  assert study.Study.note(place, run) == {'seconds': 1.5}
  (tmp_path / 'a' / 'done.json').write_text(note)
  assert study.Study.note(place, run) == {}


def test_a_key_is_of_what_a_run_depends_on(done, config, monkeypatch):
  found, _ = done
  changed = copy.deepcopy(config)
  changed['left_out'] = ()
  changed['runs']['mixed']['histories'] = {'half': {'large': 1.0}}
  assert _left(study.Study(changed, found.workdir, None)) == ['mixed']
  with monkeypatch.context() as patch:
    patch.setattr(stages, 'RECORDS', 99)
    assert _left(found) == ['baseline', 'mixed']
  load = inputs.load

  def load_another_pixel(*args):
    people = load(*args)
    faces = people.protocol.faces
    images = faces.images.copy()
    images[-1, 0, 0, 0] ^= 1
    faces = dataclasses.replace(faces, images=images)
    protocol = dataclasses.replace(people.protocol, faces=faces)
    return people._replace(protocol=protocol)

  monkeypatch.setattr(inputs, 'load', load_another_pixel)
  other = study.Study(config, found.workdir, None)
  assert _left(other) == ['baseline', 'mixed']


def test_a_process_leaves_what_another_one_is_at(config, tmp_path, capsys):
  found = study.Study(config, tmp_path, None)
  with locks.held(tmp_path / 'baseline'), locks.held(tmp_path / 'mixed'):
    study.make_all(found, [])
  printed = capsys.readouterr().out
  assert 'baseline: another process is at it' in printed
  assert _left(found) == ['baseline', 'mixed']


def test_a_network_is_trained_before_it_is_tried(smoke, tmp_path):
  found = study.Study(smoke, tmp_path, None)
  names = [run.name for run in study.choose(found, ['tried_arcface'])]
  assert names == ['trained_arcface', 'tried_arcface']
  tried = found.runs['tried_arcface'].config['extractor']['checkpoint']
  assert tried == str(tmp_path / 'trained_arcface' / 'checkpoints')
  key = found.key(found.runs['tried_arcface'])
  found.runs['trained_arcface'].config['training']['seed'] = 1
  assert found.key(found.runs['tried_arcface']) != key


def test_a_dry_run_lists_what_would_run(done, config, tmp_path, capsys):
  study.dry_run(study.Study(config, tmp_path, None), ['mixed'])
  assert capsys.readouterr().out == (
    '      ? s  mixed\n1 of 2 runs are not there\n'
  )
  assert not any(tmp_path.iterdir())
  changed = copy.deepcopy(config)
  changed['runs']['mixed']['seed'] = 1
  study.dry_run(study.Study(changed, done[0].workdir, None), [])
  (line, total) = capsys.readouterr().out.splitlines()
  # How long it took with other settings.
  assert line.endswith(' s  mixed') and '?' not in line
  assert total == '1 of 2 runs are not there'


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'program': 'poison'}, "config.runs.mixed.program: 'poison'"),
    ({'num_protected': 9}, 'config.runs.mixed.num_protected: 9 of 8'),
    ({'dataset': 'lfw'}, "config.runs.mixed.dataset: 'lfw' is unknown; .*orl"),
    (
      {'extractor': {'checkpoint': 'arcface'}},
      "config.runs.mixed.extractor.checkpoint: 'arcface'",
    ),
    (
      {'program': 'distractors', 'num_distractors': (), 'histories': {}},
      'config.runs.mixed.num_distractors: empty',
    ),
  ],
)
def test_bad_settings_are_named(config, tmp_path, change, message):
  changed = copy.deepcopy(config)
  changed['runs']['mixed'] |= change
  with pytest.raises(InputError, match=message):
    study.Study(changed, tmp_path, None)
  assert not any(tmp_path.iterdir())


@pytest.mark.parametrize('name', ['Mixed', 'Cloaks', 'report.html', '../x', ''])
def test_every_run_has_a_folder_of_its_own(config, tmp_path, name):
  runs = config['runs'] | {name: config['runs']['mixed']}
  with pytest.raises(InputError, match='^config.runs: .* (one|no name of a) f'):
    study.Study(config | {'runs': runs}, tmp_path, None)


def test_what_else_is_in_its_folder_is_no_run_s(done):
  found, _ = done
  own = {path.name for path in found.workdir.iterdir()} - found.runs.keys()
  own = {name for name in own if not name.startswith('heat_map_')}
  assert own <= set(study._OURS) and 'cloaks' in own


def test_only_has_to_be_a_run(done):
  with pytest.raises(InputError, match="--only: 'mixt' is unknown; runs: base"):
    study.choose(done[0], ['mixt'])


def test_the_command_prints_where_the_page_is(smoke, here, tmp_path):
  tiny = smoke['runs']['baseline'] | {
    **{'num_people': 8, 'num_public': 0, 'num_targets': 2},
    **{'networks': ('pixels',), 'surrogates': (), 'attacks': {}},
    'histories': {},
  }
  folder = tmp_path / 'out'
  printed = here(study, smoke | {'runs': {'tiny': tiny}}, folder)
  assert 'tiny: ' in printed and '1 records' in printed
  assert f'See {folder}/report.html' in printed
  assert (folder / 'report.html').exists()
