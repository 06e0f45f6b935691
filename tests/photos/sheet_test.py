"""The sheet to look at: three panels a picture, beside the cloaks."""

import numpy as np
import pytest

from fr_poison.data import decode
from fr_poison.photos import sheet
from fr_poison.types import InputError

WHOLE, FACE = (100, 103, 158), (60, 58, 108)  # original, cloak, difference


@pytest.fixture
def made(tmp_path):
  """Folders of a picture that was cloaked as a whole, and one on its face."""
  rows = []
  for name, box in (
    ('a.png', None),
    ('b é \N{CAT FACE}.png', [40, 10, 60, 30]),
  ):
    for folder, index in (('in', 0), ('out', 1)):
      image = np.full((50, 80, 3), WHOLE[index], np.uint8)
      if box:
        image[10:30, 40:60] = FACE[index]
      decode.write_png(tmp_path / folder / name, image)
    faces = [{'box': box}] * bool(box)
    rows.append({'input': name, 'output': name, 'faces': faces})
  return tmp_path / 'in', tmp_path / 'out', rows


def test_original_cloak_and_ten_times_their_difference(made):
  source, output, rows = made
  path = sheet.write(source, output, rows)
  # Who publishes the folder of cloaks does not publish the originals.
  assert path == output.parent / 'out-preview.png'
  page = decode.read_image(path)
  assert page.shape == (22 + 8 + 2 * (240 + 22 + 8), 8 + 3 * 248, 3)
  for line, expected in enumerate((WHOLE, FACE)):
    # A picture of 50x80 is 150 high, a face of 20x20 fills its panel.
    row = 30 + 270 * line + 75
    for column, code in enumerate(expected):
      left = 8 + 248 * column
      assert (page[row, left + 5 : left + 235] == code).all()


def test_of_many_a_few_are_shown(made):
  source, output, rows = made
  one = decode.read_image(sheet.write(source, output, rows[:1]))
  many = decode.read_image(sheet.write(source, output, rows[:1] * 50))
  assert len(many) - 30 == 6 * (len(one) - 30)


def test_a_picture_that_is_another_one_by_now_is_named(made):
  source, output, rows = made
  decode.write_png(source / 'a.png', np.zeros((9, 9, 3), np.uint8))
  with pytest.raises(InputError, match='^a.png: of another size'):
    sheet.write(source, output, rows)
