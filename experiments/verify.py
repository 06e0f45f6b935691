r"""How well networks know whether two pictures show one person, on LFW.

  python experiments/verify.py --data_dir=LFW \
    --config=experiments/configs/lfw_verification.py

LFW's own protocol: pairs in ten folds, and for each the threshold that is best
on the nine others. In LFW, a folder, are the pictures and somewhere pairs.txt.
Writes records.jsonl, table.md, roc.svg and the embeddings into --workdir.
Started again, it computes only what is missing.

Which part of a picture suits a network, at which size, is asked of view 1:
the config's argument `crops`.
"""

import dataclasses
import os
import pathlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import cli
import config_fields
import network_loader
import numpy as np
import people
import progress
import run_clock
import run_flags
from scipy import special

from fr_poison import (
  checks,
  extractors,
  files,
  keys,
  locks,
  processes,
  roc,
  verification,
)
from fr_poison.data import datasets
from fr_poison.data.datasets.trees import read_pairs
from fr_poison.extractors import cache
from fr_poison.report import figures, record_file, tables
from fr_poison.search import store
from fr_poison.text import show
from fr_poison.types import InputError

if TYPE_CHECKING:
  from fr_poison.data.datasets.prepared import Prepared

_FAR = 0.001  # false accepts at which true ones are reported
_BLOCK = 256  # pictures of which a killed run loses the work at most
# LFW's: view 1 is for choices, view 2 for what is reported.
_LISTS = {
  'view1': ('pairsDevTrain.txt', 'pairsDevTest.txt'),
  'view2': ('pairs.txt',),
}


@dataclasses.dataclass(frozen=True)
class Settings(config_fields.Fields):
  """See configs/lfw_verification.py for each field.

  Raises:
    InputError: a value that cannot be run, naming its field.
  """

  networks: tuple[str, ...] | None
  input_size: dict[str, checks.Count]
  crops: dict[str, tuple]
  align: str
  view: str
  pairs_dir: str | None
  batch_size: checks.Count

  def __post_init__(self):
    """Checks every value."""
    checks.check_fields(self, 'config.')
    config_fields.check_known('align', self.align, config_fields.ALIGNMENTS)
    config_fields.check_known('view', self.view, _LISTS)
    if self.networks is not None and not self.networks:
      raise InputError('config.networks: empty')
    known = extractors.architectures()
    config_fields.check_networks('networks', self.networks or (), known)
    config_fields.check_networks('crops', self.crops, known)
    for name, rows in self.crops.items():
      _check_rows(f'config.crops.{name}', rows)

  def check_weights(self) -> None:
    """Refuses a network that was named and has none."""
    for name in self.networks or ():
      if not network_loader.is_here(name):
        network_loader.load(name)

  def load_networks(
    self, alignment: str
  ) -> Iterator[tuple[str, extractors.Extractor]]:
    """Loads one network after the other, since all may not fit into memory.

    Each is shown its own part of pictures of that alignment, or one after the
    other those that the config has for it.

    Those that nobody named are passed over, with a line on stderr, if they do
    not load.
    """
    names = self.networks or list(filter(_is_kept, extractors.architectures()))
    rows = [(n, row) for n in names for row in self.crops.get(n, [()])]
    for name, row in progress.over('verifying', 'network')(rows, len(rows)):
      plain = name.removesuffix(extractors.MIRRORED)
      size, *crop = row or [self.input_size.get(plain)]
      crop = extractors.Crop(*crop) if crop else None
      try:
        yield name, network_loader.load(name, size, alignment, crop)
      except InputError as error:
        if self.networks:
          raise
        show(f'note: {error}', file=sys.stderr)


def _check_rows(name, rows):
  """Refuses what are not input sizes and parts of the frame."""
  try:
    parts = [(row[0], extractors.Crop(*map(float, row[1:]))) for row in rows]
  except (TypeError, ValueError, LookupError):
    raise InputError(
      f'{name}: {rows!r} are not rows of input size, left, top, width, height'
    ) from None
  for size, crop in parts:
    checks.whole(f'{name}, input size', size)
    extractors.check_crop(name, crop)


def _is_kept(name):
  return extractors.spec(name).pretrained or os.path.exists(cache.path_of(name))


def find_pairs(settings: Settings, data_dir: str | None) -> list[pathlib.Path]:
  """Finds the view's lists of pairs, each the only one of its name.

  Raises:
    InputError: there is none, or several.
  """
  if data_dir is None:
    raise InputError('--data_dir: missing: the folder of LFW')
  root = pathlib.Path(settings.pairs_dir or data_dir)
  return [_only(root, name) for name in _LISTS[settings.view]]


def _only(root, name):
  found = sorted(root.rglob(name))
  if len(found) != 1:
    names = ', '.join(map(str, found)) or f'no {name} in {root}'
    raise InputError(f'config.pairs_dir: {names}; give the folder of one')
  return found[0]


def prepare(settings: Settings, data_dir: str) -> 'Prepared':
  """Prepares LFW's pictures, and says on stderr what was found."""
  placement = people.place('lfw', settings.align)
  with config_fields.naming('--data_dir'):
    prepared = datasets.prepare(
      'lfw',
      data_dir,
      placement=placement,
      progress=progress.over('reading lfw', delay=2),
    )
  show(*prepared.report(), sep='\n', file=sys.stderr)
  return prepared


def read(
  prepared: 'Prepared', lists: list[pathlib.Path]
) -> tuple[np.ndarray, verification.Pairs, list[list[str]]]:
  """Reads the pairs; the folds of each file are others.

  Returns:
    Rows of the pictures that are in one, the pairs of these, and those of them
    in which no face was found, with reasons.

  Raises:
    InputError: see `read_pairs`.
  """
  paths = [path for _, path, _ in prepared.index()]
  with config_fields.naming('config.pairs_dir'):
    parts = [read_pairs(file, paths) for file in lists]
  folds, count = [], 0
  for part in parts:
    folds.append(part.folds + count)
    count += len(np.unique(part.folds))
  first, second, is_genuine, _ = map(np.concatenate, zip(*parts, strict=True))
  rows, index = np.unique([first, second], return_inverse=True)
  first, second = index.reshape(2, -1)
  pairs = verification.Pairs(first, second, is_genuine, np.concatenate(folds))
  used = {paths[row] for row in rows}
  assumed = [list(found) for found in prepared.assumed if found[0] in used]
  return rows, pairs, assumed


def measure(embeddings: np.ndarray, pairs: verification.Pairs) -> dict:
  """Gives the fields of a record that depend on embeddings [N, D]."""
  scores = verification.score(embeddings, pairs)
  shares = verification.accuracies(scores, pairs.is_genuine, pairs.folds)
  # Of the mean of folds, which share nobody, by Student's distribution.
  error = shares.std(ddof=1) / len(shares) ** 0.5
  reach = special.stdtrit(len(shares) - 1, 0.975) * error
  low, high = np.clip(shares.mean() + [-reach, reach], 0, 1)
  curve = roc.curve(scores, pairs.is_genuine)
  fpr, tpr = roc.corners(curve)
  return {
    'accuracy': float(shares.mean()),
    'accuracy_ci': (float(low), float(high)),
    'accuracy_std': float(shares.std()),
    'tar_at_far': {str(_FAR): roc.tpr_at_fpr(curve, _FAR)},
    'roc': {'fpr': fpr.tolist(), 'tpr': tpr.tolist()},
  }


def embed(
  settings: Settings,
  images: np.ndarray,
  alignment: str,
  folder: pathlib.Path,
) -> Iterator[tuple[np.ndarray, dict]]:
  """Embeds pictures [N, H, W, 3] by every network, into a store or from it.

  Yields:
    [N, D], and the fields of a record that are about the network.
  """
  stream = lambda size: (
    images[start : start + size] for start in range(0, len(images), size)
  )
  start = time.monotonic()
  for name, extractor in settings.load_networks(alignment):
    found = store.fill(
      folder,
      extractor,
      stream,
      len(images),
      batch_size=settings.batch_size,
      block_size=_BLOCK,
      progress=progress.over(f'embedding, {name}'),
    )
    fields = {'network': name, 'input_size': extractor.input_size}
    fields |= {'crop': extractor.crop} if extractor.crop else {}
    fields['weights'] = {name: extractor.sha256}
    fields['wall_seconds'] = time.monotonic() - start
    yield found.embeddings, fields
    start = time.monotonic()


def run(
  config: dict, workdir: pathlib.Path, data_dir: str | None
) -> list[dict]:
  """Verifies every network and writes the files; returns the records.

  Args:
    config: see configs/lfw_verification.py.
    workdir: gets the files.
    data_dir: the folder of LFW.
  """
  seconds = run_clock.start(workdir)
  # Everything that can be wrong is found before anything is written.
  settings = Settings.from_config(config)
  settings.check_weights()
  lists = find_pairs(settings, data_dir)
  prepared = prepare(settings, data_dir)
  rows, pairs, assumed = read(prepared, lists)
  shared = record_file.environment() | {
    # Wherever the pairs lie.
    'config_hash': record_file.config_hash(config | {'pairs_dir': None}),
    'dataset': 'lfw',
    'pairs': {x.name: keys.of_bytes(files.read(x)) for x in lists},
    'alignment': prepared.alignment,
    'num_images': len(rows),
    'num_pairs': len(pairs.first),
    'num_folds': len(np.unique(pairs.folds)),
    'assumed': assumed,
  }
  with locks.held(workdir):
    images, folder = prepared.images(rows), workdir / 'embeddings'
    results = [
      shared | fields | measure(embeddings, pairs)
      for embeddings, fields in embed(
        settings, images, prepared.alignment, folder
      )
    ]
    results[0]['run_seconds'] = seconds()
    processes.on_first(lambda: _write(settings, workdir, results))
  return results


def _write(settings, workdir, results):
  record_file.write(workdir / 'records.jsonl', results)
  record_file.write_text(workdir / 'table.md', tables.verification(results))
  if not settings.crops:  # or a network has several lines
    drawing = figures.verification(results).svg()
    files.write_atomic(workdir / 'roc.svg', drawing)


def main(argv):
  """Runs --config and prints its table."""
  start = time.monotonic()
  given = run_flags.parse(argv, 'lfw_verification.py')
  show(tables.verification(run(*given)))
  show(f'{time.monotonic() - start:.0f} s. See {given.workdir}')


if __name__ == '__main__':
  cli.run(main, kept='embeddings that are finished stay in --workdir')
