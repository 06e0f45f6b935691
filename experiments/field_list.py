"""The fields of a config: type, value, and what a comment in its file says.

A comment belongs to the field that it stands above or beside, in the config's
own file before those of the configs that it builds on.
"""

import ast
import io
import pathlib
import textwrap
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

from ml_collections import ConfigDict

from fr_poison import files

_CONFIGS = pathlib.Path(__file__).parent / 'configs'
_RUNS = 'runs.'  # a study's, each of a program with a config of its own


class Comments(NamedTuple):
  """What a file says of fields: by whole name, or by how a name ends."""

  whole: dict[str, str]
  ending: dict[str, str]

  def of(self, name: str) -> str:
    """Returns the comment on a field, or ''."""
    parts = name.split('.')
    endings = ('.'.join(parts[i:]) for i in range(1, len(parts)))
    found = (self.ending.get(ending) for ending in endings)
    return self.whole.get(name) or next(filter(None, found), '')


def lines(path: pathlib.Path, config: ConfigDict) -> Iterator[str]:
  """Lists the fields as 'config.NAME: type = value', each with its comment.

  Args:
    path: the config's file.
    config: what it gave, perhaps changed by flags.
  """
  found = [_read(file) for file in _sources(path)]
  for name, kind, value in fields(config):
    sources = found[:1] if name.startswith(_RUNS) else found
    comment = next(filter(None, (each.of(name) for each in sources)), '')
    if not isinstance(value, ConfigDict):
      yield f'config.{name}: {kind.__name__} = {value!r}'
    elif comment or not value:
      yield f'config.{name}: dict' + ' = {}' * (not value)
    if comment:
      yield textwrap.indent(textwrap.fill(comment, 76), ' ' * 4)


def fields(
  config: ConfigDict, prefix: str = ''
) -> Iterator[tuple[str, type, object]]:
  """Lists name, type and value of each field, then of those that it holds."""
  for key, value in config.items():
    yield f'{prefix}{key}', config.get_type(key), value
    if isinstance(value, ConfigDict):
      yield from fields(value, f'{prefix}{key}.')


def _sources(path):
  """The file, then those of the shipped configs that it imports."""
  found = [path]
  for file in found:
    for node in ast.walk(ast.parse(files.read(file))):
      if isinstance(node, ast.ImportFrom) and node.module == 'configs':
        names = [_CONFIGS / f'{alias.name}.py' for alias in node.names]
        found += [x for x in names if x.is_file() and x not in found]
  return found


def _read(path):
  data = files.read(path)
  reader = _Reader(data)
  reader.visit(ast.parse(data))
  return Comments(reader.whole, reader.ending)


class _Reader(ast.NodeVisitor):
  """Finds the fields that a file sets, and takes the comments on them."""

  def __init__(self, data):
    self.whole, self.ending = {}, {}
    self._above, self._beside = {}, {}
    self._prefix = ''
    for token in tokenize.tokenize(io.BytesIO(data).readline):
      if token.type == tokenize.COMMENT:
        is_alone = not token.line[: token.start[1]].strip()
        where = self._above if is_alone else self._beside
        where[token.start[0]] = token.string.lstrip('# ')

  def visit_FunctionDef(self, node):
    before, self._prefix = self._prefix, ''
    self.generic_visit(node)
    self._prefix = before

  def visit_Assign(self, node):
    *_, target = node.targets
    before = self._prefix
    for each in getattr(target, 'elts', [target]):
      self._prefix = ast.unparse(each)
      self._take(self._prefix, node)
    self.visit(node.value)
    self._prefix = before

  def visit_Dict(self, node):
    before = self._prefix
    for key, value in zip(node.keys, node.values, strict=True):
      if isinstance(key, ast.Constant) and isinstance(key.value, str):
        self._prefix = f'{before}.{key.value}'
        self._take(self._prefix, key)
      self.visit(value)
      self._prefix = before

  def _take(self, name, node):
    above, line = [], node.lineno - 1
    while line in self._above:
      above.insert(0, self._above.pop(line))
      line -= 1
    comment = ' '.join([*above, self._beside.pop(node.lineno, '')]).strip()
    # Of another variable than `config` a field is known by its ending.
    holder, _, field = name.partition('.')
    if field and comment:
      found = self.whole if holder == 'config' else self.ending
      found.setdefault(field, comment)
