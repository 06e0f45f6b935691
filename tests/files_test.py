"""Files are written whole or not at all, never through a link, and read so."""

import os
import pathlib

import pytest

from fr_poison import files
from fr_poison.types import InputError


@pytest.fixture
def place(tmp_path):
  """A folder that is written to, beside somebody's picture."""
  (tmp_path / 'photos').mkdir()
  (tmp_path / 'photos' / 'ann.jpg').write_bytes(b'precious')
  with files.output(tmp_path / 'out') as folder:
    yield folder


@pytest.fixture
def full_disk(monkeypatch):
  """Writes half of what is to be written, then there is no space left."""
  write = os.write

  def half(descriptor, data):
    if len(data) < 4:
      raise OSError(28, 'No space left on device')
    return write(descriptor, data[: len(data) // 2])

  monkeypatch.setattr(os, 'write', half)
  monkeypatch.setattr(os, 'fsync', lambda descriptor: half(descriptor, b''))


def _photos(folder):
  (photo,) = (folder.parent / 'photos').iterdir()
  return photo.read_bytes()


def _names(folder):
  return sorted(path.name for path in folder.iterdir())


def test_what_was_written_is_read(place):
  files.write_atomic(place / 'a', 'Zoë'.encode())
  files.append(place / 'a', b'!')
  files.append(place / 'new' / 'b', b'new')
  assert files.read_text(place / 'a') == 'Zoë!'
  assert files.read(place / 'new' / 'b') == b'new'
  files.rename(place / 'new', place / 'moved')
  assert _names(place) == ['a', 'moved']
  for name in ('a', 'moved', 'none'):
    files.remove(place / name)
  assert not _names(place)


def test_a_link_is_replaced_not_followed(place):
  link, photo = place / 'link', place.parent / 'photos' / 'ann.jpg'
  link.symlink_to(photo)
  files.write_atomic(link, b'new')
  assert not link.is_symlink() and link.read_bytes() == b'new'
  assert _photos(place) == b'precious'
  link.unlink()
  link.symlink_to(photo.parent)
  files.remove(link)  # and not what it leads to
  assert not _names(place) and _photos(place) == b'precious'


WRITERS = {
  'append': lambda path: files.append(path, b'x'),
  'make_folder': files.make_folder,
  'output': lambda path: files.output(path).__enter__(),
  'place': files.place,
  'open_own': lambda path: files.open_own(path).__enter__(),
  'remove': files.remove,
  'rename': lambda path: files.rename(path, path),
  'write_atomic': lambda path: files.write_atomic(path, b'x'),
}


@pytest.mark.parametrize('name', WRITERS)
def test_no_folder_on_the_way_is_a_link(name, place):
  (place / 'link').symlink_to(place.parent / 'photos')
  with files.output(place / 'inner'):  # does not hide what is around it
    with pytest.raises(InputError, match=f'^{place / "link"}: a link, '):
      WRITERS[name](place / 'link' / 'ann.jpg')
  assert _photos(place) == b'precious'


@pytest.mark.parametrize('name', ['append', 'open_own', 'place'])
@pytest.mark.parametrize('kind', ['link', 'hard link', 'dangling link'])
def test_no_file_is_written_to_by_another_name(name, kind, place):
  photo, path = place.parent / 'photos' / 'ann.jpg', place / 'a'
  if kind == 'hard link':
    path.hardlink_to(photo)
  else:
    path.symlink_to(photo if kind == 'link' else place.parent / 'new')
  if (name, kind) != ('place', 'hard link'):  # which does not open
    with pytest.raises(InputError, match=f'^{path}: .*link'):
      WRITERS[name](path)
  assert _photos(place) == b'precious' and not (place.parent / 'new').exists()


def test_what_a_user_names_may_be_a_link(tmp_path):
  (tmp_path / 'disk').mkdir()
  (tmp_path / 'out').symlink_to(tmp_path / 'disk')
  with files.output(tmp_path / 'out') as folder:
    files.append(folder / 'a', b'a')
  assert _names(tmp_path / 'disk') == ['a']
  files.write_atomic(tmp_path / 'out' / 'b', b'b')  # of nobody's output
  assert _names(tmp_path / 'disk') == ['a', 'b']


@pytest.mark.parametrize('name', ['append', 'write_atomic'])
def test_a_full_disk_leaves_what_was_there(name, place, full_disk):
  path = place / 'a'
  path.write_bytes(b'whole')
  write = getattr(files, name)
  with pytest.raises(InputError, match=f'^{path}: No space left on device$'):
    write(path, b'twice as much')
  assert _names(place) == ['a'] and path.read_bytes() == b'whole'


@pytest.mark.parametrize('name', WRITERS)
def test_a_file_where_a_folder_should_be_is_named(name, place):
  (place / 'a').write_bytes(b'')
  with pytest.raises(InputError, match=f'^{place / "a"}[^ ]*: [nN]ot a '):
    WRITERS[name](place / 'a' / 'b')


@pytest.mark.parametrize('name', ['append', 'write_atomic'])
def test_a_pipe_is_not_waited_for_nor_replaced(name, place):
  os.mkfifo(place / 'a')
  with pytest.raises(InputError, match=f'^{place / "a"}: '):
    WRITERS[name](place / 'a')
  assert (place / 'a').is_fifo()


@pytest.mark.parametrize(
  'name, message',
  [
    ('none', 'none: No such file or directory'),
    ('large', 'large: over 10 bytes'),
    ('latin', 'latin: not UTF-8'),
    ('folder', 'folder: Is a directory'),
    ('pipe', 'pipe: not a regular file'),
    ('zero', 'zero: not a regular file'),
  ],
)
def test_what_cannot_be_read_is_named(name, message, tmp_path, monkeypatch):
  monkeypatch.setattr(files, 'MAX_BYTES', 10)
  (tmp_path / 'large').write_bytes(bytes(11))
  (tmp_path / 'latin').write_bytes('Zoë'.encode('latin-1'))
  (tmp_path / 'folder').mkdir()
  (tmp_path / 'zero').symlink_to('/dev/zero')
  os.mkfifo(tmp_path / 'pipe')
  with pytest.raises(InputError, match=f'{message}$'):
    files.read_text(tmp_path / name)


def test_a_file_that_grows_is_read_to_where_it_ended(tmp_path, monkeypatch):
  path = tmp_path / 'a'
  path.write_bytes(b'whole')
  assert files.read(path, max_bytes=5) == b'whole'
  fstat = os.fstat

  def grown(descriptor):
    found = fstat(descriptor)
    with open(path, 'ab') as file:
      file.write(b'more')
    return found

  monkeypatch.setattr(os, 'fstat', grown)
  assert len(files.read(pathlib.Path(path))) < 14
