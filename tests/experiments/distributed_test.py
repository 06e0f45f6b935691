"""Two processes of one device each against one process of two."""

import distributed
import hosts
import numpy as np
import programs
import pytest
from absl import flags

from fr_poison import extractors, processes
from fr_poison.types import InputError

# One epoch of 40 pictures in batches of 16, of a little network.
TINY = (
  '--config.network=mobileface',
  '--config.input_size=112',
  '--config.training.num_epochs=1',
  '--config.num_splits=1',
)
PROGRAM = 'train_extractor', 'arcface_from_scratch'


@pytest.fixture
def parse():
  def call(*args):
    flags.FLAGS(['test', *args])

  yield call
  for name in ('distributed', 'coordinator_address', 'num_processes'):
    flags.FLAGS[name].unparse()
  flags.FLAGS['process_id'].unparse()
  flags.FLAGS.unparse_flags()


@pytest.mark.parametrize(
  'args, text',
  [
    (['--process_id=0'], '--coordinator_address: missing'),
    (
      ['--coordinator_address=h:1', '--num_processes=2'],
      '--process_id: missing',
    ),
    (
      ['--coordinator_address=h:1', '--num_processes=2', '--process_id=2'],
      '--process_id: 2; a whole number from 0 to 1 expected',
    ),
    (
      ['--coordinator_address=h:1', '--num_processes=0', '--process_id=0'],
      '--num_processes: 0; a whole number from 1 expected',
    ),
  ],
)
def test_half_a_set_of_flags_is_refused(args, text, parse):
  parse(*args)
  with pytest.raises(InputError, match=text):
    distributed.start()


def test_without_flags_there_is_one_process(parse):
  parse()
  distributed.start()
  called = []
  processes.on_first(lambda: called.append(True))
  assert processes.is_first() and called == [True]


def test_two_processes_train_like_one_with_two_devices(
  little, tmp_path, tmp_path_factory
):
  env = programs.environment(tmp_path_factory, num_devices=2)
  one = programs.start(*PROGRAM, tmp_path / 'one', *TINY, env=env, little=True)
  programs.finish(one)  # first: it prepares the pictures, too
  env = programs.environment(tmp_path_factory, num_devices=1)
  both = hosts.launch(*PROGRAM, f'--workdir={tmp_path / "two"}', *TINY, env=env)
  try:
    first, second = (programs.finish(process) for process in both)
  finally:
    for process in both:
      process.kill()
  assert 'never seen' in first and 'never seen' not in second

  alone, together = (programs.leaves(tmp_path / n) for n in ('one', 'two'))
  assert alone.keys() == together.keys()
  for name, array in alone.items():
    # Only the order in which two devices' gradients are added may differ.
    np.testing.assert_allclose(
      together[name], array, rtol=1e-5, atol=1e-6, err_msg=name
    )
  network = extractors.load(tmp_path / 'two' / 'checkpoints')
  assert network.spec.name == 'mobileface'
