import photos
import prepared_pictures
import pytest
from absl.testing import flagsaver

from fr_poison.data import datasets, decode
from fr_poison.data.datasets import kept as kept_sets


@pytest.fixture
def kept(tmp_path, monkeypatch):
  """TFDS's folder, with a person's pictures prepared."""
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'tfds'))
  (tmp_path / 'people' / 'ann').mkdir(parents=True)
  for seed in range(2):
    path = tmp_path / 'people' / 'ann' / f'{seed}.png'
    decode.write_png(path, photos.picture(40, 40, seed))
  datasets.prepare('folder', tmp_path / 'people')
  return tmp_path / 'tfds'


def test_what_was_prepared_is_listed_and_deleted(kept, tmp_path, capsys):
  theirs = kept / 'folder' / '0.1.1' / 'precious'  # TFDS's own, of that name
  theirs.parent.mkdir()
  theirs.write_bytes(b'')
  (kept / 'folder' / ('a' * 16)).symlink_to(tmp_path / 'people')
  (folder,) = kept_sets.find('folder')
  with flagsaver.as_parsed(delete=['lfw']):
    prepared_pictures.main([])
  source = tmp_path / 'people'
  out = capsys.readouterr().out
  assert out == f'kept: {folder}, 0.1 MB, of {source}\n'
  with flagsaver.as_parsed(delete=['lfw', 'folder']):
    prepared_pictures.main([])
  assert capsys.readouterr().out.startswith(f'deleted: {folder}, ')
  assert not kept_sets.find('folder')
  assert theirs.exists() and len(list((tmp_path / 'people').rglob('*'))) == 3


def test_the_folder_is_that_of_the_home_without_a_variable(
  tmp_path, monkeypatch
):
  monkeypatch.delenv('TFDS_DATA_DIR', raising=False)
  monkeypatch.setenv('HOME', str(tmp_path))
  assert not kept_sets.find('orl')
  place = tmp_path / 'tensorflow_datasets' / 'orl' / ('0' * 16)
  place.mkdir(parents=True)
  assert kept_sets.find('orl') == [place]


def test_what_no_run_will_read_is_said_and_deleted(kept, tmp_path, capsys):
  (folder,) = kept_sets.find('folder')
  older = kept / 'lfw' / ('a' * 16)
  (older / '1.3.0').mkdir(parents=True)  # of a version without sums
  with flagsaver.as_parsed(delete=['outdated']):
    prepared_pictures.main([])
  assert capsys.readouterr().out.splitlines() == [
    f'kept: {folder}, 0.1 MB, of {tmp_path / "people"}',
    f'deleted: {older}, 0.0 MB, outdated',
  ]
  (tmp_path / 'people' / 'ann' / '0.png').unlink()
  with flagsaver.as_parsed(delete=['outdated']):
    prepared_pictures.main([])
  (line,) = capsys.readouterr().out.splitlines()
  assert line.startswith(f'deleted: {folder}, ') and line.endswith('outdated')
  assert not kept_sets.find('folder') and not kept_sets.find('lfw')
