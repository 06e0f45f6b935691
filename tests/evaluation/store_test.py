"""Cloaks that are kept are what was written, or are made again."""

import json

import numpy as np
import pytest
import toy_network

from fr_poison import strict_json
from fr_poison.data import decode
from fr_poison.evaluation.store import Kept

IMAGES = toy_network.pictures(np.arange(2))
PATHS = 's1/a.pgm', 's1/b.pgm'


@pytest.fixture
def kept(tmp_path):
  return Kept(tmp_path / 'new' / 'lowkey-net', 's1', 20 * 'ab', PATHS)


def test_a_cloak_folder_is_complete_or_not_there(kept, tmp_path, caplog):
  assert kept.folder == tmp_path / 'new' / 'lowkey-net' / 's1-abababababababab'
  with pytest.raises(ValueError):
    kept.save(IMAGES[:1], {})  # dies half-way
  assert not kept.folder.exists() and kept.load() is None
  assert not list(kept.folder.parent.iterdir())
  kept.save(IMAGES, {'seconds': 1.0})
  names = sorted(p.name for p in kept.folder.iterdir())
  assert names == ['a.png', 'b.png', 'cloaks.json']
  np.testing.assert_array_equal(kept.load()[0], IMAGES)
  # Who comes second leaves what is there.
  assert kept.save(255 - IMAGES, {'seconds': 2.0})[1]['seconds'] == 1.0
  assert not caplog.messages


def _exchange(folder):
  a, b = folder / 'a.png', folder / 'b.png'
  a.rename(folder / 't')
  b.rename(a)
  (folder / 't').rename(b)
  return 'a.png: altered (SHA-256)'


def _another_size(folder):
  decode.write_png(folder / 'b.png', IMAGES[1, :3, :3])
  return 'b.png: altered (SHA-256)'


def _empty(folder):
  (folder / 'b.png').write_bytes(b'')
  return 'b.png: altered (SHA-256)'


def _missing(folder):
  (folder / 'b.png').unlink()
  return 'b.png: No such file'


def _older_version(folder):
  note = strict_json.unsealed((folder / 'cloaks.json').read_bytes())
  del note['sums']
  text = strict_json.dumps(strict_json.sealed(note))
  (folder / 'cloaks.json').write_text(text)
  return 'cloaks.json: has no sums'


def _of_other_inputs(folder):
  note = strict_json.unsealed((folder / 'cloaks.json').read_bytes())
  text = strict_json.dumps(strict_json.sealed(note | {'key': 20 * 'cd'}))
  (folder / 'cloaks.json').write_text(text)
  return 'cloaks.json: of other inputs'


def _another_number(folder):
  path = folder / 'cloaks.json'
  path.write_text(path.read_text().replace('"seconds":1', '"seconds":2'))
  return 'cloaks.json: altered'


def _no_sum_of_itself(folder):
  path = folder / 'cloaks.json'
  path.write_text(json.dumps(strict_json.unsealed(path.read_bytes())))
  return 'cloaks.json: damaged'


DAMAGES = [
  *(_exchange, _another_size, _empty, _missing, _older_version),
  *(_of_other_inputs, _another_number, _no_sum_of_itself),
]


@pytest.mark.parametrize('damage', DAMAGES)
def test_what_is_damaged_is_made_again_and_that_is_said(kept, caplog, damage):
  kept.save(IMAGES, {'seconds': 1.0})
  reason = damage(kept.folder)
  assert kept.load() is None
  (message,) = caplog.messages
  assert reason in message and str(kept.folder) in message
  assert message.endswith('; made again')
  assert kept.save(IMAGES, {'seconds': 2.0})[1]['seconds'] == 2.0
  np.testing.assert_array_equal(kept.load()[0], IMAGES)
  assert len(caplog.messages) == 1


def test_nobody_else_looks_inside(kept, tmp_path):
  kept.save(IMAGES, {})
  theirs = tmp_path / 'theirs'
  theirs.mkdir(mode=0o755)
  other = Kept(theirs, 's1', 20 * 'ab', PATHS)
  other.save(IMAGES, {})
  made = kept.folder.parent, kept.folder, other.folder
  assert [folder.stat().st_mode & 0o777 for folder in made] == [0o700] * 3
  assert theirs.stat().st_mode & 0o777 == 0o755
