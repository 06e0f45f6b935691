import re


def test_every_test_that_the_table_names_is_there(root):
  text = (root / 'docs' / 'reliability.md').read_text()
  rows = [line for line in text.splitlines() if line.startswith('| ')]
  named = re.findall(r'`(tests/[\w/]+\.py)::(test_\w+)`', text)
  assert len(named) > 60
  missing = [
    f'{path}::{name}'
    for path, name in named
    if not (root / path).is_file()
    or f'def {name}(' not in (root / path).read_text()
  ]
  assert not missing
  for row in rows:
    is_title = row.startswith(('| fault', '| ---'))
    assert is_title or '::test_' in row, row
