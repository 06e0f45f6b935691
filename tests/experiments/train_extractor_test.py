"""The program, killed and started again; what it refuses; what it leaves."""

import importlib
import json
import pathlib
import signal
import time

import evaluate
import numpy as np
import programs
import pytest
import train_extractor
from configs import arcface_from_scratch, orl

from fr_poison import checkpoints, extractors
from fr_poison.report import record_file
from fr_poison.types import InputError

# 40 pictures in batches of 16: 3 steps an epoch, 12 in all; of a little
# network, see programs.launch.
TINY = (
  '--config.network=mobileface',
  '--config.input_size=112',
  '--config.training.num_epochs=4',
  '--config.num_splits=1',
)


@pytest.fixture(scope='module')
def start(tmp_path_factory):
  env = programs.environment(tmp_path_factory, num_devices=1)

  def run(folder, *args):
    return programs.start(
      'train_extractor',
      'arcface_from_scratch',
      folder,
      *TINY,
      *args,
      env=env,
      little=True,
    )

  return run


@pytest.fixture(scope='module')
def train(start):
  def run(folder, *args, status=0):
    return programs.finish(start(folder, *args), status)

  return run


@pytest.fixture(scope='module')
def done(train, tmp_path_factory):
  """A run that nothing interrupted, and what it printed."""
  folder = tmp_path_factory.mktemp('done')
  return folder, train(folder)


def _metrics(folder):
  lines = (folder / 'metrics.jsonl').read_text().splitlines()
  found = [json.loads(line) for line in lines]
  return [{k: v for k, v in m.items() if k != 'seconds'} for m in found]


def _wait_for(process, folder, pattern):
  """Until `folder` has such a file."""
  while not list(folder.glob(pattern)):
    assert process.poll() is None, process.communicate()[1]
    time.sleep(0.002)


def test_what_it_prints_is_what_evaluate_takes(done, here, little, tmp_path):
  folder, out = done
  metrics = _metrics(folder)
  assert [m['step'] for m in metrics] == [0, 3, 6, 9, 12]
  assert metrics[-1]['loss'] < metrics[1]['loss']  # it learns
  assert f'never seen: {metrics[-1]["eval_accuracy"]:.1%} by' in out
  *_, verification, last = out.splitlines()
  assert verification == (
    f'verification AUC {metrics[-1]["verification_auc"]:.3f}, EER '
    f'{metrics[-1]["verification_eer"]:.1%}, accuracy '
    f'{metrics[-1]["verification_accuracy"]:.1%}'
  )
  flag, path = last.split('=')
  assert flag == '--config.extractor.checkpoint'
  network, (_, description) = extractors.load(path), checkpoints.read(path)
  assert network.spec.name == 'mobileface' and network.input_size == 112
  assert description['adversary'] is None

  config = orl.get_config('smoke')
  config.extractor.checkpoint = path
  with pytest.raises(InputError, match='config.num_public: 0, but') as refused:
    here(evaluate, config.to_dict(), tmp_path)
  assert 'of the pictures that are evaluated, as s' in str(refused.value)
  config.num_public, config.num_protected = 4, 1
  config.networks = ('pixels',)
  here(evaluate, config.to_dict(), tmp_path)
  found = record_file.read(tmp_path / 'records.jsonl')
  (network,) = {r['network'] for r in found} - {'pixels'}
  own = [r for r in found if r['network'] == network]
  assert {r['adversary'] for r in own} == {'baseline', 'oblivious'}
  assert all(r['weights'][network].startswith(network[-8:]) for r in own)


def test_each_config_trains_its_network(done, tmp_path, tmp_path_factory):
  # In a process with one device: of four, none would have triplets.
  env = programs.environment(tmp_path_factory, num_devices=1)
  once = '--config.training.num_epochs=1'
  programs.finish(
    programs.start(
      'train_extractor', 'facenet_from_scratch', tmp_path, once, env=env
    )
  )
  # The other one's are those of a little network; both have the same of theirs.
  for name, folder in (('facenet', tmp_path), ('arcface', done[0])):
    first, *_, last = _metrics(folder)
    assert last['loss'] > 0 and last['held_out_loss'] > 0
    # Triplets have no classes.
    assert ('accuracy' in last) == (name == 'arcface')
    assert last['verification_auc'] != first['verification_auc']
    config = importlib.import_module(f'configs.{name}_from_scratch')
    assert config.get_config('smoke').network == 'arcface_small'
  network = extractors.load(tmp_path / 'checkpoints')
  assert network.spec.name == 'arcface_small' and network.input_size == 32


def test_killed_twice_it_ends_with_the_same_bits(done, start, train, tmp_path):
  # Politely, within an epoch: it saves the step, says so, and exits with 0.
  process = start(tmp_path, '--config.save_every=100')
  _wait_for(process, tmp_path, 'metrics.jsonl')
  while not any(m['step'] for m in _metrics(tmp_path)):
    time.sleep(0.002)
  process.send_signal(signal.SIGTERM)
  out, errors = process.communicate(timeout=120)
  assert process.returncode == 0, errors
  (saved,) = (int(p.name) for p in (tmp_path / 'checkpoints').iterdir())
  assert f'stopped at step {saved} of 12, which is saved in' in out

  # Rudely, in the middle of a save.
  process = start(tmp_path, '--config.save_every=0.1')
  _wait_for(process, tmp_path, 'checkpoints/*.unverified')
  process.kill()
  process.communicate()
  assert process.returncode == -signal.SIGKILL
  assert not (tmp_path / 'checkpoints' / '12').exists()

  assert train(tmp_path) == done[1].replace(str(done[0]), str(tmp_path))
  assert _metrics(tmp_path) == _metrics(done[0])
  ours, whole = programs.leaves(tmp_path), programs.leaves(done[0])
  assert ours.keys() == whole.keys()
  for name, array in ours.items():
    np.testing.assert_array_equal(array, whole[name], name)


def test_a_loss_that_is_not_finite_ends_it(train, little, tmp_path):
  optimizer = '--config.training.optimizer'
  errors = train(
    tmp_path,
    '--config.save_every=0.34',
    f'{optimizer}.learning_rate=1e38',
    f'{optimizer}.warmup=0.5',
    status=2,
  )
  last = errors.splitlines()[-1]
  assert 'the loss is not finite between steps 1 and ' in last
  path = pathlib.Path(last.rpartition('last good checkpoint: ')[2])
  assert path.is_dir() and extractors.load(path).spec.name == 'mobileface'


def _config(**changes):
  """As TINY has it, with other values of some fields."""
  config = arcface_from_scratch.get_config('smoke')
  config.update(network='mobileface', input_size=112, num_splits=1)
  config.training.num_epochs = 4
  config.update_from_flattened_dict(changes)
  return config.to_dict()


@pytest.mark.parametrize(
  'field, value, message',
  [
    ('training.head.name', 'cosface', "head.name 'arcface', now 'cosface'"),
    (
      'num_train_people',
      5,
      r'another architecture.*params/head/centres \(float32\[4, 16\], wanted '
      r'float32\[5, 16\]\)',
    ),
  ],
)
def test_another_training_in_the_folder_is_refused(
  done, here, little, field, value, message
):
  folder, _ = done
  before = (folder / 'metrics.jsonl').read_bytes()
  with pytest.raises(InputError, match=message):
    here(train_extractor, _config(**{field: value}), folder)
  assert (folder / 'metrics.jsonl').read_bytes() == before


def test_a_bad_value_is_one_line_and_no_folder(here, tmp_path):
  with pytest.raises(InputError, match='^config.training.seed: -1; a whole '):
    here(train_extractor, _config(**{'training.seed': -1}), tmp_path / 'new')
  assert not (tmp_path / 'new').exists()
