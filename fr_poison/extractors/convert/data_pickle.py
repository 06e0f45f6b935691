"""Reads a pickle as data: a machine for dicts, lists, strings and numbers.

Python's unpickler imports and calls what the file names, sets attributes, and
(in C) reserves as much memory as the file asks for. This one runs the few
opcodes that weights need; the names a caller allows stand for his functions,
and every other name is refused where it appears.
"""

import pickletools
from collections.abc import Callable
from typing import Any, BinaryIO

_LITERALS = {
  *('BININT', 'BININT1', 'BININT2', 'LONG1', 'BINFLOAT'),
  *('BINUNICODE', 'SHORT_BINUNICODE', 'BINSTRING', 'SHORT_BINSTRING'),
  *('BINBYTES', 'SHORT_BINBYTES'),
}
_CONSTANTS = {'NONE': None, 'NEWTRUE': True, 'NEWFALSE': False}
_EMPTY = {'EMPTY_DICT': dict, 'EMPTY_LIST': list, 'EMPTY_TUPLE': tuple}
_TUPLES = {'TUPLE1': 1, 'TUPLE2': 2, 'TUPLE3': 3}
_IGNORED = {'PROTO', 'FRAME', 'STOP'}


class Holder(dict):
  """The attributes of an object of whatever class, which is not made."""


def read(
  file: BinaryIO,
  find: Callable[[str, str], Any] = lambda module, name: None,
  persistent: Callable[[Any], Any] | None = None,
) -> Any:
  """The value of the pickle at the position of `file`, and no step further.

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
    push, pop = self.stack.append, self.stack.pop
    if name in _LITERALS:
      push(arg)
    elif name in _CONSTANTS:
      push(_CONSTANTS[name])
    elif name in _EMPTY:
      push(_EMPTY[name]())
    elif name in _TUPLES:
      push(tuple(self.since(len(self.stack) - _TUPLES[name])))
    elif method := getattr(self, '_' + name.lower(), None):
      method(arg, push, pop)
    elif name not in _IGNORED:
      raise ValueError(f'pickle opcode {name} is not allowed in weights')

  def since(self, start):
    if start < 0:
      raise ValueError('damaged pickle')
    items = self.stack[start:]
    del self.stack[start:]
    return items

  def _mark(self, arg, push, pop):
    self.marks.append(len(self.stack))

  def _tuple(self, arg, push, pop):
    push(tuple(self.since(self.marks.pop())))

  def _binput(self, index, push, pop):
    self.memo[index] = self.stack[-1]

  _long_binput = _binput

  def _memoize(self, arg, push, pop):
    self.memo[len(self.memo)] = self.stack[-1]

  def _binget(self, index, push, pop):
    push(self.memo[index])

  _long_binget = _binget

  def _append(self, arg, push, pop):
    item = pop()
    list.append(self.stack[-1], item)

  def _appends(self, arg, push, pop):
    items = self.since(self.marks.pop())
    list.extend(self.stack[-1], items)

  def _setitem(self, arg, push, pop):
    self.set_items(self.since(len(self.stack) - 2))

  def _setitems(self, arg, push, pop):
    self.set_items(self.since(self.marks.pop()))

  def set_items(self, items):
    for key, value in zip(items[::2], items[1::2], strict=True):
      if dict.__contains__(self.stack[-1], key):
        raise ValueError(f'key {key!r} appears twice')
      dict.__setitem__(self.stack[-1], key, value)

  def _global(self, arg, push, pop):
    self.push_name(*arg.split(' ', 1))

  def _stack_global(self, arg, push, pop):
    self.push_name(*self.since(len(self.stack) - 2))

  def push_name(self, module, name):
    meaning = self.find(module, name)
    if meaning is None:
      raise ValueError(f'{module}.{name} is not allowed in weights')
    self.stack.append(meaning)

  def _reduce(self, arg, push, pop):
    args = pop()
    push(pop()(*args))

  _newobj = _reduce

  def _binpersid(self, arg, push, pop):
    push(self.persistent(pop()))

  def _build(self, arg, push, pop):
    state = pop()
    if isinstance(self.stack[-1], Holder):
      self.stack[-1].update(state)
    elif not isinstance(self.stack[-1], dict):
      raise ValueError('objects are not allowed in weights')
    # else: attributes of an OrderedDict, PyTorch's `_metadata`.
