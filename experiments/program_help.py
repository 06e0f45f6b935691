"""What --help and --helpfull print, from a program's docstring and its flags.

--help is short: what the program does, one command, the three flags that the
docstring names first.
"""

import re
import textwrap

from absl import flags

_WIDTH = 80


def brief(doc: str, values: flags.FlagValues) -> str:
  """Writes what the program does, an example and three flags, a line each.

  Args:
    doc: the docstring: what it does, an example, how; what follows is left to
      `full`.
    values: all flags.
  """
  named = dict.fromkeys(re.findall(r'--(\w+)', doc))
  shown = [values[name] for name in named if name in values][:3]
  width = max(len(flag.name) for flag in shown)
  parts = doc.strip().split('\n\n')[:3]
  parts.append('\n'.join(_entry(flag, width) for flag in shown))
  more = ['--helpfull lists all flags.']
  if 'list_fields' in values:
    more.insert(0, '--config=FILE --list_fields lists the fields of a config.')
  return '\n\n'.join([*parts, '\n'.join(more)])


def _entry(flag, width):
  head = f'  --{flag.name:{width}}  '
  text = flag.help.partition(';\n')[0]  # absl adds how to repeat a flag
  return textwrap.fill(
    text, _WIDTH, initial_indent=head, subsequent_indent=' ' * len(head)
  )


def full(doc: str, values: flags.FlagValues) -> str:
  """Writes the whole docstring, and every flag of every module."""
  return f'{doc.strip()}\n\n{values.get_help()}'
