"""Files are written whole or not at all, and read within bounds."""

import pytest

from fr_poison import files
from fr_poison.types import InputError


def test_what_was_written_is_read(tmp_path):
  files.write_atomic(tmp_path / 'a', 'Zoë'.encode())
  assert files.read(tmp_path / 'a') == 'Zoë'.encode()
  assert files.read_text(tmp_path / 'a') == 'Zoë'


def test_a_link_is_replaced_not_followed(tmp_path):
  precious, link = tmp_path / 'precious', tmp_path / 'link'
  precious.write_bytes(b'precious')
  link.symlink_to(precious)
  files.write_atomic(link, b'new')
  assert precious.read_bytes() == b'precious'
  assert not link.is_symlink() and link.read_bytes() == b'new'
  assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
  'name, message',
  [
    ('none', 'none: No such file or directory'),
    ('large', 'large: over 10 bytes'),
    ('latin', 'latin: not UTF-8'),
    ('folder', 'folder: Is a directory'),
  ],
)
def test_what_cannot_be_read_is_named(name, message, tmp_path, monkeypatch):
  monkeypatch.setattr(files, 'MAX_BYTES', 10)
  (tmp_path / 'large').write_bytes(bytes(11))
  (tmp_path / 'latin').write_bytes('Zoë'.encode('latin-1'))
  (tmp_path / 'folder').mkdir()
  with pytest.raises(InputError, match=f'{message}$'):
    files.read_text(tmp_path / name)
