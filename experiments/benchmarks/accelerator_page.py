"""What was measured on an accelerator, as Markdown and beside the targets."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_TARGETS = {'float32': 1.5, 'bfloat16': 3.0}  # times PyTorch's images a second
_SHARE = 0.4  # of the peak in bfloat16, of _DEEPEST at its best batch
_DEEPEST = 'arcface_r100'


def _said(value):
  if value is None:
    return '-'
  if isinstance(value, float):
    return f'{value:.0f}' if abs(value) >= 1000 else f'{value:.3g}'
  return str(value)


def row(found: Mapping[str, Any]) -> str:
  """Writes a row as a line of names and values."""
  return ', '.join(f'{key} {_said(value)}' for key, value in found.items())


def targets(rows: Mapping[str, Sequence[Mapping]]) -> Iterator[str]:
  """Compares what was measured with what is aimed at, a line each.

  Args:
    rows: by section.
  """
  ours, theirs = {}, {}
  for one in rows.get('lowkey', ()):
    ours[one['network'], one['dtype']] = one['images_per_second']
  for one in rows.get('torch', ()):
    place = one['network'], one['dtype']
    rate = max(one['images_per_second'], theirs.get(place, 0.0))
    theirs[place] = rate
  for network, dtype in sorted(ours.keys() & theirs.keys()):
    ratio = ours[network, dtype] / theirs[network, dtype]
    yield (
      f'{network} {dtype}: {_said(ratio)} times the faster of PyTorch; aimed '
      f'at: {_TARGETS[dtype]}'
    )
  shares = [
    one['share_of_peak']
    for one in (*rows.get('lowkey', ()), *rows.get('batches', ()))
    if (one['network'], one['dtype']) == (_DEEPEST, 'bfloat16')
    and one['share_of_peak']
  ]
  if shares:
    yield (
      f'{_DEEPEST} bfloat16: {_said(max(shares))} of the peak at its best '
      f'batch; aimed at: {_SHARE}'
    )


def page(found: Mapping[str, Any]) -> str:
  """Writes the tables, what was not measured, and the targets.

  Args:
    found: what accelerator.json holds.
  """
  versions = ', '.join(f'{k} {v}' for k, v in found['versions'].items())
  parts = [f'{found["device"]}; {found["device_kind"]}; {versions}']
  for name, rows in found['rows'].items():
    if rows:
      parts += [f'{found["titles"][name]}:', _table(rows)]
  for title, texts in (
    ('Not measured', found['notes']),
    ('Targets', [*targets(found['rows'])]),
  ):
    if texts:
      parts += [f'{title}:', '\n'.join(f'- {text}' for text in texts)]
  return '\n\n'.join(parts) + '\n'


def _table(rows):
  names = list(dict.fromkeys(name for row in rows for name in row))
  cells = [[name.replace('_', ' ') for name in names], ['---'] * len(names)]
  cells += [[_said(row.get(name)) for name in names] for row in rows]
  return '\n'.join(f'| {" | ".join(line)} |' for line in cells)
