"""LFW: folder, archive and pairs, as its README lays them out."""

import tarfile

import pytest

from fr_poison.data import datasets
from fr_poison.data.datasets import trees
from fr_poison.types import InputError

PATHS = [
  'Aaron_Peirsol/Aaron_Peirsol_0001.jpg',
  'Aaron_Peirsol/Aaron_Peirsol_0002.jpg',
  'Abdel_Nasser_Assidi/Abdel_Nasser_Assidi_0001.jpg',
  'Abdel_Nasser_Assidi/Abdel_Nasser_Assidi_0002.jpg',
]


@pytest.fixture
def root(tmp_path, draw):
  return draw(tmp_path / 'lfw', PATHS, size=25)


def _load(source):
  return datasets.load('lfw', source_dir=source, size=8)


def test_folder_and_archive(root, tmp_path):
  faces = _load(root)
  assert faces.paths == tuple(PATHS) and faces.labels.tolist() == [0, 0, 1, 1]
  assert faces.names == ('Aaron_Peirsol', 'Abdel_Nasser_Assidi')
  with tarfile.open(tmp_path / 'lfw.tgz', 'w:gz') as tar:
    tar.add(root, 'lfw')
  packed = _load(tmp_path / 'lfw.tgz')
  assert packed.paths == tuple(f'lfw/{path}' for path in PATHS)
  assert packed.names == faces.names
  assert (packed.images == faces.images).all()


def test_an_archive_is_read_while_it_is_counted(root, tmp_path):
  """Its bytes are not all held; of a folder the number is known before."""
  with tarfile.open(tmp_path / 'lfw.tar', 'w') as tar:
    tar.add(root, 'lfw')
  totals, held = [], []

  def progress(items, total):
    totals.append(total)
    held.append(isinstance(items, list))
    return items

  for source in (root, tmp_path / 'lfw.tar'):
    datasets.prepare('lfw', source, size=8, progress=progress)
  assert totals == [4, 13_233] and held == [True, False]


def test_expected_and_found(root, draw):
  draw(root, ['Ann/Anna_0001.jpg', 'Ann/Ann_1.jpg'])
  report = datasets.prepare('lfw', root, size=8).report()
  assert report[0] == (
    'lfw (centre-8): 4 pictures of 13233, 2 people of 5749, 2 files skipped'
  )
  assert 'skipped Ann/Anna_0001.jpg: not <Name>/<Name>_0001.jpg' in report


# Two folds of one pair of either kind.
PAIRS = """2\t1
Aaron_Peirsol\t1\t2
Aaron_Peirsol\t2\tAbdel_Nasser_Assidi\t1
Abdel_Nasser_Assidi\t2\t1
Abdel_Nasser_Assidi\t1\tAaron_Peirsol\t1
"""


@pytest.mark.parametrize('prefix', ['', 'lfw/'])
def test_pairs(prefix, tmp_path):
  (tmp_path / 'pairs.txt').write_text(PAIRS)
  pairs = trees.read_pairs(tmp_path / 'pairs.txt', [prefix + p for p in PATHS])
  assert pairs.first.tolist() == [0, 1, 3, 2]
  assert pairs.second.tolist() == [1, 2, 2, 0]
  assert pairs.is_genuine.tolist() == [True, False, True, False]
  assert pairs.folds.tolist() == [0, 0, 1, 1]
  one = ''.join(['2\n', *(PAIRS.splitlines(True)[i] for i in (1, 3, 2, 4))])
  (tmp_path / 'pairsDevTest.txt').write_text(one)
  pairs = trees.read_pairs(
    tmp_path / 'pairsDevTest.txt', [prefix + p for p in PATHS]
  )
  assert pairs.first.tolist() == [0, 3, 1, 2]
  assert pairs.is_genuine.tolist() == [True, True, False, False]
  assert pairs.folds.tolist() == [0] * 4


@pytest.mark.parametrize(
  'text, message',
  [
    ('', "not in the format of LFW's pairs.txt"),
    ('<html>', "not in the format of LFW's pairs.txt"),
    (PAIRS.replace('2\t1\nAaron', '3\t1\nAaron', 1), 'not in the format'),
    (PAIRS.replace('1\t2\n', 'x\t2\n', 1), 'not in the format'),
    (PAIRS.replace('Aaron', 'Baron'), 'pairs.txt: 2 of its pictures are not'),
  ],
)
def test_bad_pairs(text, message, tmp_path):
  (tmp_path / 'pairs.txt').write_text(text)
  with pytest.raises(InputError, match=message):
    trees.read_pairs(tmp_path / 'pairs.txt', PATHS)
  with pytest.raises(InputError, match='none.txt: No such file'):
    trees.read_pairs(tmp_path / 'none.txt', PATHS)


def test_a_picture_that_is_there_twice_is_refused(tmp_path):
  (tmp_path / 'pairs.txt').write_text(PAIRS)
  pictures = [f'lfw/{PATHS[0]}', *PATHS]
  with pytest.raises(InputError, match=f'^{PATHS[0]}: there twice, and is lfw'):
    trees.read_pairs(tmp_path / 'pairs.txt', pictures)
