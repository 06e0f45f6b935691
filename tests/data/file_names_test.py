"""No two pictures have one file, on no file system."""

import unicodedata

import pytest

from fr_poison.data import file_names

COMPOSED, DECOMPOSED = (
  unicodedata.normalize(form, 'Zoë') for form in 'NFC NFD'.split()
)


@pytest.mark.parametrize(
  'paths',
  [
    ['1.jpg', '1.png'],
    ['1.jpg', 'a/1.jpg', 'a/1.png'],
    ['a.jpg', 'A.jpg', 'A.png'],
    ['a.jpg', 'A.JPG'],
    ['Straße/1.jpg', 'STRASSE/1.jpg'],
    [f'{COMPOSED}.jpg', f'{DECOMPOSED}.jpg'],
    [f'{COMPOSED}.jpg', f'{DECOMPOSED}.png'],
  ],
)
def test_every_picture_has_a_file_of_its_own(paths):
  names = file_names.name_outputs(paths, '.webp')
  assert list(names) == paths
  assert len({file_names.fold(name) for name in names.values()}) == len(paths)


def test_names_are_as_short_as_they_can_be():
  names = file_names.name_outputs(['1.jpg', '2.jpg', '2.png'], '.png')
  assert list(names.values()) == ['1.png', '2.jpg.png', '2.png.png']
  (name, other) = file_names.name_outputs(['a.jpg', 'A.jpg'], '.png').values()
  assert name.startswith('a.jpg.') and other.startswith('A.jpg.')
