"""Pairs by name: every layout, and every way in which names can mislead."""

import itertools
import unicodedata

import pytest

from fr_poison.data import pairs
from fr_poison.types import InputError


def _paired(*args, **kwargs):
  return [tuple(pair) for pair in pairs.match(*args, **kwargs)[0]]


def _rejected(*args, **kwargs):
  return {path: reason for path, reason in pairs.match(*args, **kwargs)[1]}


def test_two_trees_with_or_without_a_suffix():
  originals = ['ann/b.jpg', 'ann/a.jpg', 'a.jpg']
  cloaked = ['ann/b_high_cloaked.png', 'a.png', 'ann/a_attacked.png']
  assert _paired(originals, cloaked) == [
    ('a.jpg', 'a.png'),
    ('ann/a.jpg', 'ann/a_attacked.png'),
    ('ann/b.jpg', 'ann/b_high_cloaked.png'),
  ]


@pytest.mark.parametrize(
  'end', ['_cloaked', '_low_cloaked', '_mid_cloaked', '_attacked']
)
def test_side_by_side(end):
  paths = [f'x/1{end}.png', 'x/1.jpg', 'y/1.jpg']
  assert _paired(paths) == [('x/1.jpg', f'x/1{end}.png')]
  assert _rejected(paths) == {'y/1.jpg': 'has no cloaks'}


def test_a_suffix_of_ones_own():
  paths = ['1.jpg', '1-safe.v2.jpg', '2.jpg', '2_cloaked.jpg']
  assert _paired(paths, suffix=r'-safe\.v\d') == [('1.jpg', '1-safe.v2.jpg')]
  with pytest.raises(InputError, match='suffix: .*unterminated'):
    pairs.match(paths, suffix='(')


def test_a_suffix_is_at_the_end():
  assert _paired(['a_cloaked_2.jpg', 'a_2.jpg']) == []
  assert _paired(['a_2.jpg'], ['a_cloaked_2.jpg']) == []


def test_order_and_position_say_nothing():
  # Sorted, the second cloak stands where the second original does.
  originals, cloaked = ['10.jpg', '2.jpg', '9.jpg'], ['10.png', '9.png']
  assert _paired(originals, cloaked) == [
    ('10.jpg', '10.png'),
    ('9.jpg', '9.png'),
  ]
  assert _rejected(originals, cloaked) == {'2.jpg': 'has no cloaks'}


def test_a_stem_is_not_a_prefix():
  assert _paired(['a.jpg'], ['ab.png', 'a b.png', 'a_1.png']) == []
  assert _rejected(['a.jpg'], ['ab.png']) == {
    'a.jpg': 'has no cloaks',
    'ab.png': 'a cloak of nothing',
  }


def test_unicode_forms_are_one_name_and_cases_are_two():
  composed = unicodedata.normalize('NFC', 'José/é.jpg')
  decomposed = unicodedata.normalize('NFD', 'José/é.png')
  assert _paired([composed], [decomposed]) == [(composed, decomposed)]
  assert _paired(['a.jpg', 'A.jpg'], ['A.png', 'a.png']) == [
    ('A.jpg', 'A.png'),
    ('a.jpg', 'a.png'),
  ]
  assert _paired(['a.jpg'], ['A.png']) == []
  both = [unicodedata.normalize(form, 'é.jpg') for form in ('NFC', 'NFD')]
  assert _paired(both, ['é.png']) == []


def test_names_that_stand_for_two_pictures_stand_for_none():
  found = _rejected(['a.jpg', 'a.png'], ['a_cloaked.png'])
  assert found == {
    'a.jpg': 'has no cloaks',
    'a.png': 'has no cloaks',
    'a_cloaked.png': 'a cloak of any of a.jpg, a.png',
  }
  found = _rejected(['a.jpg'], ['a.png', 'a_cloaked.png'])
  assert found == {
    'a.jpg': 'has 2 cloaks',
    'a.png': 'one of several of a.jpg',
    'a_cloaked.png': 'one of several of a.jpg',
  }


def test_names_of_poison_py_and_of_lowkey():
  # What poison.py calls the cloaks of a.jpg and a.png.
  assert _paired(['a.jpg', 'a.png'], ['a.jpg.png', 'a.png.png']) == [
    ('a.jpg', 'a.jpg.png'),
    ('a.png', 'a.png.png'),
  ]
  # LowKey leaves its resized original beside the cloak.
  assert _paired(['a_small.png', 'a_attacked.png']) == [
    ('a_small.png', 'a_attacked.png')
  ]
  paths = ['a.jpg', 'a_small.png', 'a_attacked.png']
  assert _paired(paths) == [('a.jpg', 'a_attacked.png')]


def test_originals_may_be_sorted_after_they_were_cloaked():
  sorted_ = ['Ann/1.jpg', 'Bob/2.jpg', 'Bob/2.png']
  # The second as poison.py calls it beside another 2.
  assert _paired(sorted_, ['1_cloaked.png', '2.jpg.jpg', '2.png.png']) == [
    ('Ann/1.jpg', '1_cloaked.png'),
    ('Bob/2.jpg', '2.jpg.jpg'),
    ('Bob/2.png', '2.png.png'),
  ]
  both = ['Ann/1.jpg', 'Bob/1.jpg']
  reason = 'a cloak of any of Ann/1.jpg, Bob/1.jpg'
  assert _rejected(both, ['1.png'])['1.png'] == reason
  # A folder of another name may be of another person.
  assert _paired(['Ann/1.jpg'], ['Anne/1.jpg']) == []


def test_a_picture_called_cloaked_keeps_its_name():
  paths = ['cat_cloaked.jpg', 'cat.jpg'], ['cat_cloaked.png', 'cat.png']
  assert _paired(*paths) == [
    ('cat.jpg', 'cat.png'),
    ('cat_cloaked.jpg', 'cat_cloaked.png'),
  ]


def test_two_names_that_are_nearly_a_pair():
  originals = ['Ann/IMG_1.jpg', 'Ann/IMG_2.jpg', 'Bob/party.jpg']
  nearest = pairs.nearest
  assert nearest(originals, ['Anne/IMG_2_cloaked.png', 'x.png']) == (
    'Ann/IMG_2.jpg',
    'Anne/IMG_2_cloaked.png',
  )
  assert nearest(originals, ['77.png']) is None
  assert nearest(['party.jpg', 'party (1).jpg', 'z.jpg']) == (
    'party.jpg',
    'party (1).jpg',
  )
  many = [f'{i}.jpg' for i in range(5000)]
  assert nearest(many, [f'{i}-safe.png' for i in range(5000)]) is not None


def test_names_that_are_one_are_listed_only_once_each():
  # Each of 256 cloaks may be of any of 256 pictures: not 65,536 names.
  forms = unicodedata.normalize('NFC', 'é'), unicodedata.normalize('NFD', 'é')
  names = [''.join(letters) for letters in itertools.product(forms, repeat=8)]
  originals = [f'{name}.jpg' for name in names]
  _, rejected = pairs.match(originals, [f'{name}.png' for name in names])
  reasons = [r.reason for r in rejected if r.path.endswith('.png')]
  assert len(reasons) == 256
  assert all(reason.endswith(' and 252 more') for reason in reasons)
  assert max(map(len, reasons)) < 5 * 30
