"""Loose pictures of several people: those of ORL, whom nobody named."""

import dataclasses

import numpy as np
import pytest

from fr_poison.data import datasets
from fr_poison.evaluation import given, who_is_who


@pytest.fixture(scope='module')
def faces():
  """Three people with 4 pictures each."""
  rows = [*range(4), *range(10, 14), *range(20, 24)]
  return datasets.load('orl').subset(rows)


def _given(faces, rows, folders=None, **changes):
  """A person's loose pictures, or of whom their folder says."""
  folders = folders or [''] * len(rows)
  names = [folder or 'photos' for folder in folders]
  known = list(dict.fromkeys(names))
  faces = dataclasses.replace(
    faces.subset(np.array(rows)),
    labels=np.array([known.index(name) for name in names], np.int32),
    names=tuple(f'originals/{name}' for name in known),
    paths=tuple(
      f'originals/{folder and folder + "/"}{row}.png'
      for row, folder in zip(rows, folders, strict=True)
    ),
    **changes,
  )
  notes = [(str(row),) for row in rows]
  return given.Given(faces, faces.images + 1, notes, [])


def _people(found):
  faces = found.faces
  return [
    (faces.names[label].removeprefix('originals/'), path.rpartition('/')[2])
    for label, path in zip(faces.labels, faces.paths, strict=True)
  ]


def test_faces_that_are_alike_are_a_person(faces):
  # Two of one, three of the next, one of the third, in no order.
  rows = [5, 0, 8, 4, 1, 6]
  found, people = who_is_who.by_face(_given(faces, rows), 20)
  assert people == [
    'like 5.png (3): 5.png, 4.png, 6.png',
    'like 0.png (2): 0.png, 1.png',
  ]
  assert _people(found) == [
    *(('like 5.png', '5.png'), ('like 0.png', '0.png')),
    *(('like 5.png', '4.png'), ('like 0.png', '1.png')),
    ('like 5.png', '6.png'),
  ]
  # Each keeps its cloak and what is odd about that.
  np.testing.assert_array_equal(found.cloaked, found.faces.images + 1)
  assert found.notes == [('5',), ('0',), ('4',), ('1',), ('6',)]
  ((path, reason),) = found.left_out
  assert path == '8.png' and reason.startswith('like no other loose picture')


@pytest.mark.parametrize(
  'rows, folders',
  [
    ([0, 1, 2, 4], None),  # one of somebody else is no second person
    ([0, 1, 4, 5], ['Ann', 'Ann', 'Bob', 'Bob']),
  ],
)
def test_who_is_known_stays(faces, rows, folders):
  own = _given(faces, rows, folders)
  assert who_is_who.by_face(own, 20) == (own, [])


def test_folders_stay_beside_groups(faces):
  rows, folders = [0, 1, 4, 5, 8], ['', '', '', '', 'Cat']
  found, people = who_is_who.by_face(_given(faces, rows, folders), 20)
  assert [name for name, _ in _people(found)] == [
    *('like 0.png', 'like 0.png', 'like 4.png', 'like 4.png', 'Cat')
  ]
  assert found.faces.names[-1] == 'originals/Cat' and len(people) == 2


def test_pictures_on_no_template_are_not_grouped(faces):
  own = _given(faces, [0, 1, 4, 5], alignment='centre-112')
  assert who_is_who.by_face(own, 20) == (own, [])
