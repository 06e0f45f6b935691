"""Reads a pickle as data: a machine for dicts, lists, strings and numbers.

Python's unpickler imports and calls what the file names, sets attributes, and
(in C) reserves as much memory as the file asks for. This one runs the few
opcodes that weights need; the names a caller allows stand for the caller's own
functions, and every other name is refused where it appears. Whatever is
hashed, compared, formatted or called has a known type before: a tuple of tuples
of itself would be hashed without end, in C.
"""

import pickletools
import types
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from fr_poison.extractors.convert import limits

_LITERALS = {
  *('BININT', 'BININT1', 'BININT2', 'LONG1', 'BINFLOAT'),
  *('BINUNICODE', 'SHORT_BINUNICODE', 'BINSTRING', 'SHORT_BINSTRING'),
  *('BINBYTES', 'SHORT_BINBYTES'),
}
_VALUES = {
  **{'NONE': lambda: None, 'NEWTRUE': lambda: True, 'NEWFALSE': lambda: False},
  **{'EMPTY_DICT': dict, 'EMPTY_LIST': list, 'EMPTY_TUPLE': tuple},
}
_TAKEN = {  # values off the stack; 0 are all behind a mark
  **{'TUPLE': 0, 'TUPLE1': 1, 'TUPLE2': 2, 'TUPLE3': 3},
  **{'APPENDS': 0, 'APPEND': 1, 'SETITEMS': 0, 'SETITEM': 2},
  **{'STACK_GLOBAL': 2, 'REDUCE': 2, 'NEWOBJ': 2, 'BINPERSID': 1, 'BUILD': 1},
}
_KEYS = str, int, float, bool, type(None)
_MAX_KEY = 1 << 60  # beyond it, many integers have the same hash
_FUNCTIONS = type, types.FunctionType
_MAX_DEPTH = 100
# What an opcode makes may take 200 bytes. That many say 5000 tensors, or as
# many as there are for each kilobyte of weights.
_MAX_OPCODES, _BYTES_AN_OPCODE = 250_000, 64


class Holder:
  """What a pickle says of an object of whatever class, which is not made.

  `args` would be given to the class, `state` to the object.
  """

  state = None

  def __init__(self, *args):
    """Keeps what the class would be called with."""
    self.args = args


def read(
  file: BinaryIO,
  find: Callable[[str, str], Any] = lambda module, name: None,
  persistent: Callable[[Any], Any] | None = None,
  *,
  size: int,
) -> Any:
  """Reads the pickle at the position of `file`, and no step further.

  Args:
    file: its bytes, in memory.
    find: what the name of a module stands for, None if it is not allowed. Only
      what it returns is ever called, with what the pickle says.
    persistent: what an id of something outside the pickle stands for.
    size: bytes of the whole file, against which the opcodes are counted.

  Raises:
    ValueError: a name or an opcode that is not allowed, too many of these, or
      a key that is none or met twice.
    Exception: nearly any other, from a damaged pickle.
  """
  machine = _Machine(find, persistent)
  left = _MAX_OPCODES + size // _BYTES_AN_OPCODE
  for opcode, arg, _ in pickletools.genops(file):
    machine.step(opcode.name, arg)
    left -= 1
    if left < 0:
      raise ValueError('a pickle of more steps than weights need')
  (value,) = machine.stack
  return value


class _Machine:
  """A pickle's stack, marks and memo."""

  def __init__(self, find, persistent):
    self.stack, self.marks, self.memo = [], [], {}
    self.find, self.persistent = find, persistent

  def step(self, name, arg):
    """Runs an opcode."""
    stack = self.stack
    if name in _LITERALS:
      stack.append(arg)
    elif name in _VALUES:
      stack.append(_VALUES[name]())
    elif name == 'MARK':
      self.marks.append(len(stack))
    elif name in ('BINPUT', 'LONG_BINPUT', 'MEMOIZE'):
      self.memo[len(self.memo) if name == 'MEMOIZE' else arg] = stack[-1]
    elif name in ('BINGET', 'LONG_BINGET'):
      stack.append(self.memo[arg])
    elif name == 'GLOBAL':
      stack.append(self.meaning(*arg.split(' ', 1)))
    elif name in _TAKEN:
      count = _TAKEN[name]
      start = len(stack) - count if count else self.marks.pop()
      if start < 0:
        raise ValueError('damaged pickle')
      items = stack[start:]
      del stack[start:]
      self.combine(name, items)
    elif name not in ('PROTO', 'FRAME', 'STOP'):
      raise ValueError(f'pickle opcode {name} is not allowed in weights')

  def combine(self, name, items):
    """Runs an opcode that took `items` off the stack."""
    stack = self.stack
    if name.startswith('TUPLE'):
      stack.append(tuple(items))
    elif name.startswith('APPEND'):
      list.extend(stack[-1], items)
    elif name.startswith('SETITEM'):
      for key, value in zip(items[::2], items[1::2], strict=True):
        _check_key(key)
        if dict.__contains__(stack[-1], key):
          raise ValueError(f'key {limits.shown(key)} appears twice')
        dict.__setitem__(stack[-1], key, value)
    elif name == 'STACK_GLOBAL':
      stack.append(self.meaning(*items))
    elif name == 'BINPERSID':
      stack.append(self.persistent(*items))
    elif name != 'BUILD':
      function, args = items
      if type(function) not in _FUNCTIONS or type(args) is not tuple:
        raise ValueError('damaged pickle')
      stack.append(function(*args))
    elif isinstance(stack[-1], Holder):
      (stack[-1].state,) = items
    elif not isinstance(stack[-1], dict):
      raise ValueError('objects are not allowed in weights')
    # else: attributes of an OrderedDict, PyTorch's `_metadata`.

  def meaning(self, *names):
    """Looks up what the caller has for a module's name."""
    if not all(type(name) is str for name in names):
      raise ValueError(f'{limits.shown(names)} is no name')
    found = self.find(*names)
    if found is None:
      shown = '.'.join(name[:100] for name in names)
      raise ValueError(f'{shown} is not allowed in weights')
    return found


def _check_key(key):
  is_key = type(key) in _KEYS
  if type(key) is int:
    is_key = abs(key) <= _MAX_KEY
  elif type(key) is str:
    is_key = len(key) <= limits.MAX_NAME
  if not is_key:
    raise ValueError(f'{limits.shown(key)} is no key of a dict of weights')


def leaves(tree: Any, kind: type) -> Iterator[tuple[str, Any]]:
  """Yields every `kind` of object below dicts, lists and tuples.

  Named by its path, 'a.0.b'. A part that is there twice gives its first names,
  which also ends a tree that contains itself; what is of another kind is left
  out.

  Raises:
    ValueError: a name that `limits.Names` refuses, or more than 100 levels.
  """
  seen, names = set(), limits.Names()

  def walk(tree, name, depth=0):
    if isinstance(tree, kind):
      names.add(name)
      yield name, tree
      return
    if depth > _MAX_DEPTH:
      raise ValueError(f'more than {_MAX_DEPTH} levels')
    if isinstance(tree, Holder):
      tree = tree.state  # its attributes
    if isinstance(tree, dict | list | tuple) and id(tree) not in seen:
      seen.add(id(tree))
      items = tree.items() if isinstance(tree, dict) else enumerate(tree)
      for key, value in items:
        # Longer than a name may be, it need not grow to be refused.
        if len(name) <= limits.MAX_NAME:
          inner = f'{name}.{key}' if name else str(key)
        else:
          inner = name
        yield from walk(value, inner, depth + 1)

  return walk(tree, '')
