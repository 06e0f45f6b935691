"""Names against faces: those of ORL, under right and wrong names."""

import dataclasses

import numpy as np
import pytest

from fr_poison.data import datasets
from fr_poison.evaluation import oddities


@pytest.fixture(scope='module')
def faces():
  """Three people with 4 pictures each."""
  rows = [*range(4), *range(10, 14), *range(20, 24)]
  return datasets.load('orl').subset(rows)  # in the canonical frame


def _named(faces, names, folders=()):
  """Under other names, in other folders."""
  known = list(dict.fromkeys(names))
  labels = np.array([known.index(name) for name in names], np.int32)
  paths = [f'{i}.png' for i in range(len(faces))]
  paths = [f'{a}/{b}' for a, b in zip(folders or names, paths, strict=True)]
  return dataclasses.replace(
    faces, labels=labels, names=tuple(known), paths=tuple(paths)
  )


def _doubts(*args):
  return oddities.doubts(_named(*args), 20)


def test_right_names_raise_no_doubt(faces):
  assert _doubts(faces, 'aaaabbbbcccc') == []


def test_several_people_under_one_name_are_named(faces):
  assert _doubts(faces, 'a' * 12) == [
    'the pictures of a seem to show 3 people, 4 like a/0.png, 4 like a/4.png, '
    '4 like a/8.png; a folder for each'
  ]
  (text,) = _doubts(faces, 'a' * 12, 'xxxxyyyyzzzz')
  assert text.endswith('or --config.person_level=every if each has one in it')
  # A single picture of somebody else.
  (text,) = _doubts(faces, 'aaaabbbbccca')
  assert 'a seem to show 2 people, 4 like a/0.png, 1 like a/11.png;' in text


def test_one_person_under_two_names_is_named(faces):
  assert _doubts(faces, 'aaddbbbbcccc') == ['a and d seem to be one person']


@pytest.mark.parametrize('template', ['dlib', 'arcface'])
def test_faces_on_other_templates_are_judged_too(faces, template):
  other = datasets.load('orl', template=template)
  rows = [other.paths.index(path) for path in faces.paths]
  other = other.subset(rows)
  assert _doubts(other, 'aaaabbbbcccc') == []
  # ArcFace's has no chin, which brings the first two close to each other.
  groups = {'dlib': '3 people, 4 like', 'arcface': '2 people, 8 like'}
  assert groups[template] in _doubts(other, 'a' * 12)[0]
  assert 'one person' in _doubts(other, 'aaddbbbbcccc')[0]


def test_pictures_on_no_template_are_not_judged(faces):
  unaligned = dataclasses.replace(faces, alignment='centre-112')
  assert _doubts(unaligned, 'a' * 12) == []


def test_who_was_understood_is_short(faces):
  text = oddities.understood(_named(faces, 'aaaabbbbcccc'))
  assert text == '3 people: a (4), b (4), c (4)'
  assert oddities.understood(faces.subset([0, 1])) == '1 person: s1 (2)'
  text = oddities.understood(_named(faces, 'abcdefghijkl'))
  assert text.startswith('12 people: a (1), b (1), ')
  assert text.endswith(', j (1) and 2 more')
