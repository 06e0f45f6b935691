"""What poison.py prints at its end: what was done, and what stays uncloaked."""

import collections
import pathlib
import statistics
import sys

import photo_tree


def printable(text: str) -> str:
  """Names may hold anything; a terminal should not act on it."""
  return ''.join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _summary(rows, num_ignored):
  counts = collections.Counter(row['status'] for row in rows)
  parts = [
    f'{counts["cloaked"]} cloaked{_where(rows)}',
    f'{counts["not_improved"]} not improved',
    f'{counts["unreadable"]} unreadable',
    f'{num_ignored} ignored',
  ]
  if counts['failed']:
    parts.insert(3, f'{counts["failed"]} failed')
  return ', '.join(parts)


def _where(rows):
  """How many on their faces, and how many as a whole."""
  counts = collections.Counter(
    row['align'] for row in rows if row['status'] == 'cloaked'
  )
  whole = counts.pop('none', 0)
  parts = [f'{whole} as a whole'] * bool(whole)
  if counts:
    template = ' and '.join(sorted(counts))
    parts.insert(0, f"{counts.total()} on the face's template ({template})")
  return f' ({", ".join(parts)})' if parts else ''


def _saving(rows):
  """What JPEG leaves of the cloaks, if some are saved as JPEG."""
  moved = [
    row['feature_displacement']
    for row in rows
    if row['format'] == 'jpeg' and row['status'] == 'cloaked'
  ]
  shares = [x['saved'] / x['float'] for x in moved if x['float']]
  if not shares:
    return []
  return [
    f'{len(moved)} saved as JPEG, which leaves '
    f'{100 * statistics.median(shares):.0f}% of how far they moved (median); '
    '--config.output.format=png loses nothing, in files some 3 to 6 times as '
    'large'
  ]


def show(
  rows: list[dict], orphans: list[str], num_ignored: int, output: str
) -> None:
  """Prints every picture without a cloak and every orphan, then the sum.

  Args:
    rows: of the manifest.
    orphans: cloaks whose pictures are gone.
    num_ignored: entries of the input folder that are no pictures.
    output: the folder of the cloaks.
  """
  for row in rows:
    if row['status'] != 'cloaked':
      status = row['status'].replace('_', ' ')
      line = f'{status}: {row["input"]!r}: {printable(row["reason"])}'
      print(line, file=sys.stderr)
  for name in orphans:
    print(
      f'orphan: {name!r}: its picture is gone from --input, has changed or is '
      'called otherwise; --delete_orphans deletes it',
      file=sys.stderr,
    )
  for line in _saving(rows):
    print(line)
  place = pathlib.Path(output) / photo_tree.MANIFEST
  print(f'{_summary(rows, num_ignored)}. See {printable(str(place))}')
