"""Whatever happens to the files of a step: never silently another state."""

import json
import shutil

import numpy as np
import pytest

from fr_poison import saved_step
from fr_poison.checkpoints import Checkpoints, read
from fr_poison.types import InputError

TARGET = {'params': np.zeros((64, 64), np.float32)}


def _state(seed):
  rng = np.random.default_rng(seed)
  return {'params': rng.standard_normal((64, 64), np.float32)}


@pytest.fixture(scope='module')
def pristine(tmp_path_factory):
  folder = tmp_path_factory.mktemp('pristine')
  checkpoints = Checkpoints(folder, description={'net': 'toy'})
  for step in (1, 2):
    checkpoints.save(step, _state(step))
  return folder


@pytest.fixture
def folder(pristine, tmp_path):
  return shutil.copytree(pristine, tmp_path / 'run')


def _restore(folder):
  checkpoints = Checkpoints(folder)
  step, state = checkpoints.restore(TARGET)
  np.testing.assert_array_equal(state['params'], _state(step)['params'])
  return step


def _files(step):
  return sorted(p for p in step.rglob('*') if p.is_file())


def _flip(path, position, bit):
  data = bytearray(path.read_bytes())
  data[position] ^= 1 << bit
  path.write_bytes(data)


def test_no_flipped_bit_in_any_file_is_ever_loaded(folder):
  rng = np.random.default_rng(0)
  places = []
  for path in _files(folder / '2'):
    size = path.stat().st_size
    count = 12 if path.name == saved_step.MANIFEST else 4
    places += [(path, p) for p in np.linspace(0, size - 1, count).astype(int)]
  assert len(places) >= 40
  for path, position in places:
    intact = path.read_bytes()
    _flip(path, position, rng.integers(8))
    checkpoints = Checkpoints(folder)
    assert checkpoints.latest() == 1, (path, position)
    path.write_bytes(intact)
  assert _restore(folder) == 2


@pytest.mark.parametrize(
  'old, new',
  [
    ('"toy"', '"toz"'),
    ('"params"', '"parals"'),
    ('"shape": [\n    64', '"shape": [\n    65'),
    ('"float32"', '"int32"'),
    ('"jax"', '"jay"'),
  ],
)
def test_what_the_manifest_says_is_vouched_for(folder, caplog, old, new):
  path = folder / '2' / saved_step.MANIFEST
  text = path.read_text()
  assert old in text
  path.write_text(text.replace(old, new))
  assert _restore(folder) == 1
  assert 'manifest.json altered' in caplog.text


def test_a_manifest_that_reads_the_same_is_the_same(folder):
  path = folder / '2' / saved_step.MANIFEST
  path.write_text(json.dumps(json.loads(path.read_text())))
  assert _restore(folder) == 2


def _largest(step):
  files = [path for path in _files(step) if path.name != saved_step.MANIFEST]
  return max(files, key=lambda path: path.stat().st_size)


def _truncate(folder):
  path = _largest(folder / '2')
  path.write_bytes(path.read_bytes()[:-1])
  return f'{path.name} has 1'


def _empty(folder):
  path = folder / '2' / '_METADATA'
  path.write_bytes(b'')
  return '_METADATA has 0 bytes, expected'


def _remove(folder):
  (folder / '2' / 'manifest.ocdbt').unlink()
  return 'manifest.ocdbt missing'


def _add(folder):
  (folder / '2' / 'd' / 'new').write_bytes(b'')
  return 'd/new unexpected'


def _take_from_another_step(folder):
  a, b = (folder / s / '_METADATA' for s in '12')
  b.write_bytes(a.read_bytes().replace(b'custom', b'cu5tom'))
  return '_METADATA altered (SHA-256)'


def _take_manifest_of_another_step(folder):
  shutil.copy(folder / '1' / saved_step.MANIFEST, folder / '2')
  return 'manifest.json is of step 1'


def _remove_manifest(folder):
  (folder / '2' / saved_step.MANIFEST).unlink()
  return 'manifest.json missing'


def _wrong_kind_of_manifest(folder):
  (folder / '2' / saved_step.MANIFEST).write_text('[' * 100_000)
  return 'manifest.json unreadable'


def _link(folder):
  path = folder / '2' / '_METADATA'
  path.unlink()
  path.symlink_to('nowhere')
  return 'step is damaged'


def _forge(step, **changes):
  """Another manifest whose sum is right."""
  path = step / saved_step.MANIFEST
  body = json.loads(path.read_text()) | changes
  del body['sha256']
  path.write_text(json.dumps(body | {'sha256': saved_step._digest(body)}))


def _later_format(folder):
  _forge(folder / '2', format=2)
  return 'manifest.json has format 2'


DAMAGES = [
  _truncate,
  _empty,
  _remove,
  _add,
  _take_from_another_step,
  _take_manifest_of_another_step,
  _remove_manifest,
  _wrong_kind_of_manifest,
  _link,
  _later_format,
]


@pytest.mark.parametrize('damage', DAMAGES)
def test_falls_back_and_says_why(folder, caplog, damage):
  reason = damage(folder)
  assert _restore(folder) == 1
  assert len(caplog.records) == 1
  message = caplog.messages[0]
  assert str(folder / '2') in message and reason in message
  assert message.endswith('going on with step 1')
  np.testing.assert_array_equal(read(folder)[0]['params'], _state(1)['params'])


def test_a_renamed_step_is_damage(folder, caplog):
  (folder / '1').rename(folder / '3')
  assert _restore(folder) == 2
  assert 'manifest.json is of step 1' in caplog.text


def test_never_starts_anew_where_only_damage_is_left(folder):
  _empty(folder)
  _flip(_largest(folder / '1'), 5, 0)
  checkpoints = Checkpoints(folder)
  for use in (
    checkpoints.latest,
    lambda: checkpoints.restore(TARGET),
    lambda: read(folder),
  ):
    with pytest.raises(InputError, match='no step is intact') as error:
      use()
    message = str(error.value)
    assert '_METADATA has 0 bytes' in message and 'SHA-256' in message
    assert '\n' not in message


def test_a_step_asked_for_is_not_replaced_by_another(folder):
  _empty(folder)
  with pytest.raises(InputError, match='2: step is damaged: _METADATA has 0'):
    read(folder / '2')


def test_one_step_can_be_moved_anywhere_and_read(folder, tmp_path):
  moved = shutil.move(folder / '2', tmp_path / 'network')
  params, description = read(moved)
  np.testing.assert_array_equal(params['params'], _state(2)['params'])
  assert description == {'net': 'toy'}


def test_leftovers_are_no_steps_and_go_at_the_next_save(folder):
  leftovers = '9', '8.unverified', '7.unverified.orbax-checkpoint-tmp'
  for name in (*leftovers, '6.orbax-checkpoint-tmp-123', '007', 'notes'):
    (folder / name).mkdir()
  for name in ('8.unverified', '6.orbax-checkpoint-tmp-123', '007', 'notes'):
    shutil.copytree(folder / '1', folder / name, dirs_exist_ok=True)
  assert _restore(folder) == 2
  checkpoints = Checkpoints(folder)
  checkpoints.save(3, _state(3))
  assert sorted(p.name for p in folder.iterdir()) == [
    *('007', '1', '2', '3', 'notes'),
  ]


def test_a_folder_of_leftovers_holds_nothing(tmp_path):
  (tmp_path / '5').mkdir()
  (tmp_path / '5.unverified').mkdir()
  assert Checkpoints(tmp_path).restore(TARGET) is None
  for path in (tmp_path, tmp_path / '5', tmp_path / 'none'):
    with pytest.raises(InputError, match='holds no checkpoint'):
      read(path)


def _array(*shape):
  return {'shape': shape, 'dtype': 'float32'}


@pytest.mark.parametrize(
  'arrays, reason',
  [
    ({'params': _array(8, 8)}, r'unreadable here.*float32\[64, 64\]'),
    ({'params': _array(64, 64), 'b': _array(1)}, "unreadable here.*'b'"),
    ({'params': _array(10**9, 10**9)}, '4000000000000000000 bytes of arrays'),
    ({'params': _array(1), 'params/w': _array(1)}, 'is a leaf and holds'),
    ({'params': _array('64', 64)}, 'manifest.json damaged'),
    ({'params': _array(-64, -64)}, 'manifest.json damaged'),
    ({'params': {'shape': [64, 64]}}, 'manifest.json damaged'),
    ({'params': {'shape': [64], 'dtype': 'no'}}, 'manifest.json damaged'),
    ([], 'manifest.json damaged'),
  ],
)
def test_a_manifest_that_lies_of_arrays_is_one_line(folder, arrays, reason):
  _forge(folder / '2', arrays=arrays)
  with pytest.raises(InputError, match=reason) as error:
    read(folder / '2')
  assert '\n' not in str(error.value)


def test_zeros_take_no_memory_that_nobody_asked_for(tmp_path, monkeypatch):
  # They have next to no bytes on disk, however many there are.
  zeros = {'params': np.zeros((2000, 2000), np.float32)}
  Checkpoints(tmp_path).save(1, zeros)
  size = sum(path.stat().st_size for path in _files(tmp_path))
  assert size < 160_000
  refuse = lambda *args: pytest.fail('read')
  with monkeypatch.context() as patch:
    patch.setattr(saved_step, '_checkpointer', refuse)
    with pytest.raises(InputError, match='16000000 bytes of arrays in '):
      read(tmp_path)
    with pytest.raises(InputError, match='another architecture'):
      Checkpoints(tmp_path).restore(TARGET)
  # Whoever asks for as many has them.
  found = Checkpoints(tmp_path).restore(zeros)[1]
  np.testing.assert_array_equal(found['params'], zeros['params'])
