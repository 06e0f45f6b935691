import logging
import shutil

import full_disk
import jax.numpy as jnp
import numpy as np
import pytest

from fr_poison import sums
from fr_poison.checkpoints import Checkpoints, read
from fr_poison.types import InputError

TARGET = {'w': np.zeros(4)}


def _state(value):
  return {'w': np.full(4, float(value))}


def _numbers(path):
  return sorted(p.name for p in path.iterdir())


def _damage(step):
  (step / '_METADATA').write_bytes(b'')


def test_relative_folders_are_of_the_moment_they_were_named(
  tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  checkpoints = Checkpoints('deep/run')
  assert checkpoints.latest() is None
  assert not (tmp_path / 'deep').exists()
  (tmp_path / 'elsewhere').mkdir()
  monkeypatch.chdir('elsewhere')
  checkpoints.save(0, _state(0))
  assert checkpoints.latest() == 0
  assert _numbers(tmp_path / 'deep' / 'run') == ['0']
  assert read('../deep/run')[0]['w'].tolist() == [0] * 4


def test_keeps_the_newest_verified_steps(tmp_path):
  checkpoints = Checkpoints(tmp_path, keep=2)
  for step in (1, 2, 10):
    checkpoints.save(step, _state(step))
  assert _numbers(tmp_path) == ['10', '2']
  # A damaged step does not count, so 2 stays; once there are two, both go.
  _damage(tmp_path / '10')
  checkpoints = Checkpoints(tmp_path, keep=2)
  assert checkpoints.latest() == 2
  checkpoints.save(11, _state(11))
  assert _numbers(tmp_path) == ['10', '11', '2']
  checkpoints.save(12, _state(12))
  assert _numbers(tmp_path) == ['11', '12']
  _damage(tmp_path / '12')  # after it was written and verified
  assert checkpoints.latest() == 11
  checkpoints.save(13, _state(13))
  assert _numbers(tmp_path) == ['11', '12', '13']


def test_an_old_step_goes_only_when_the_new_one_is_there(tmp_path, monkeypatch):
  checkpoints = Checkpoints(tmp_path, keep=1)
  checkpoints.save(1, _state(1))
  with monkeypatch.context() as patch:
    patch.setattr(sums, 'of_file', _full)
    with pytest.raises(InputError):
      checkpoints.save(2, _state(2))
  assert checkpoints.restore(TARGET)[0] == 1


def _full(*args, **settings):
  raise OSError(28, 'No space left on device')


def test_a_step_of_another_training_is_not_gone_on_with(tmp_path):
  of = lambda name, **description: Checkpoints(
    tmp_path / name, description=description
  )
  of('a', seed='A', rate={'x': 1}).save(8, _state(1))
  of('b', seed='B', rate={'x': 1}).save(9, _state(2))
  shutil.copytree(tmp_path / 'b' / '9', tmp_path / 'a' / '9')
  reason = r"a/9: of another training \(seed 'B', now 'A'\); choose another"
  with pytest.raises(InputError, match=reason):
    of('a', seed='A', rate={'x': 1}).restore(TARGET)
  reason = r'\(rate.x 1, now None; rate.y None, now 1\)'
  with pytest.raises(InputError, match=reason):
    of('b', seed='B', rate={'y': 1}).restore(TARGET)
  assert _numbers(tmp_path / 'a') == ['8', '9']  # Nothing was touched.
  assert of('b', seed='B', rate={'x': 1}).restore(TARGET)[0] == 9
  assert Checkpoints(tmp_path / 'a').restore(TARGET)[0] == 9  # any


def test_what_a_killed_save_did_not_delete_goes_later(tmp_path):
  checkpoints = Checkpoints(tmp_path, keep=3)
  for step in range(3):
    checkpoints.save(step, _state(step))
  _damage(tmp_path / '2')
  checkpoints = Checkpoints(tmp_path, keep=1)
  assert checkpoints.latest() == 1
  assert _numbers(tmp_path) == ['0', '1', '2']  # to look deletes nothing
  checkpoints.delete_old()
  assert _numbers(tmp_path) == ['1', '2']


def test_a_failed_save_is_one_line_and_can_be_tried_again(
  tmp_path, monkeypatch
):
  checkpoints = Checkpoints(tmp_path)
  with monkeypatch.context() as patch:
    patch.setattr(sums, 'of_file', _full)
    with pytest.raises(InputError) as error:
      checkpoints.save(1, _state(1))
  assert str(error.value) == (
    f'{tmp_path}: step 1 could not be saved '
    '([Errno 28] No space left on device)'
  )
  assert checkpoints.latest() is None
  checkpoints.save(1, _state(1))
  assert _numbers(tmp_path) == ['1']


def test_a_full_disk_leaves_the_step_before(tmp_path, capfd):
  noise = np.random.default_rng(0).standard_normal(100_000)
  checkpoints = Checkpoints(tmp_path)
  checkpoints.save(1, _state(1))
  checkpoints.save(2, {'w': noise})
  with full_disk.after(100_000):
    with pytest.raises(InputError, match='step 3 could not be saved'):
      checkpoints.save(3, {'w': noise})
  assert _numbers(tmp_path) == ['1', '2']
  assert checkpoints.restore({'w': noise})[0] == 2
  checkpoints.save(3, {'w': noise})
  assert _numbers(tmp_path) == ['1', '2', '3']
  assert capfd.readouterr() == ('', '')


def test_steps_only_grow_and_damaged_ones_are_replaced(tmp_path, caplog):
  checkpoints = Checkpoints(tmp_path)
  checkpoints.save(4, _state(4))
  checkpoints.save(jnp.int32(5), _state(5))  # as in a train state
  for step in (5, 3):
    with pytest.raises(InputError, match=f'step: {step} is not new, .* has'):
      checkpoints.save(step, _state(0))
  for step in (-1, 2**31):
    with pytest.raises(InputError, match='step: .*a whole number from 0'):
      checkpoints.save(step, _state(0))
  _damage(tmp_path / '5')
  checkpoints = Checkpoints(tmp_path)
  assert checkpoints.restore(TARGET)[0] == 4
  checkpoints.save(5, _state(50))
  assert checkpoints.restore(TARGET)[1]['w'][0] == 50
  assert 'damaged step 5 replaced' in caplog.text
  checkpoints = Checkpoints(tmp_path)
  assert checkpoints.latest() == 5
  _damage(tmp_path / '4')
  _damage(tmp_path / '5')
  with pytest.raises(InputError, match='no step is intact'):
    checkpoints.latest()
  checkpoints.save(5, _state(5))  # anew, but because the caller says so
  assert checkpoints.latest() == 5


@pytest.mark.parametrize(
  'settings, reason',
  [
    ({'keep': 0}, 'keep: 0; a whole number'),
    ({'description': {'a': float('nan')}}, 'description: not JSON'),
    ({'description': {'a': np.zeros(1)}}, 'description: not JSON'),
  ],
)
def test_refuses_bad_settings(tmp_path, settings, reason):
  with pytest.raises(InputError, match=reason):
    Checkpoints(tmp_path, **settings)


def test_refuses_places_it_cannot_use(tmp_path):
  (tmp_path / 'file').write_bytes(b'')
  for path, reason in (
    (tmp_path / 'file', 'file: Not a directory'),
    (tmp_path / 'file' / 'run', 'run: Not a directory'),
    (tmp_path / ('x' * 300), 'xx: File name too long'),
  ):
    for use in (Checkpoints, read):
      with pytest.raises(InputError, match=reason):
        use(path)
  checkpoints = Checkpoints(tmp_path / 'later')
  (tmp_path / 'later').write_bytes(b'')
  with pytest.raises(InputError, match='later: not a folder'):
    checkpoints.save(1, _state(1))


def test_is_quiet_and_leaves_nothing_else_behind(tmp_path, capfd, caplog):
  caplog.set_level(logging.WARNING)
  checkpoints = Checkpoints(tmp_path)
  checkpoints.save(1, _state(1))
  checkpoints.restore(TARGET)
  shutil.rmtree(tmp_path / '1')
  assert _numbers(tmp_path) == []
  assert not caplog.records
  assert capfd.readouterr() == ('', '')
