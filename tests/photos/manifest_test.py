"""Rows are kept while they are true, and only then."""

import hashlib
import json
import os

import pytest

from fr_poison import strict_json
from fr_poison.photos import manifest
from fr_poison.types import InputError

NAMES = {'a.jpg': 'a.png', 'b.jpg': 'b.png', 'c.jpg': 'c.png'}


def _digest(data):
  return hashlib.sha256(data).hexdigest()


@pytest.fixture
def folders(tmp_path):
  """Three pictures with their cloaks and rows."""
  source, output = tmp_path / 'in', tmp_path / 'out'
  source.mkdir()
  output.mkdir()
  lines = []
  for path, name in NAMES.items():
    (source / path).write_bytes(path.encode())
    (output / name).write_bytes(name.encode())
    row = {
      'input': path,
      'output': name,
      'sha256': _digest(name.encode()),
      'input_sha256': _digest(path.encode()),
      'config_hash': 'h',
    }
    lines.append(json.dumps(strict_json.sealed(row)).encode() + b'\n')
  (output / 'manifest.jsonl').write_bytes(b''.join(lines))
  return source, output, lines


def _open(source, output, names=None, config_hash='h'):
  return manifest.Manifest(source, output, names or NAMES, config_hash)


def _text(output):
  return (output / 'manifest.jsonl').read_bytes()


def test_rows_of_a_killed_process_of_several_are_found(folders):
  source, output, lines = folders
  before = _text(output)
  part = output / '.manifest-1.jsonl'
  (output / 'manifest.jsonl').write_bytes(lines[1])
  part.write_bytes(lines[0] + lines[2] + b'{"cut')
  assert list(_open(source, output).rows) == ['b.jpg', 'a.jpg', 'c.jpg']
  assert _text(output) == before and not part.exists()
  part.write_bytes(lines[0])
  manifest.discard(output)  # --overwrite
  assert not list(output.iterdir())


def test_true_rows_are_kept_to_the_byte(folders):
  source, output, lines = folders
  before = (output / 'manifest.jsonl').stat()
  assert list(_open(source, output).rows) == list(NAMES)
  after = (output / 'manifest.jsonl').stat()
  assert (before.st_ino, before.st_mtime_ns) == (
    after.st_ino,
    after.st_mtime_ns,
  )


def test_an_incomplete_last_line_is_cut(folders):
  source, output, lines = folders
  for cut in (1, 10):  # a whole row without its end is not a row, either
    (output / 'manifest.jsonl').write_bytes(b''.join(lines)[:-cut])
    assert list(_open(source, output).rows) == ['a.jpg', 'b.jpg']
    assert _text(output) == b''.join(lines[:2])


def test_rows_that_no_longer_hold_are_dropped(folders):
  source, output, lines = folders
  (output / 'a.png').write_bytes(b'altered')
  (source / 'c.jpg').write_bytes(b'another picture')
  rows = _open(source, output)
  assert list(rows.rows) == ['b.jpg'] and list(rows.orphans) == ['c.png']
  # Made again: noted at once at the end, in order when all is done.
  rows.append(strict_json.loads(lines[0]))
  assert _text(output).startswith(lines[1])
  assert _text(output).endswith(lines[0])
  rows.tidy()
  assert _text(output).startswith(lines[0] + lines[1])


def test_a_picture_that_is_replaced_is_noticed_by_its_bytes(folders):
  source, output, _ = folders
  path = source / 'b.jpg'
  before = path.stat()
  path.write_bytes(path.read_bytes()[::-1])
  os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
  after = path.stat()
  assert (after.st_size, after.st_mtime_ns) == (
    before.st_size,
    before.st_mtime_ns,
  )
  found = _open(source, output)
  assert list(found.rows) == ['a.jpg', 'c.jpg'] and list(found.orphans) == [
    'b.png'
  ]


def test_lost_cloaks_linked_cloaks_and_other_names(folders):
  source, output, _ = folders
  (output / 'a.png').unlink()
  (output / 'b.png').rename(output / 'elsewhere')
  (output / 'b.png').symlink_to(output / 'elsewhere')
  assert list(_open(source, output).rows) == ['c.jpg']
  names = NAMES | {'c.jpg': 'c.jpg.png'}  # c.png has appeared beside it
  rows = _open(source, output, names)
  assert not rows.rows and list(rows.orphans) == ['c.png']


def test_unreadable_pictures_are_tried_again_when_they_change(folders):
  source, output, lines = folders
  row = strict_json.loads(lines[0]) | {'output': None, 'sha256': None}
  unread = row | {'input': 'b.jpg', 'input_sha256': None}  # could not be opened
  text = json.dumps(row) + '\n' + json.dumps(unread) + '\n'
  (output / 'manifest.jsonl').write_text(text)
  assert list(_open(source, output).rows) == ['a.jpg']
  (source / 'a.jpg').write_bytes(b'repaired')
  assert not _open(source, output).rows


def test_pictures_that_are_gone_have_no_row(folders):
  source, output, lines = folders
  (source / 'b.jpg').unlink()
  names = {path: NAMES[path] for path in ('a.jpg', 'c.jpg')}
  assert list(_open(source, output, names).rows) == ['a.jpg', 'c.jpg']
  assert _text(output).startswith(lines[0] + lines[2])
  # Its cloak is still there, and so is what is known of it, run after run.
  for _ in range(2):
    rows = _open(source, output, names)
    assert list(rows.orphans) == ['b.png'] and 'b.jpg' not in rows.rows
    assert rows.orphans['b.png']['status'] == 'orphaned'
    rows.tidy()
  # Altered since, it is somebody's own picture.
  (output / 'b.png').write_bytes(b'retouched')
  assert not _open(source, output, names).orphans
  assert _text(output) == lines[0] + lines[2]


def test_cloaks_left_over_are_deleted_when_asked_for(folders):
  source, output, lines = folders
  (source / 'b.jpg').unlink()
  (source / 'c.jpg').write_bytes(b'another picture')
  names = {path: NAMES[path] for path in ('a.jpg', 'c.jpg')}
  rows = _open(source, output, names)
  assert list(rows.orphans) == ['b.png', 'c.png']
  rows.append(strict_json.loads(lines[2]))  # made again in its place
  rows.delete_orphans()
  rows.tidy()
  assert sorted(x.name for x in output.iterdir()) == [
    'a.png',
    'c.png',
    'manifest.jsonl',
  ]
  assert _text(output) == lines[0] + lines[2]


def test_no_row_has_anything_outside_deleted(folders):
  source, output, lines = folders
  outside = output.parent / 'precious'
  outside.write_bytes(b'precious')
  for name in ('../precious', str(outside), 'a\0b'):
    row = {'input': 'x', 'output': name, 'sha256': _digest(b'precious')}
    row['config_hash'] = 'h'
    lines.append(json.dumps(row).encode() + b'\n')
  (output / 'manifest.jsonl').write_bytes(b''.join(lines))
  rows = _open(source, output)
  assert not rows.orphans
  rows.delete_orphans()
  assert outside.exists()


def test_other_settings_are_refused_and_nothing_is_touched(folders):
  source, output, lines = folders
  other = 'made with other settings or versions; choose'
  with pytest.raises(InputError, match=other):
    _open(source, output, config_hash='other')
  assert _text(output) == b''.join(lines)


def test_another_digit_in_a_row_is_named(folders):
  source, output, lines = folders
  row = json.loads(lines[1]) | {'linf': 0.03}  # sealed without
  for line in (
    json.dumps(row).encode() + b'\n',
    lines[1].replace(b'b.png', b'd.png'),
  ):
    (output / 'manifest.jsonl').write_bytes(lines[0] + line + lines[2])
    with pytest.raises(InputError, match='line 2: not a row .*or altered'):
      _open(source, output)


def test_rows_of_before_there_were_sums_are_kept(folders):
  source, output, lines = folders
  rows = [json.dumps(strict_json.loads(line)).encode() for line in lines]
  (output / 'manifest.jsonl').write_bytes(b'\n'.join(rows) + b'\n')
  assert list(_open(source, output).rows) == list(NAMES)
  assert _text(output) == b''.join(lines)


@pytest.mark.parametrize(
  'line',
  [
    b'{',
    b'[]',
    b'3',
    b'{}',
    b'{"input": 3}',
    b'{"input": "a", "x": NaN}',
    b'\xff',
  ],
)
def test_damage_in_the_middle_is_named(folders, line):
  source, output, lines = folders
  (output / 'manifest.jsonl').write_bytes(lines[0] + line + b'\n' + lines[1])
  with pytest.raises(InputError, match='manifest.jsonl, line 2: not a row'):
    _open(source, output)


def test_discard_removes_what_the_manifest_lists_and_nothing_else(folders):
  source, output, lines = folders
  outside = output.parent / 'precious'
  outside.write_bytes(b'precious')
  (output / 'link').symlink_to(outside)
  (output / 'b.png').write_bytes(b'retouched by hand')
  (output / 'other').write_bytes(b'')
  for name in ('../precious', str(outside), 'link'):
    row = {'input': 'x', 'output': name, 'sha256': _digest(b'precious')}
    lines.append(json.dumps(row).encode() + b'\n')
  (output / 'manifest.jsonl').write_bytes(b''.join(lines))
  manifest.discard(output)
  left = sorted(path.name for path in output.iterdir())
  assert left == ['b.png', 'link', 'other']
  assert outside.exists() and len(list(source.iterdir())) == 3
  manifest.discard(output)  # nothing to do
