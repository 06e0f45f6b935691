"""FaceScrub, as its scripts and the paper's code lay it out."""

import pytest

from fr_poison.data import datasets
from fr_poison.types import InputError

LAYOUTS = {
  'as the paper has it': [
    'Adam_Sandler/face/0a1b.jpg',
    'Adam_Sandler/face/2c3d.jpg',
    'Adam_Sandler/image/0a1b.jpg',
    'Kim_Cattrall/face/4e5f.jpg',
  ],
  'as the download script has it': [
    'actors/faces/Adam_Sandler/Adam_Sandler_1_1.jpeg',
    'actors/faces/Adam_Sandler/Adam_Sandler_2_3.jpeg',
    'actors/images/Adam_Sandler/Adam_Sandler_1.jpeg',
    'actresses/faces/Kim_Cattrall/Kim_Cattrall_9_9.jpeg',
  ],
  'as MegaFace has it': [
    'Adam Sandler/Adam_Sandler_1.png',
    'Adam Sandler/Adam_Sandler_2.png',
    'Kim_Cattrall/Kim_Cattrall_9.png',
  ],
}
HEADER = 'name\timage_id\tface_id\turl\tbbox\tsha256\n'


def _prepare(root):
  return datasets.prepare('facescrub', root, size=8)


@pytest.mark.parametrize('paths', LAYOUTS.values(), ids=LAYOUTS)
def test_layouts(paths, tmp_path, draw):
  found = _prepare(draw(tmp_path, paths))
  assert found.people == {'Adam_Sandler': 2, 'Kim_Cattrall': 1}
  assert found.report()[0].startswith(
    'facescrub (centre-8): 3 pictures of 106863, 2 people of 530, 0 files'
  )


def test_lists(tmp_path, draw):
  draw(tmp_path, ['Adam_Sandler/face/1.jpg', 'Nobody/face/1.jpg', 'face/1.jpg'])
  row = 'Adam Sandler\t1\t1\thttp://x/y.jpg\t1,2,3,4\tff\n'
  (tmp_path / 'facescrub_actors.txt').write_text(HEADER + 2 * row + '\n')
  actresses = tmp_path / 'facescrub_actresses.txt'
  actresses.write_text(HEADER + row.replace('Adam Sandler', 'Kim Cattrall'))
  found = _prepare(tmp_path)
  assert found.people == {'Adam_Sandler': 1, 'Kim_Cattrall': 0}
  assert found.skipped == (
    ('Kim_Cattrall', 'no pictures'),
    ('Nobody/face/1.jpg', 'of nobody known'),
    ('face/1.jpg', 'of nobody known'),
  )
  actresses.write_text('<html>')
  with pytest.raises(InputError, match='facescrub_actresses.txt: not a list'):
    _prepare(tmp_path)
