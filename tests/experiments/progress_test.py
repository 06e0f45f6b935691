import io
import re
import sys

import progress
import pytest
from progress import Progress


@pytest.fixture(autouse=True)
def alone(monkeypatch):
  """Nobody else's work is under way, whatever ran in this process."""
  monkeypatch.setattr(progress, '_OPEN', [])


class _Terminal(io.StringIO):
  def isatty(self):
    return True


def test_the_first_unit_is_a_line_with_count_and_rest(capsys):
  line = Progress(4, 'picture')
  line.skip()
  line.update('a\n.png')
  line.update('b.png')  # too soon for another line
  line._show()
  line.close()
  line.close()
  first, text = capsys.readouterr().err.splitlines()
  # Only then is it known how long one takes.
  assert re.fullmatch(r'a \.png: 1/4 done, after 00:00', first)
  assert re.fullmatch(r'b.png: 2/4 done, ETA \S+ \(.*picture.*\)', text)


def test_a_long_unit_is_not_silent(capsys, monkeypatch):
  monkeypatch.setattr(progress, '_EVERY', 0.001)
  outer, inner = Progress(2), Progress(1, delay=1e-9)
  outer.update('outer')
  inner.update('inner')
  for _ in range(10_000):
    inner._ended.wait(0.001)
    if 'inner: 0/1 done' in (said := capsys.readouterr().err):
      break
  inner.close()
  outer.close()
  # Only what is within is heard.
  assert 'inner: 0/1 done' in said and 'outer' not in said


def test_a_terminal_shows_rate_and_rest_and_is_cleared(monkeypatch):
  # Not in a fixture: pytest captures each phase of a test anew.
  monkeypatch.setattr(sys, 'stderr', terminal := _Terminal())
  bar = Progress(3, 'picture')
  bar.update('a.png')
  bar.update('b.png', count=2)
  bar._bar.refresh()
  text = terminal.getvalue()
  assert 'b.png:  33%' in text and '1/3 [' in text and 'picture' in text
  bar.close()
  # Below a bar that another test left open, the cursor goes up again.
  assert re.search(r'\r +\r(\x1b\[A)*$', terminal.getvalue())


def test_a_loop_of_the_library_is_shown_to_its_end(capsys):
  items = progress.over('embedding')(range(0, 20, 8), 20, 8)
  assert list(items) == [0, 8, 16]
  assert 'embedding: 0/20 done' in capsys.readouterr().err
  assert not progress._OPEN
  items = progress.over('embedding', delay=60)(iter('ab'), None)
  assert next(items) == 'a'
  items.close()  # whoever stops ends the line
  assert capsys.readouterr().err == '' and not progress._OPEN
