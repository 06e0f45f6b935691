"""The recognizers against scikit-learn, which refits for every person.

Every person is protected in turn: their training pictures are cloaked, the
recognizer is fitted, all test pictures are recognised. The embeddings are
drawn: a centre per person and noise; a cloak moves a person as a whole.
scikit-learn is timed on few people and taken times their number; so is our
linear recognizer, but for its fit to the clean gallery, which counts once.
"""

import time
from collections.abc import Iterator

import numpy as np

from fr_poison.data.splits import split_per_person
from fr_poison.recognizers import linear, nearest_neighbor

_PEER_PEOPLE = 3
_LINEAR_PEOPLE = 16


def _faces(num_people, num_pictures, num_columns):
  """Clean and cloaked embeddings [N, D], labels [N]."""
  rng = np.random.default_rng(0)
  labels = np.repeat(np.arange(num_people), num_pictures)
  draw = lambda *shape: rng.standard_normal(shape, np.float32)
  centres = draw(num_people, num_columns)
  clean = centres[labels] + 3 * draw(len(labels), num_columns)
  return clean, clean + draw(num_people, num_columns)[labels], labels


def _timed(fn, *args):
  """Once, with what it compiles: that is what a user waits for."""
  start = time.perf_counter()
  result = fn(*args)
  return result, time.perf_counter() - start


def _peers():
  from sklearn.linear_model import LogisticRegression
  from sklearn.neighbors import KNeighborsClassifier
  from sklearn.pipeline import make_pipeline
  from sklearn.preprocessing import StandardScaler

  scaled = lambda: make_pipeline(StandardScaler(), LogisticRegression())
  return {
    'nearest_neighbor': (nearest_neighbor, lambda: KNeighborsClassifier(1)),
    'linear': (linear, scaled),
  }


def _refit(make, gallery, labels, probes):
  return make().fit(gallery, labels).predict(probes)


def _ours(recognizer, faces, split, num_people):
  """Rankings of some people; seconds for all, and for how many measured."""
  run = lambda people: recognizer.rank_protected(*faces, people, [split])[0]
  if recognizer is nearest_neighbor:
    ranking, seconds = _timed(run, range(num_people))
    return ranking, seconds, num_people
  # Two runs show what a person costs from what all of them share. The same
  # chunks, so the first compiles for the second.
  some = min(_LINEAR_PEOPLE, num_people)
  _, first = _timed(run, range(some))
  clean, _, labels = faces
  _, base = _timed(linear.fit, clean[split.train], labels[split.train])
  ranking, again = _timed(run, range(some))
  each = max(again - base, 0) / some
  return ranking, first + (num_people - some) * each, some


def lines(
  num_people: int, num_pictures: int, num_columns: int
) -> Iterator[str]:
  """Times each recognizer, a line of the table each.

  Args:
    num_people: all of whom are protected in turn.
    num_pictures: of each, 30% for testing.
    num_columns: of the embeddings.
  """
  faces = clean, cloaked, labels = _faces(num_people, num_pictures, num_columns)
  train, test = split = split_per_person(labels)
  known, probes = labels[train], clean[test]
  yield (
    f'{num_people} people x {num_pictures} pictures x {num_columns}, '
    f'{len(test)} of {len(labels)} pictures for testing; everybody protected '
    'in turn.\nSeconds for all of them, in brackets on how many measured; '
    'ours with compilation.\n'
    'recognizer             ours [s]   scikit-learn [s]     ratio  '
    'equal predictions  accuracy: ours  scikit-learn'
  )
  for name, (recognizer, make) in _peers().items():
    ranking, ours, measured = _ours(recognizer, faces, split, num_people)
    seconds, equal, right = [], [], []
    for person in range(min(_PEER_PEOPLE, num_people)):
      own = (known == person)[:, None]
      gallery = np.where(own, cloaked[train], clean[train])
      predicted, taken = _timed(_refit, make, gallery, known, probes)
      seconds.append(taken)
      both = np.stack([ranking.labels[person, :, 0], predicted])
      equal.append(both[0] == both[1])
      right.append((both == labels[test]).mean(1))
    peer, accuracy = num_people * np.mean(seconds), np.mean(right, 0)
    yield (
      f'{name:16} {ours:8.1f} ({measured:4}) {peer:11.1f} ({len(seconds):4}) '
      f'{peer / ours:9.1f} {np.mean(equal):18.4f} {accuracy[0]:15.4f} '
      f'{accuracy[1]:13.4f}'
    )
