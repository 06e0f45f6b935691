"""Plain English in pages, docstrings and messages: no long sentence, no filler.

A habit that is found here is one that was: each makes a reader ask who did
what, or read twice.
"""

import ast
import re
import tomllib

import pytest
from doc_commands import PAGES, ROOT

_MOST_WORDS = 45
_HABITS = {
  'he': r'he(?! et al)|his|him|himself|she|her',
  'told': r'told|tells?|telling',
  'just': r'just|simply|very|obviously|basically',
  'is being': r'(?:is|are|was|were)\s+being',
  'the the': r'([a-z]{2,})\s+\1',
}
# Paragraphs, items of a list, cells of a table and arguments are apart.
_APART = re.compile(r'\n\s*\n|\n\s*(?:[-*]|\d+\.) |\||\n\s*\w+:\s')
_END = re.compile(r'(?<=[.!?])[)"\'*]*\s')


def _faults(text):
  """Yields the habits of a text, and the start of each long sentence."""
  text = re.sub(r'`[^`]*`', 'X', text)
  for habit, pattern in _HABITS.items():
    if found := re.search(rf'\b(?:{pattern})\b', text, re.IGNORECASE):
      yield f'{habit}: {found[0]}'
  for part in _APART.split(text):
    for sentence in _END.split(part):
      words = re.findall(r'[^\W_]\S*', sentence)
      if len(words) > _MOST_WORDS:
        yield f'{len(words)} words: {" ".join(words[:6])}'


def _page(path):
  """A page's text without code and comments."""
  text = path.read_text(encoding='utf-8')
  yield re.sub(r'```.*?```|<!--.*?-->', '', text, flags=re.DOTALL)


def _program(path):
  """Docstrings, messages and all else that is quoted, with {} for a value."""
  parts = set()
  for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
    if isinstance(node, ast.JoinedStr):
      parts.update(node.values)
      is_text = lambda part: isinstance(part, ast.Constant)
      yield ''.join(p.value if is_text(p) else '{}' for p in node.values)
    elif isinstance(node, ast.Constant) and node not in parts:
      if isinstance(node.value, str):
        yield node.value


def _texts(path):
  """The sentences of a report, wherever they stand in its file."""

  def walk(value):
    if isinstance(value, str):
      yield value
    elif isinstance(value, list | dict):
      for one in value.values() if isinstance(value, dict) else value:
        yield from walk(one)

  return walk(tomllib.loads(path.read_text(encoding='utf-8')))


_ROOMS = 'fr_poison', 'experiments', 'notebooks'
_SOURCES = [
  *((_page, page) for page in {*PAGES, *ROOT.glob('*.md')}),
  *((_program, p) for room in _ROOMS for p in (ROOT / room).rglob('*.py')),
  *((_texts, path) for path in (ROOT / 'fr_poison').rglob('*.toml')),
]


def test_english_is_plain():
  wrong = [
    f'{path.relative_to(ROOT)}: {fault}'
    for read, path in _SOURCES
    for text in read(path)
    for fault in _faults(text)
  ]
  assert not wrong, '\n'.join(sorted(wrong))


@pytest.mark.parametrize(
  'text, expected',
  [
    ('The trainer moves. So does He et al. (2016).', []),
    ('He moves last.', ['he: He']),
    ('We told\nthe trainer.', ['told: told']),
    ('It just\nworks, in the the end.', ['just: just', 'the the: the the']),
    ('What is\nbeing done.', ['is being: is\nbeing']),
    ('It `is being` code.', []),
    (f'{"some word " * 23}.', ['46 words: some word some word some word']),
    (f'{"some word " * 20}end. {"Some word " * 20}end.', []),
    (f'{"some word " * 20}end\n- {"some word " * 20}', []),
  ],
)
def test_each_habit_is_found(text, expected):
  assert [*_faults(text)] == expected


def test_every_kind_of_text_is_read(tmp_path):
  (path := tmp_path / 'one.py').write_text(
    '"""It is told."""\nsay(f"{a} told {he} and " f"he", "very")\n'
  )
  found = [fault for text in _program(path) for fault in _faults(text)]
  assert sorted(found) == ['he: he', 'just: very', 'told: told', 'told: told']
  assert {read for read, _ in _SOURCES} == {_page, _program, _texts}
