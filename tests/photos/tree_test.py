"""Which files are pictures, and what their cloaks are called."""

import os
import socket
import unicodedata

import numpy as np
import pytest

from fr_poison.data import decode, pairs
from fr_poison.photos import Output, Settings, tree
from fr_poison.types import InputError

SETTINGS = Settings(
  surrogates=('mobileface',), attack={'name': 'pgd'}, align='none'
)


def _touch(root, *names):
  for name in names:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(b'')


def test_finds_pictures_by_name_in_sorted_order(tmp_path):
  names = ['b.PNG', 'a/z.jpeg', 'a.jpg', '-n\n.webp', '<script>.tif', 'ä.bmp']
  _touch(tmp_path, *names)
  _touch(tmp_path, 'notes.txt', 'png', 'a/manifest.jsonl', '.jpg', '.git/a.png')
  found, num_ignored = tree.find_pictures(tmp_path)
  assert found == sorted(names)
  assert num_ignored == 5  # .git as a whole
  _touch(tmp_path, '@eaDir/a.jpg', 'a/__MACOSX/z.jpeg', '$RECYCLE.BIN/a.png')
  assert tree.find_pictures(tmp_path) == (found, 8)


def test_every_extension_is_of_a_format_that_is_read():
  decode._has_heif()
  read = decode.EXTENSIONS - decode._REFUSED.keys()
  assert len(read) > 15
  for extension in read - {'.mpo'}:
    from PIL import Image

    Image.init()
    assert Image.EXTENSION[extension] in {*decode.FORMATS, 'DIB', 'HEIF'}


def test_only_regular_files_below_real_folders(tmp_path):
  root, outside = tmp_path / 'root', tmp_path / 'outside'
  _touch(outside, 'secret.png')
  _touch(root, 'a.png')
  (root / 'link.png').symlink_to(outside / 'secret.png')
  (root / 'inner.png').symlink_to(root / 'a.png')
  (root / 'folder').symlink_to(outside)
  (root / 'loop').symlink_to(root)
  os.mkfifo(root / 'pipe.png')  # reading it would wait for ever
  with socket.socket(socket.AF_UNIX) as server:
    server.bind(str(root / 'socket.png'))
    found, num_ignored = tree.find_pictures(root)
  links, others = ['inner.png', 'link.png'], ['pipe.png', 'socket.png']
  assert found == ['a.png', *links, *others] and num_ignored == 2
  for names, reason in (
    (links, 'a link, not followed'),
    (others, 'not a file'),
  ):
    for name in names:
      assert tree.read(root, name, SETTINGS).reason == reason


def test_a_missing_folder_is_named(tmp_path):
  with pytest.raises(FileNotFoundError, match='none'):
    tree.find_pictures(tmp_path / 'none')


@pytest.mark.parametrize(
  'paths, names',
  [
    (['a.jpg', 'b/a.tiff'], ['a.png', 'b/a.png']),
    (['a.png', 'b.c.jpg'], ['a.png', 'b.c.png']),
    (['a.jpg', 'a.png', 'b.jpg'], ['a.jpg.png', 'a.png.png', 'b.png']),
    (['x.y/a.jpg', 'x.y/a.gif'], ['x.y/a.jpg.png', 'x.y/a.gif.png']),
    # The full name of the first is the short one of the last.
    (
      ['a.jpg', 'a.png', 'a.jpg.gif'],
      ['a.jpg.png', 'a.png.png', 'a.jpg.gif.png'],
    ),
    # A folder has the short name.
    (['a.jpg', 'a.png/b.jpg'], ['a.jpg.png', 'a.png/b.png']),
  ],
)
def test_names_of_outputs(paths, names):
  assert list(tree.name_outputs(paths, '.png')[0].values()) == names


def test_a_folder_named_like_a_file_of_ours_is_refused():
  for name in ('manifest.jsonl', 'Manifest.JSONL'):
    with pytest.raises(
      InputError, match=f'^--input: {name}: a folder with a f'
    ):
      tree.name_outputs([f'{name}/a.jpg'], '.png')


@pytest.mark.parametrize(
  'paths, names',
  [
    (
      ['a.JPG', 'b.jpeg', 'c.Png', 'd.webp', 'e.HEIC', 'f.tif', 'g.bmp'],
      ['a.JPG', 'b.jpeg', 'c.Png', 'd.jpg', 'e.jpg', 'f.png', 'g.png'],
    ),
    # Two of one stem: who pairs by names could not know which is whose.
    (['a.jpg', 'a.png', 'b.jpg'], ['a.jpg.jpg', 'a.png.png', 'b.jpg']),
    # The full name of the first is the short one of the last.
    (
      ['a.jpg', 'a.webp', 'a.jpg.gif'],
      ['a.jpg.jpg', 'a.webp.jpg', 2],
    ),
    (['a.jpg/b.png', 'a.heic'], ['a.jpg/b.png', 'a.heic.jpg']),
    # One name where upper and lower case, or two forms of an accent, are one.
    (['A.png', 'a.jpg'], ['A.png.png', 'a.jpg.jpg']),
    (['A.jpg', 'a.jpg'], [1, 1]),
    (['e\u0301.jpg', '\xe9.jpg'], [2, 2]),
  ],
)
def test_cloaks_keep_the_format_and_never_meet(paths, names):
  found, _ = tree.name_outputs(paths, Output().extension_of)
  for path, name in zip(paths, names, strict=True):
    assert found[path] == name or not isinstance(name, str)
  folded = {unicodedata.normalize('NFC', x).casefold() for x in found.values()}
  assert len(folded) == len(paths)
  paired, _ = pairs.match(paths, found.values())  # as my_cloaks does
  paired = {x.original: x.cloaked for x in paired}
  if 2 not in names:
    assert paired == found


def test_read_says_what_is_wrong(tmp_path):
  decode.write_png(tmp_path / 'a.png', np.zeros((11, 20, 3), np.uint8))
  decode.write_png(tmp_path / 'low.png', np.zeros((10, 20, 3), np.uint8))
  wide = np.zeros((11, 65501, 3), np.uint8)
  decode.write_png(tmp_path / 'wide.png', wide)
  (tmp_path / 'b\nad.png').write_bytes(b'<html>')
  read = lambda path: tree.read(tmp_path, path, SETTINGS)
  good = read('a.png')
  assert good.status is None and good.image.shape == (11, 20, 3)
  assert len(good.sha256) == 64
  assert read('low.png')[3:5] == ('failed', '20x10 pixels is too small')
  assert read('wide.png').reason == '65501x11 pixels is too large for JPEG'
  bad = read('b\nad.png')
  assert bad.status == 'unreadable' and bad.image is None and bad.sha256
  assert bad.reason == 'a web page or other markup, not a picture'
  gone = read('gone.png')
  assert gone[1:5] == (None, None, 'unreadable', 'No such file or directory')
