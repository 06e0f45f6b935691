"""Listing pictures: folders as streams, hostile archives refused."""

import io
import os
import shutil
import tarfile
import time

import pytest

from fr_poison import files
from fr_poison.data import folder
from fr_poison.types import InputError


@pytest.fixture
def tree(tmp_path):
  root = tmp_path / 'tree'
  for path in ('b/2.jpg', 'b/1.PNG', 'a/deep/3.jpeg', '0.jpg'):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(path.encode())
  for path in ('b/notes.txt', 'b/.hidden.jpg', '.git/4.jpg', 'b/5.jpg.json'):
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_bytes(b'x')
  return root


PICTURES = ['0.jpg', 'a/deep/3.jpeg', 'b/1.PNG', 'b/2.jpg']


def _paths(source):
  return [file.path for file in folder.files(source)]


def _refusals(source):
  refused = {}
  for file in folder.files(source):
    try:
      file.read()
    except InputError as error:
      refused[file.path] = str(error)
  return refused


def test_pictures_at_any_depth(tree):
  assert sorted(_paths(tree)) == PICTURES
  assert [f.read() == f.path.encode() for f in folder.files(tree)] == [True] * 4


def test_folders_come_by_name(tree):
  folders = [path.rpartition('/')[0] for path in _paths(tree)]
  assert folders == ['', 'a/deep', 'b', 'b']


def test_links_are_not_followed_and_empty_folders_are_listed(tree):
  (tree / 'b' / 'loop').symlink_to(tree)
  (tree / 'b' / 'link.jpg').symlink_to(tree / '0.jpg')
  (tree / 'nobody').mkdir()
  assert _refusals(tree) == {
    'b/loop': 'b/loop: a link, not followed',
    'b/link.jpg': 'b/link.jpg: a link, not followed',
    'nobody/': 'nobody/: an empty folder',
  }


def test_odd_names_are_printed_in_one_line(tree):
  (tree / 'a\nb.jpg').write_bytes(b'x')
  with open(os.fsencode(tree) + b'/\xff.jpg', 'wb'):
    pass
  assert _refusals(tree) == {
    r"'a\nb.jpg'": r"'a\nb.jpg': a name with odd characters",
    r"'\udcff.jpg'": r"'\udcff.jpg': a name with odd characters",
  }


def test_a_file_too_large_or_gone(tree, monkeypatch):
  found = list(folder.files(tree))
  (tree / '0.jpg').unlink()
  monkeypatch.setattr(files, 'MAX_BYTES', 10)
  reasons = []
  for file in sorted(found)[:2]:
    with pytest.raises(InputError) as info:
      file.read()
    reasons.append(str(info.value))
  assert reasons == [
    '0.jpg: No such file or directory',
    'a/deep/3.jpeg: over 10 bytes',
  ]


class _Listing:
  """What os.scandir gives for a folder of a million pictures."""

  def __init__(self, taken):
    self.taken = taken

  def __enter__(self):
    return self._entries()

  def __exit__(self, *_):
    pass

  def _entries(self):
    for i in range(1_000_000):
      self.taken.append(i)
      yield _Entry(f'{i}.jpg')


class _Entry:
  def __init__(self, name):
    self.name = name

  is_symlink = is_dir = lambda self, **_: False
  is_file = lambda self, **_: True
  stat = lambda self, **_: os.stat_result(range(10))


def test_a_million_files_are_a_stream(tmp_path, monkeypatch):
  taken = []
  monkeypatch.setattr(os, 'scandir', lambda path: _Listing(taken))
  found = folder.files(tmp_path)
  assert [next(found).path for _ in range(3)] == ['0.jpg', '1.jpg', '2.jpg']
  assert taken == [0, 1, 2]


def test_a_folder_that_cannot_be_listed(tree, monkeypatch):
  scandir = os.scandir

  def refuse(path):
    if path == tree / 'a/':
      raise PermissionError(13, 'Permission denied')
    return scandir(path)

  monkeypatch.setattr(os, 'scandir', refuse)
  assert _refusals(tree) == {'a/': 'a/: Permission denied'}
  assert len(_paths(tree)) == 4  # that folder in place of its picture


def test_no_source(tmp_path):
  with pytest.raises(InputError, match='none: no such folder or archive'):
    folder.files(tmp_path / 'none')
  with pytest.raises(InputError, match='none: no such folder or archive'):
    folder.fingerprint(tmp_path / 'none')


def test_fingerprint(tree, monkeypatch):
  before = folder.fingerprint(tree)
  assert len(before.times) == len(before.changes) == 64
  scandir = os.scandir

  class Backwards(list):
    __enter__, __exit__ = (lambda self: self), (lambda self, *_: None)

  with monkeypatch.context() as patch:
    patch.setattr(os, 'scandir', lambda p: Backwards([*scandir(p)][::-1]))
    assert folder.fingerprint(tree) == before
  seen = {before.times}
  (tree / 'b' / '2.jpg').rename(tree / 'b' / '3.jpg')
  seen.add(folder.fingerprint(tree).times)
  (tree / '0.jpg').write_bytes(b'longer')
  seen.add(folder.fingerprint(tree).times)
  os.utime(tree / '0.jpg', ns=(1, 1))
  seen.add(folder.fingerprint(tree).times)
  (tree / 'b' / 'notes.txt').write_text('no picture')
  seen.add(folder.fingerprint(tree).times)
  assert len(seen) == 4


def test_a_replaced_file_of_the_same_size_and_time_was_changed(tree):
  before, about = folder.fingerprint(tree), (tree / '0.jpg').stat()
  time.sleep(0.02)  # a tick of the file system's clock
  (tree / '0.jpg').write_bytes(b'x' * about.st_size)
  os.utime(tree / '0.jpg', ns=(about.st_atime_ns, about.st_mtime_ns))
  found = folder.fingerprint(tree)
  assert found.times == before.times and found.changes != before.changes
  assert found.newest == (tree / '0.jpg').stat().st_ctime_ns > before.newest


def test_archive_is_read_as_its_folder(tree, tmp_path):
  archive = shutil.make_archive(tmp_path / 'faces', 'gztar', tree, '.')
  with tarfile.open(tmp_path / 'plain.tgz', 'w:gz') as tar:
    tar.add(tree, 'top')
  found = {file.path: file.read() for file in folder.files(archive)}
  assert found == {path: path.encode() for path in PICTURES}
  with_top = sorted(_paths(tmp_path / 'plain.tgz'))
  assert with_top == [f'top/{path}' for path in PICTURES]
  before = folder.fingerprint(archive)
  os.utime(archive, ns=(1, 1))
  assert folder.fingerprint(archive) != before


def _archive(path, name, type_=tarfile.REGTYPE, data=b'x', linkname=''):
  info = tarfile.TarInfo(name)
  info.type, info.size, info.linkname = type_, len(data), linkname
  with tarfile.open(path, 'w:gz') as tar:
    good = tarfile.TarInfo('a/1.jpg')
    good.size = 4
    tar.addfile(good, io.BytesIO(b'good'))
    tar.addfile(info, io.BytesIO(data))


@pytest.mark.parametrize(
  'member, reason',
  [
    ({'name': '../x.jpg'}, "'../x.jpg': leads out of the archive"),
    ({'name': 'a/../../x'}, "'a/../../x': leads out of the archive"),
    ({'name': '/etc/x.jpg'}, "'/etc/x.jpg': leads out of the archive"),
    (
      {'name': 'a/l.jpg', 'type_': tarfile.SYMTYPE, 'linkname': '/etc/passwd'},
      "'a/l.jpg': neither a file nor a folder",
    ),
    (
      {'name': 'a/h.jpg', 'type_': tarfile.LNKTYPE, 'linkname': 'a/1.jpg'},
      "'a/h.jpg': neither a file nor a folder",
    ),
    (
      {'name': 'a/fifo', 'type_': tarfile.FIFOTYPE, 'data': b''},
      "'a/fifo': neither a file nor a folder",
    ),
    # 1 MB of zeros: a kilobyte.
    (
      {'name': 'a/bomb.jpg', 'data': bytes(1 << 20)},
      "'a/bomb.jpg': expands too much, a decompression bomb?",
    ),
  ],
)
def test_hostile_archives(member, reason, tmp_path):
  _archive(tmp_path / 'x.tgz', **member)
  with pytest.raises(InputError) as info:
    list(folder.files(tmp_path / 'x.tgz'))
  assert str(info.value) == f'{tmp_path}/x.tgz: {reason}'


@pytest.mark.parametrize('length', [0, 5, 40, 70])
def test_damaged_archives(length, tmp_path):
  path = tmp_path / 'x.tgz'
  _archive(path, 'a/2.jpg', data=os.urandom(3000))
  path.write_bytes(path.read_bytes()[:length])
  with pytest.raises(InputError, match='x.tgz: damaged, or no tar archive'):
    list(folder.files(path))
