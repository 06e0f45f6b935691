"""No two pictures have one file, on no file system."""

import hashlib
import unicodedata

import pytest

from fr_poison.data import file_names
from fr_poison.types import InputError

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


@pytest.mark.parametrize(
  'one, other',
  [
    ('Zoë', 'ZOË'),
    (COMPOSED, DECOMPOSED),
    ('Straße', 'STRASSE'),
    # Two letters, which are one in Unicode; casefolding takes only one apart.
    ('\u0390', '\u1fd3'),
  ],
)
def test_one_file_on_some_system(one, other):
  assert file_names.fold(one) == file_names.fold(other)
  with pytest.raises(InputError, match='^runs: .* would be one file'):
    file_names.check_apart('runs', ['a', one, 'b', other])
  with pytest.raises(InputError, match='would be one file'):
    file_names.check_apart('runs', [one], taken=[other])


@pytest.mark.parametrize('name', ['', '.', '..', 'a/b', '/a', 'a\0'])
def test_no_name_of_a_file(name):
  file_names.check_apart('runs', ['a', 'a b', '...', 'ä'])
  with pytest.raises(InputError, match='^runs: .* is no name of a file'):
    file_names.check_apart('runs', [name])


@pytest.mark.parametrize(
  'paths, name',
  [
    # A folder has the short name, in other letters.
    (['a.jpg', 'A.WEBP/b.jpg'], 'a.jpg.webp'),
    # And the full one.
    (['a.jpg', 'a.webp/b.jpg', 'a.jpg.webp/c.jpg'], 'a.jpg.<digest>.webp'),
    (['note.jpg'], 'note.jpg.webp'),
  ],
)
def test_no_file_is_called_as_a_folder_or_a_file_of_ours(paths, name):
  names = file_names.name_outputs(paths, '.webp', taken=['Note.webp'])
  digest = hashlib.sha256(b'a.jpg').hexdigest()[:8]
  assert names[paths[0]] == name.replace('<digest>', digest)
  with pytest.raises(InputError, match='^NOTE.webp: a folder with a file name'):
    file_names.name_outputs(['NOTE.webp/x/b.jpg'], '.png', ['Note.webp'])


def test_what_stays_one_is_refused():
  digest = hashlib.sha256(b'a.jpg').hexdigest()[:8]
  folders = ['a.png/b', 'a.jpg.png/b', f'a.jpg.{digest}.png/b']
  with pytest.raises(InputError, match='^a.jpg: another one has the name'):
    file_names.name_outputs(['a.jpg', *folders], '.png')
  with pytest.raises(InputError, match='^a.jpg: is there twice'):
    file_names.name_outputs(['b.jpg', 'a.jpg', 'a.jpg'], '.png')


def test_names_are_as_short_as_they_can_be():
  names = file_names.name_outputs(['1.jpg', '2.jpg', '2.png'], '.png')
  assert list(names.values()) == ['1.png', '2.jpg.png', '2.png.png']
  (name, other) = file_names.name_outputs(['a.jpg', 'A.jpg'], '.png').values()
  assert name.startswith('a.jpg.') and other.startswith('A.jpg.')
