"""Reads a pickle as data: a machine for dicts, lists, strings and numbers.

Python's unpickler imports and calls what the file names, sets attributes, and
(in C) reserves as much memory as the file asks for. This one runs the few
opcodes that weights need; the names a caller allows stand for the caller's own
functions, and every other name is refused where it appears.
"""

import pickletools
from collections.abc import Callable
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
_TAKEN = {  # values off the stack; others take all behind a mark
  **{'TUPLE1': 1, 'TUPLE2': 2, 'TUPLE3': 3, 'APPEND': 1, 'SETITEM': 2},
  **{'STACK_GLOBAL': 2, 'REDUCE': 2, 'NEWOBJ': 2, 'BINPERSID': 1, 'BUILD': 1},
}
_IGNORED = {'PROTO', 'FRAME', 'STOP'}


class Holder(dict):
  """What a pickle says of an object of whatever class, which is not made.

  `args` would be given to the class, `state` to the object; the state's
  attributes, where it has those, are the items.
  """

  state = None

  def __init__(self, *args):
    """Has no items yet."""
    super().__init__()
    self.args = args

  def build(self, state):
    """Takes the state that the pickle sets."""
    self.state = state
    if isinstance(state, dict):
      self.update(state)


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
    if opcode.name not in _IGNORED:
      machine.step(opcode.name, arg)
  (value,) = machine.stack
  return value


class _Machine:
  """A pickle's stack, marks and memo."""

  def __init__(self, find, persistent):
    self.stack, self.marks, self.memo = [], [], {}
    self.find, self.persistent = find, persistent

  def step(self, name, arg):
    """Runs an opcode that gives a value, or fills a container."""
    if name in _LITERALS:
      self.stack.append(arg)
    elif name in _VALUES:
      self.stack.append(_VALUES[name]())
    elif name == 'MARK':
      self.marks.append(len(self.stack))
    elif name in ('BINPUT', 'LONG_BINPUT', 'MEMOIZE'):
      index = len(self.memo) if name == 'MEMOIZE' else arg
      self.memo[index] = self.stack[-1]
    elif name in ('BINGET', 'LONG_BINGET'):
      self.stack.append(self.memo[arg])
    elif name.startswith('TUPLE'):
      self.stack.append(tuple(self.pop(name)))
    elif name in ('APPEND', 'APPENDS'):
      items = self.pop(name)
      list.extend(self.stack[-1], items)
    elif name in ('SETITEM', 'SETITEMS'):
      items = self.pop(name)
      for key, value in zip(items[::2], items[1::2], strict=True):
        if dict.__contains__(self.stack[-1], key):
          raise ValueError(f'key {key!r} appears twice')
        dict.__setitem__(self.stack[-1], key, value)
    else:
      self.step_outside(name, arg)

  def step_outside(self, name, arg):
    """Runs an opcode that has to do with what is not in the pickle."""
    if name in ('GLOBAL', 'STACK_GLOBAL'):
      names = arg.split(' ', 1) if name == 'GLOBAL' else self.pop(name)
      meaning = self.find(*names)
      if meaning is None:
        raise ValueError(f'{".".join(names)} is not allowed in weights')
      self.stack.append(meaning)
    elif name in ('REDUCE', 'NEWOBJ'):
      function, args = self.pop(name)
      self.stack.append(function(*args))
    elif name == 'BINPERSID':
      self.stack.append(self.persistent(*self.pop(name)))
    elif name == 'BUILD':
      (state,) = self.pop(name)
      if isinstance(self.stack[-1], Holder):
        self.stack[-1].build(state)
      elif not isinstance(self.stack[-1], dict):
        raise ValueError('objects are not allowed in weights')
      # else: attributes of an OrderedDict, PyTorch's `_metadata`.
    else:
      raise ValueError(f'pickle opcode {name} is not allowed in weights')

  def pop(self, name):
    """Takes what the opcode takes off the stack, or all behind a mark."""
    count = _TAKEN.get(name)
    start = len(self.stack) - count if count else self.marks.pop()
    if start < 0:
      raise ValueError('damaged pickle')
    items = self.stack[start:]
    del self.stack[start:]
    return items
