"""A tool's cloaks of a standard's test people, from a folder of files."""

import json

import evaluate
import numpy as np
import pytest
import standard_cloaks
from configs import lfw, my_cloaks
from PIL import Image

from fr_poison import keys
from fr_poison.data import standard
from fr_poison.types import InputError

TOOL = 'mine 1.0, mode high'


@pytest.fixture(scope='module')
def lfw_dir(tmp_path_factory):
  """LFW in little: 2 people who are tested, 4 others, 10 pictures each."""
  root, rng = tmp_path_factory.mktemp('lfw'), np.random.default_rng(0)
  for name in ('Ann', 'Bob', 'Dan', 'Eve', 'Fay', 'Gil'):
    (root / name).mkdir()
    base = rng.integers(40, 200, (8, 8, 3), np.uint8)
    for j in range(10):
      codes = base + rng.integers(0, 30, (8, 8, 3), np.uint8)
      large = Image.fromarray(codes).resize((112, 112))
      large.save(root / name / f'{name}_{j + 1:04}.jpg', quality=95)
  return root


@pytest.fixture
def frozen(lfw_dir, monkeypatch, tmp_path_factory):
  roles = {'Ann': 'test', 'Bob': 'test', 'Dan': 'tuning', 'Gil': 'stranger'}
  rows = [
    (
      roles.get(path.parent.name, 'public'),
      path.name,
      keys.of_bytes(path.read_bytes())[:16],
    )
    for path in sorted(lfw_dir.glob('*/*.jpg'))
  ]
  mine = standard.Standard('fr_poison-lfw-1', 'lfw', 'digest', rows)
  monkeypatch.setattr(standard, 'load', lambda name: mine)
  folder = tmp_path_factory.getbasetemp() / 'tfds-standard'
  monkeypatch.setenv('TFDS_DATA_DIR', str(folder))


@pytest.fixture
def cloaked(lfw_dir, tmp_path):
  """Inverted pictures, loose in one folder, as PNG with LowKey's suffix."""
  root = tmp_path / 'B'
  root.mkdir()
  for name in 'Ann', 'Bob':
    for path in (lfw_dir / name).iterdir():
      image = Image.open(path)
      inverted = Image.fromarray(255 - np.asarray(image))
      inverted.save(root / f'{path.stem}_attacked.png')
  return root


def _config(cloaked):
  config = my_cloaks.get_config('standard,smoke').to_dict()
  config |= {'cloaked': str(cloaked), 'tool': TOOL, 'align': 'none'}
  config |= {'networks': ('pixels',), 'num_public': 2, 'num_protected': 2}
  return config


def test_a_tools_row_is_measured_as_the_standards_own(
  frozen, lfw_dir, cloaked, tmp_path
):
  out = tmp_path / 'out'
  evaluate.run(_config(cloaked), out, str(lfw_dir))
  lines = (out / 'records.jsonl').read_text().splitlines()
  clean, cloak = map(json.loads, lines[:2])
  assert clean['attack'] == 'none' and clean['protection_rate'] == 0
  assert cloak['attack'] == 'given' and cloak['tool'] == TOOL
  assert cloak['standard'] == 'fr_poison-lfw-1'
  assert cloak['num_gallery_people'] == 2 + 4
  # An inverted gallery: every probe is nearest to somebody else.
  assert cloak['protection_rate'] == 1
  # The protocol is that of lfw.py, split by split.
  own = lfw.get_config('smoke').to_dict()
  for field in ('num_splits', 'test_fraction', 'seed', 'recognizers'):
    assert _config(cloaked)[field] == own[field]


def test_the_standard_runs_in_little(frozen, little, lfw_dir, tmp_path):
  config = lfw.get_config('smoke').to_dict()
  config |= {'align': 'none', 'num_public': 2, 'num_splits': 2}
  config |= {'networks': ('mobileface',)}
  del config['attacks']['fawkes']
  found = evaluate.run(config, tmp_path, str(lfw_dir))
  made = [r for r in found if r['attack'] == 'lowkey']
  assert [r['relation'] for r in made] == ['white-box']
  assert {r['num_gallery_people'] for r in found} == {2 + 4}


def test_every_picture_needs_its_own_cloak(frozen, lfw_dir, cloaked):
  load = lambda: standard_cloaks.load(
    *standard_cloaks.split_config(_config(cloaked)), str(lfw_dir)
  )
  found = load()
  first = int(np.flatnonzero(found.faces.labels == found.protected[0])[0])
  # Each lies where its original does.
  apart = found.images.astype(int) - (255 - found.faces.images.astype(int))
  assert np.abs(apart).mean() < 2, first
  path = cloaked / 'Bob_0003_attacked.png'
  twin = cloaked / 'Bob_0003_cloaked.png'
  twin.write_bytes(path.read_bytes())
  with pytest.raises(InputError, match='1 of 20 .*Bob_0003.jpg.*has 2 cloaks'):
    load()
  path.unlink()
  twin.unlink()
  with pytest.raises(InputError, match='1 of 20 .*Bob_0003.jpg.*has no cloaks'):
    load()


@pytest.mark.parametrize(
  'field, value, message',
  [
    ('tool', ' ', 'config.tool: missing'),
    ('cloaked', None, 'config.cloaked: missing'),
    ('made_for', ('x',), "config.made_for: 'x' is unknown"),
  ],
)
def test_what_a_row_of_the_standard_needs(field, value, message, tmp_path):
  with pytest.raises(InputError, match=message):
    standard_cloaks.split_config(_config(tmp_path) | {field: value})
