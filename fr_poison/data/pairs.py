"""Which cloaked picture is of which original: by their names, nothing else."""

import collections
import difflib
import posixpath
import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from fr_poison.data.placement import Rejected
from fr_poison.types import InputError

# What Fawkes (with its mode, in some versions) and LowKey add to a name.
SUFFIX = '_((low|mid|high)_)?cloaked|_attacked'
# Between a whole name and the extension where poison.py has to keep a.jpg
# apart from A.jpg on every file system.
_DIGEST = re.compile(r'\.[0-9a-f]{8}\Z')
_NUM_COMPARED = 100  # names of each kind
_NUM_SHOWN = 4  # pictures that one cloak may be of
_MIN_ALIKE = 0.5  # of the shorter name, in one piece
_RESIZED = '_small'  # LowKey's copy of the original at the size of its cloak


class Pair(NamedTuple):
  """The paths of a picture and of its cloaked version."""

  original: str
  cloaked: str


def match(
  originals: Iterable[str],
  cloaked: Iterable[str] | None = None,
  suffix: str = SUFFIX,
) -> tuple[list[Pair], list[Rejected]]:
  """Pairs by folder and name, in Unicode's form NFC and without extension.

  A cloak has its original's name, with a suffix or without; or, as poison.py
  writes it where names would collide, with the original's extension kept:
  a.jpg.png. One that lies in no folder may be of an original in any, so that
  originals can be sorted by person after they were cloaked. A name that stands
  for two pictures stands for none.

  Args:
    originals: '/'-separated paths, relative to their tree.
    cloaked: the same of another tree; None: they lie beside the originals,
      and have the suffix.
    suffix: a regular expression.

  Returns:
    The pairs, sorted; and every other picture with its reason.

  Raises:
    InputError: `suffix` is no regular expression.
  """
  try:
    pattern = re.compile(f'(?:{suffix})\\Z')
  except re.error as error:
    raise InputError(f'suffix: {suffix!r}: {error}') from error
  originals = sorted(originals)
  if cloaked is None:
    is_cloak = lambda path: pattern.search(_stem(path))
    cloaked = filter(is_cloak, originals)
    originals = [path for path in originals if not is_cloak(path)]
  pairs, rejected = [], []
  cloaks = _assign(sorted(cloaked), originals, pattern, rejected)
  for path in originals:
    found = cloaks[path]
    if len(found) == 1:
      pairs.append(Pair(path, found[0]))
      continue
    rejected.append(Rejected(path, f'has {len(found) or "no"} cloaks'))
    rejected += [Rejected(x, f'one of several of {path}') for x in found]
  return pairs, sorted(rejected)


def nearest(
  originals: Iterable[str],
  cloaked: Iterable[str] | None = None,
  suffix: str = SUFFIX,
) -> Pair | None:
  """Finds two names that are nearly a pair, where `match`, given these, fails.

  Only the first names of each kind are compared, without `cloaked` any two of
  the originals. None: no two are alike.
  """
  pattern, alike, found = re.compile(f'(?:{suffix})\\Z'), (_MIN_ALIKE, 0), None
  first = sorted(originals)[:_NUM_COMPARED]
  for other in first if cloaked is None else sorted(cloaked)[:_NUM_COMPARED]:
    name = pattern.sub('', _stem(other))
    matcher = difflib.SequenceMatcher(b=name)
    for path in first:
      if path == other and cloaked is None:
        continue
      matcher.set_seq1(_stem(path))
      shorter = max(min(len(name), len(_stem(path))), 1)
      common = matcher.find_longest_match().size / shorter
      if (common, matcher.ratio()) > alike:
        alike, found = (common, matcher.ratio()), Pair(path, other)
  return found


def _assign(cloaked, originals, pattern, rejected):
  """Each original's cloaks; those of none or of several are `rejected`."""
  stems, names, anywhere = (collections.defaultdict(list) for _ in range(3))
  for path in originals:
    stems[_stem(path)].append(path)
    names[_normal(path)].append(path)
    for name in {_stem(path), _normal(path)}:
      anywhere[posixpath.basename(name)].append(path)
  cloaks = collections.defaultdict(list)
  for path in cloaked:
    stem = _stem(path)
    shorter = pattern.sub('', stem), _DIGEST.sub('', stem)
    places = (
      known[name + more]
      for name in dict.fromkeys((stem, *shorter))
      for known, more in (
        *((stems, ''), (names, ''), (stems, _RESIZED)),
        (anywhere, ''),  # A path with a folder is no such name.
      )
    )
    found = next(filter(None, places), [])
    if len(found) == 1:
      cloaks[found[0]].append(path)
    else:
      # Not all: as many cloaks may each be of any of as many pictures.
      more = f' and {len(found) - _NUM_SHOWN} more'
      more *= len(found) > _NUM_SHOWN
      reason = 'a cloak of any of ' + ', '.join(found[:_NUM_SHOWN]) + more
      rejected.append(Rejected(path, reason if found else 'a cloak of nothing'))
  return cloaks


def _normal(path: str) -> str:
  return unicodedata.normalize('NFC', path)


def _stem(path: str) -> str:
  return posixpath.splitext(_normal(path))[0]
