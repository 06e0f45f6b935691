"""Pictures collected over the years: clean ones, old cloaks and new ones.

Nobody starts cloaking before their first picture is online, and nobody can
cloak it again once it was scraped. So the trainer has some of a person's
pictures clean, some under an old tool and some under a newer one (the paper:
who used Fawkes 0.3 once cannot get their privacy back with 1.0).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int, Shaped

from fr_poison import checks
from fr_poison.types import Array, InputError, Labels

CLEAN = 'clean'  # the version that everybody else's pictures have


@checks.checked
def collect(
  versions: Mapping[str, Shaped[Array, 'N ...']],
  shares: Mapping[str, checks.Share],
  labels: Labels,
  protected: Sequence[int],
  *,
  seed: checks.Seed | None = None,
) -> Shaped[np.ndarray, 'N ...']:
  """Takes each protected person's pictures from the versions that `deal` says.

  Args:
    versions: pictures or embeddings, all of the same shape and type; 'clean' is
      one of them.
    shares: of some or all versions, oldest first.
    labels: whose they are.
    protected: the protected people's labels.
    seed: as in `deal`.

  Returns:
    As many; who is not protected has 'clean' pictures.

  Raises:
    InputError: no version 'clean', a share of an unknown one, versions of
      different shapes or types, or as `deal`.
  """
  if CLEAN not in versions:
    raise InputError(f'versions: {CLEAN!r} is missing')
  for name in shares:
    checks.known('shares', name, versions)
  collected = np.array(versions[CLEAN])
  for name, array in versions.items():
    if array.shape != collected.shape or array.dtype != collected.dtype:
      raise InputError(
        f'versions: {CLEAN!r} is {collected.dtype} {list(collected.shape)}, '
        f'{name!r} {array.dtype} {list(array.shape)}'
      )
  if len(labels) != len(collected):
    raise InputError(f'labels: {len(labels)} given for {len(collected)} rows')
  dealt = deal(shares, labels, protected, seed=seed)
  for index, name in enumerate(shares):
    rows = np.flatnonzero(dealt == index)
    collected[rows] = np.asarray(versions[name])[rows]
  return collected


@checks.checked
def deal(
  shares: Mapping[str, checks.Share],
  labels: Labels,
  protected: Sequence[int],
  *,
  seed: checks.Seed | None = None,
) -> Int[np.ndarray, ' N']:
  """Decides which version each picture has, for each person by themselves.

  Counts are the shares of a person's pictures, made whole by largest
  remainders (the older version at a tie): they add up, none is off by 1 or
  more, and with few pictures a small share may get none.

  Args:
    shares: in [0, 1], adding up to 1, oldest first.
    labels: whose the pictures are.
    protected: the protected people's labels.
    seed: None: a person's pictures are in order of time, so the first ones are
      of the oldest version. Otherwise the order is drawn, per person. Either
      way a split into training and test pictures is another draw, so that the
      shares among training pictures hold on average only.

  Returns:
    Indices into `shares`; -1 for who is not protected.

  Raises:
    InputError: shares are not that, a protected person without pictures, a
      negative seed.
  """
  check_shares(shares)
  labels = np.asarray(labels)
  dealt = np.full(len(labels), -1)
  for person in protected:
    rows = np.flatnonzero(labels == person)
    if not len(rows):
      raise InputError(f'protected: label {person} has no pictures')
    if seed is not None:
      # 1: with [seed, person] alone, `split_per_person` of the same seed would
      # take only the pictures of one version for testing.
      rows = np.random.default_rng([seed, person, 1]).permutation(rows)
    exact = np.array(list(shares.values())) / sum(shares.values()) * len(rows)
    counts = np.floor(exact).astype(int)
    remainders = np.round(exact - counts, 9)  # or what is a tie would not be
    order = np.argsort(-remainders, kind='stable')
    counts[order[: len(rows) - counts.sum()]] += 1
    dealt[rows] = np.repeat(np.arange(len(shares)), counts)
  return dealt


@checks.checked
def check_shares(shares: Mapping[str, checks.Share]) -> None:
  """Refuses shares outside [0, 1], and such as do not add up to 1."""
  total = sum(shares.values())
  if abs(total - 1) > 1e-6:
    raise InputError(f'shares: they add up to {total:g}, 1 expected')
