"""The protocol: whose pictures are scraped, who cloaks, and what tests it."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

from fr_poison import checks
from fr_poison.data.faces import FaceSet
from fr_poison.data.splits import Rows, Split, split_per_person
from fr_poison.types import InputError


class Memory:
  """Embeddings and rankings that several measurements share."""

  def __init__(self):
    """Begins empty."""
    self._known = {}

  def recall(self, key: Hashable, compute: Callable[[], Any]) -> Any:
    """Returns `compute()`, or what it returned for this key before."""
    if key not in self._known:
      self._known[key] = compute()
    return self._known[key]


class OwnRows(NamedTuple):
  """Rows of the protected people's pictures, each in one of both, rising."""

  gallery: Rows  # in some gallery
  probes: Rows  # probes alone


@dataclasses.dataclass(frozen=True, eq=False)
class Protocol:
  """People, their pictures, and the divisions into gallery and probes.

  One person at a time is protected: their gallery pictures are cloaked,
  everybody else's are clean, and probes are clean pictures of everybody
  (Radiya-Dixit et al., section 5). Who else may be cloaked, `views` says.

  Attributes:
    faces: the pictures of everybody in the gallery, the protected among them.
    protected: labels of the people who cloak their pictures, rising.
    splits: divisions of the pictures; `train` are the gallery, `test` probes.
    targets: pictures of people outside, for cloaks that imitate somebody.
    strangers: pictures of others in every gallery, whom nobody asks about;
      for 1-NN alone, which other recognizers are fitted without.
    store: a folder that keeps the strangers' embeddings for the next run.
    seed: of every draw, and of the cloaks' random numbers.

  Raises:
    InputError: a protected label without a picture, or fewer than 2 people.
  """

  faces: FaceSet
  protected: tuple[int, ...]
  splits: tuple[Split, ...]
  targets: FaceSet | None = None
  strangers: FaceSet | None = None
  store: pathlib.Path | None = None
  seed: int = 0
  memory: Memory = dataclasses.field(default_factory=Memory, repr=False)

  def __post_init__(self):
    """Checks who is protected."""
    people = np.unique(self.faces.labels)
    missing = np.setdiff1d(self.protected, people)
    if len(missing) or not self.protected:
      raise InputError(
        f'protected: {list(self.protected)}, of {people.tolist()}'
      )
    if len(people) < 2:
      raise InputError(
        'faces: 1 person; a recognizer names one of two people or more'
      )
    known = {*self.faces.paths, *(self.faces.names[i] for i in people)}
    if self.strangers is not None:
      other = self.strangers
      named = {other.names[i] for i in np.unique(other.labels)}
      if both := sorted(known & {*other.paths, *named}):
        raise InputError(f'strangers: {both[0]} is one of faces, too')

  @classmethod
  def draw(
    cls,
    faces: FaceSet,
    *,
    num_protected: int | None = None,
    protected: Sequence[int] | None = None,
    num_splits: int = 20,
    test_fraction: float = 0.3,
    targets: FaceSet | None = None,
    strangers: FaceSet | None = None,
    store: pathlib.Path | None = None,
    seed: int = 0,
  ) -> 'Protocol':
    """Draws who is protected, and the splits.

    Args:
      faces: everybody's pictures, two or more of each person.
      num_protected: how many people cloak; None: at most half of them, of
        whom there are 10 at most.
      protected: their labels, instead of a draw.
      num_splits: random divisions into gallery and probes.
      test_fraction: in (0, 1), the share of each person's pictures that are
        probes; rounded down, at least one.
      targets: see `Protocol`.
      strangers: likewise.
      store: likewise.
      seed: not negative.

    Raises:
      InputError: a number out of range, a person with a single picture.
    """
    people = np.unique(faces.labels)
    if protected is None:
      if num_protected is None:
        num_protected = max(1, min(10, len(people) // 2))
      checks.whole('num_protected', num_protected, 1, len(people))
      rng = np.random.default_rng(seed)
      protected = rng.choice(people, num_protected, replace=False).tolist()
    checks.whole('num_splits', num_splits)
    splits = tuple(
      split_per_person(
        faces.labels, test_fraction, seed=seed * 10_000 + i, names=faces.names
      )
      for i in range(num_splits)
    )
    chosen = tuple(sorted(protected))
    return cls(faces, chosen, splits, targets, strangers, store, seed)

  @functools.cached_property
  def to_cloak(self) -> Rows:
    """Rows of the protected people's pictures in some split's gallery."""
    return self.own_rows(self.splits).gallery

  def own_rows(self, splits: Sequence[Split]) -> 'OwnRows':
    """Finds the protected people's pictures that some of these splits have."""
    found = []
    for rows in zip(*splits, strict=True):
      rows = np.unique(np.concatenate(rows))
      found.append(rows[np.isin(self.faces.labels[rows], self.protected)])
    gallery, probes = found
    return OwnRows(gallery, np.setdiff1d(probes, gallery))
