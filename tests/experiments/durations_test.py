"""How long a config takes, as its head says, is what its record says."""

import ast
import json
import pathlib
import re

import evaluate
import pytest
import run_clock

from fr_poison.report import record_file

CONFIGS = sorted(
  (pathlib.Path(evaluate.__file__).parent / 'configs').glob('*.py')
)
UNKNOWN = 'How long this takes is not recorded.'
STATED = re.compile(
  r'The run took ([\d,]+) seconds(?: on ([^()]+(?: \(.*?\)[^()]*)?))? '
  r'\((docs/[\w/.]+)[,)]'
)
# Of one picture: TIP-IM's, of five people with ten pictures each.
PICTURE = re.compile(r'(\d+) seconds of a core a picture')
OTHERS = re.compile(r'\b(?:seconds|minutes?|hours?|took)\b')


def _words(path):
  """What a file says in its docstring, its comments and its texts."""
  return ' '.join(re.sub(r"'\n\s*'|\n\s*#?", ' ', path.read_text()).split())


def _recorded(path):
  """Seconds and machine, as far as a file says them."""
  if path.suffix == '.md':
    return int(re.search(r'\| all\s+\|\s+(\d+) \|', path.read_text())[1]), None
  rows = [json.loads(line) for line in path.read_text().splitlines()]
  if 'device' in rows[0]:
    return rows[0].get('run_seconds'), rows[0]['device']
  return rows[-1].get('seconds'), None  # of a training, each since its start


def sentence(path, root):
  """What a config's head has to say of a record."""
  seconds, device = _recorded(path)
  machine = f' on {device}' if device else ''
  where = path.relative_to(root)
  return f'The run took {seconds:,.0f} seconds{machine} ({where}'


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_a_config_says_what_was_measured(path, root):
  head = ' '.join(ast.get_docstring(ast.parse(path.read_text())).split())
  record = root / 'docs' / path.stem / 'records.jsonl'
  is_recorded = record.exists() and _recorded(record)[0]
  if is_recorded:
    assert sentence(record, root) in head
  else:
    stated = STATED.search(head)
    assert bool(stated) != (UNKNOWN in head)
    if stated:
      assert sentence(root / stated[3], root) in head
  rest = STATED.sub('', PICTURE.sub('', _words(path)))
  assert not OTHERS.search(rest)


def test_a_picture_of_tip_im_takes_what_configs_say(root):
  found = record_file.read(root / 'docs' / 'cells' / 'records.jsonl')
  least = min(r['wall_seconds'] for r in found if r['attack'] == 'tip_im')
  said = [x for path in CONFIGS for x in PICTURE.findall(_words(path))]
  assert said and set(said) == {f'{least / 50:.0f}'}


def test_a_clock_runs_from_an_empty_folder(tmp_path, monkeypatch):
  times = iter((10.0, 12.34, 20.0))
  monkeypatch.setattr(run_clock.time, 'monotonic', lambda: next(times))
  folder = tmp_path / 'out'
  seconds = run_clock.start(folder, tmp_path)
  folder.mkdir()
  assert seconds() == 2.3
  (folder / 'cloaks').mkdir()
  # What was there was made in seconds that nobody counted.
  assert run_clock.start(tmp_path / 'none', folder)() is None
