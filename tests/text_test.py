"""No name from a file steers a terminal, whichever way it is printed."""

import ast
import io
import re
import subprocess
import sys
import unicodedata

import hypothesis
import pytest
from hypothesis import strategies as st

from fr_poison import text
from fr_poison.types import InputError, NotKeptError

# A title, the clipboard, text turned around, a zero width, half a pair.
HOSTILE = '\x1b]0;owned\x07\x1b]52;c;cm0=\x07\u202efdp.exe\u200b\x9b31m\udcff'
_ROOMS = 'fr_poison', 'experiments'


def is_clean(shown: str) -> bool:
  """Whether a terminal shows it as it is, and a file can hold it."""
  kinds = {unicodedata.category(c) for c in shown if c not in '\n\t'}
  return not kinds & {'Cc', 'Cf', 'Cs', 'Co', 'Cn', 'Zl', 'Zp'}


@hypothesis.given(
  st.text(st.integers(0, 0x10FFFF).map(chr) | st.sampled_from(HOSTILE))
)
@hypothesis.settings(
  max_examples=60, derandomize=True, database=None, deadline=None
)
def test_nothing_that_a_terminal_obeys_passes(name):
  assert is_clean(text.clean(name)) and is_clean(str(InputError(name)))
  assert is_clean(line := text.line(name)) and '\n' not in line
  for encoding in ('utf-8', 'ascii', 'cp1252'):
    file = io.TextIOWrapper(raw := io.BytesIO(), encoding)
    text.show(name, file=file)
    assert is_clean(raw.getvalue().decode(encoding))


def test_what_is_hidden_is_shown_and_the_rest_is_as_it_was():
  assert text.clean('Zoë\t1\n\x1b[2J\u202e') == 'Zoë\t1\n\\x1b[2J\\u202e'
  assert text.clean('\udcff\U000e0041') == '\\udcff\\U000e0041'
  assert text.line(' a\r\n b\x85\u2028c\x07') == 'a b c\\x07'
  # Names that differ still do.
  assert text.line('a\u200b') != text.line('a\u200c')


def test_values_are_shown_as_by_print(capsys):
  text.show('a', 1, sep='\n')
  text.show('b', file=sys.stderr)
  assert capsys.readouterr() == ('a\n1\n', 'b\n')


def test_messages_are_clean_where_they_are_made():
  # So a worker of pytest can send a failure's text, whatever is in it.
  for kind in (InputError, NotKeptError):
    assert HOSTILE not in str(kind(HOSTILE)) and str(kind(HOSTILE)).encode()


_PRINTING = {
  *('print', 'sys.stdout.write', 'sys.stderr.write', 'tqdm.write'),
  *('warnings.warn', 'traceback.print_exc'),
}


def _spoken(path):
  """Calls that print past `text`, each with its line."""
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Call):
      called = ast.unparse(node.func)
      is_log = called in ('logging.warning', 'logging.info', 'logging.error')
      said = ast.unparse(node)
      is_bare = is_log and not re.search(r'\btext\.(clean|line)\(', said)
      if is_bare or called in _PRINTING:
        yield f'{path.name}:{node.lineno}: {called}'


def test_nothing_is_printed_past_it(root):
  sources = [p for room in _ROOMS for p in sorted((root / room).rglob('*.py'))]
  others = [p for p in sources if p != root / 'fr_poison' / 'text.py']
  assert len(others) == len(sources) - 1
  assert [line for path in others for line in _spoken(path)] == []


def test_a_print_is_found(tmp_path):
  (path := tmp_path / 'one.py').write_text(
    "print(1)\nlogging.warning('%s', x)\nlogging.info(text.clean(x))\n"
  )
  assert [*_spoken(path)] == ['one.py:1: print', 'one.py:2: logging.warning']


# Ends as its last word says.
_PROGRAM = f"""
import logging, sys, warnings
import cli

name = {HOSTILE!r}

def main(argv):
  logging.getLogger('a.package').warning('%s', name)
  warnings.warn(name)
  print('out')
  faults = {{'fault': KeyError(f'a{{name}}'), 'error': OSError(5, name, name)}}
  raise faults[sys.argv[0]]

sys.argv = [sys.argv[1]]
cli.run(main)
"""


@pytest.mark.parametrize('end, status', [('fault', 1), ('error', 2)])
def test_logs_warnings_and_faults_of_a_program_are_clean(root, end, status):
  done = subprocess.run(
    [sys.executable, '-c', _PROGRAM, end],
    cwd=root / 'experiments',
    capture_output=True,
    env={'PYTHONPATH': str(root), 'PYTHONIOENCODING': 'utf-8:surrogatepass'},
  )
  said = done.stderr.decode('utf-8', 'surrogatepass')
  assert (done.returncode, done.stdout) == (status, b'out\n'), said
  assert is_clean(said) and said.count('owned') >= 3


def test_one_thing_is_not_several():
  assert text.count(1, 'picture') == '1 picture'
  assert [text.count(x, 'face') for x in (0, 2)] == ['0 faces', '2 faces']
  found = [text.count(x, 'person', 'people') for x in (1, 3)]
  assert found == ['1 person', '3 people']
