"""What poison.py prints of a folder: what is there, came out, comes next."""

import collections
import pathlib
import statistics
import sys
from collections.abc import Sequence

import jax
from interruption import quoted

from fr_poison import photos, text
from fr_poison.photos.tree import MANIFEST
from fr_poison.report import record_file


def show_start(found: photos.Run, source: str | pathlib.Path) -> None:
  """Prints how many pictures there are, how many are left, and on what."""
  total = len(found.paths)
  people = {path.partition('/')[0] for path in found.paths if '/' in path}
  loose = sum('/' not in path for path in found.paths)
  parts = [f'{loose} loose'] * bool(loose)
  if people:
    parts.append(f'{total - loose} in {text.count(len(people), "folder")}')
  number = text.count(total, 'picture')
  text.show(
    f'{text.line(source)}: {number} ({", ".join(parts)}); '
    f'{_others(found.num_ignored)}'
  )
  device = record_file.environment()['device']
  done = total - len(found.manifest.rows)
  text.show(
    f'{device}, jax {jax.__version__}: {done} of {total} pictures to do'
  )
  if len(found.left) > 1:
    text.show(
      'How long it takes is printed from the first cloak on, which waits for '
      'compiling. If it is stopped, the same command goes on.'
    )


def show_left_out(rows: Sequence[dict], orphans: Sequence[str]) -> None:
  """Prints every picture without a cloak and every orphan, on stderr."""
  for row in rows:
    if row['status'] != 'cloaked':
      status = row['status'].replace('_', ' ')
      line = f'{status}: {row["input"]!r}: {text.line(row["reason"])}'
      text.show(line, file=sys.stderr)
  for name in orphans:
    text.show(
      f'orphan: {name!r}: its picture is gone from --input, has changed or is '
      'called otherwise; --delete_orphans deletes it',
      file=sys.stderr,
    )


def show_result(
  rows: Sequence[dict], num_ignored: int, output: str | pathlib.Path
) -> None:
  """Prints how many pictures are cloaked, where, and at what loss."""
  cloaked = [row for row in rows if row['status'] == 'cloaked']
  moved = [x['feature_displacement'] for x in cloaked if x['format'] == 'jpeg']
  if shares := [x['saved'] / x['float'] for x in moved if x['float']]:
    text.show(
      f'{len(moved)} saved as JPEG, which leaves '
      f'{100 * statistics.median(shares):.0f}% of how far they moved (median); '
      '--config.output.format=png loses nothing, in files some 3 to 6 times as '
      'large'
    )
  counts = collections.Counter(row['status'] for row in rows)
  parts = [f'{counts["cloaked"]} cloaked{_where(cloaked)}']
  for status in ('not_improved', 'unreadable', 'failed'):
    if counts[status] or status != 'failed':
      parts.append(f'{counts[status]} {status.replace("_", " ")}')
  place = text.line(pathlib.Path(output) / MANIFEST)
  text.show(f'{", ".join(parts)}; {_others(num_ignored)}. See {place}')


def next_command(source: str, output: str, surrogates: Sequence[str]) -> str:
  """Writes the command that measures these cloaks, as a shell takes it."""
  here = pathlib.Path(sys.argv[0]).parent
  words = [
    here / 'evaluate.py',
    f'--config={here / "configs" / "my_cloaks.py"}',
    f'--config.originals={source}',
    f'--config.cloaked={output}',
    # Whose double quotes a shell takes within single ones.
    f'--config.made_for={tuple(surrogates)!r}'.replace("'", '"'),
  ]
  return ' '.join(['python', *(quoted(str(word)) for word in words)])


def _others(number):
  return f'{number} ignored, which are no pictures' if number else '0 ignored'


def _where(cloaked):
  """How many on their faces, and how many as a whole."""
  counts = collections.Counter(row['align'] for row in cloaked)
  whole = counts.pop('none', 0)
  parts = [f'{whole} as a whole'] * bool(whole)
  if counts:
    template = ' and '.join(sorted(counts))
    faces = text.count(sum(len(row['faces']) for row in cloaked), 'face')
    parts.insert(0, f'{faces} in {counts.total()} on the template {template}')
  return f' ({", ".join(parts)})' if parts else ''
