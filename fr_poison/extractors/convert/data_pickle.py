"""Reads a pickle as data: a machine for dicts, lists, strings and numbers.

Python's unpickler imports and calls what the file names, sets attributes, and
(in C) reserves as much memory as the file asks for. This one runs the few
opcodes that weights need; the names a caller allows stand for the caller's own
functions, and every other name is refused where it appears.
"""

import pickletools
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

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
_MAX_NAME = 10_000


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
) -> Any:
  """Reads the pickle at the position of `file`, and no step further.

  Args:
    file: its bytes, in memory.
    find: what the name of a module stands for, None if it is not allowed. Only
      what it returns is ever called, with what the pickle says.
    persistent: what an id of something outside the pickle stands for.

  Raises:
    ValueError: a name or an opcode that is not allowed, or a key met twice.
    Exception: nearly any other, from a damaged pickle.
  """
  machine = _Machine(find, persistent)
  for opcode, arg, _ in pickletools.genops(file):
    machine.step(opcode.name, arg)
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
        if dict.__contains__(stack[-1], key):
          raise ValueError(f'key {key!r} appears twice')
        dict.__setitem__(stack[-1], key, value)
    elif name == 'STACK_GLOBAL':
      stack.append(self.meaning(*items))
    elif name == 'BINPERSID':
      stack.append(self.persistent(*items))
    elif name != 'BUILD':
      function, args = items
      stack.append(function(*args))
    elif isinstance(stack[-1], Holder):
      (stack[-1].state,) = items
    elif not isinstance(stack[-1], dict):
      raise ValueError('objects are not allowed in weights')
    # else: attributes of an OrderedDict, PyTorch's `_metadata`.

  def meaning(self, *names):
    """Looks up what the caller has for a module's name."""
    found = self.find(*names)
    if found is None:
      raise ValueError(f'{".".join(names)} is not allowed in weights')
    return found


def leaves(tree: Any, kind: type) -> Iterator[tuple[str, Any]]:
  """Yields every `kind` of object below dicts, lists and tuples.

  Named by its path, 'a.0.b'. A part that is there twice gives its first names,
  which also ends a tree that contains itself; what is of another kind is left
  out.

  Raises:
    ValueError: a name of more than 10,000 letters, or two of one name.
  """
  seen, names = set(), set()

  def walk(tree, name):
    if len(name) > _MAX_NAME:  # a long key, again at every depth
      raise ValueError(f'{name[:40]!r}...: a name of {len(name)} letters')
    if isinstance(tree, kind):
      if name in names:
        raise ValueError(f'{name} appears twice')
      names.add(name)
      yield name, tree
      return
    if isinstance(tree, Holder):
      tree = tree.state  # its attributes
    if isinstance(tree, dict | list | tuple) and id(tree) not in seen:
      seen.add(id(tree))
      items = tree.items() if isinstance(tree, dict) else enumerate(tree)
      for key, value in items:
        yield from walk(value, f'{name}.{key}' if name else str(key))

  return walk(tree, '')
