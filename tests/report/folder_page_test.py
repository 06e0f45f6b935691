"""The page of a study: as text, and in a browser where there is one."""

import html
import json
import re
import shutil
import subprocess

import pytest

from fr_poison.report import page as page_lib
from fr_poison.report import record_file
from fr_poison.report.sources import Sources

_CHROMIUM = next(
  filter(None, map(shutil.which, ('chromium', 'google-chrome'))), None
)
# Looks at the page as a phone and a desk show it, then sorts its first table.
_LOOK = """
<iframe width="390" height="800" src="report.html"></iframe>
<iframe width="1200" height="800" src="report.html"></iframe><pre></pre>
<script>
onload = () => {
  const seen = [...document.querySelectorAll('iframe')].map((frame) => {
    const page = frame.contentDocument, root = page.documentElement;
    const named = (x) => page.getElementById(x)?.textContent.trim();
    const table = page.querySelector('table.sortable');
    const button = table.querySelectorAll('thead button')[1];
    button.focus();
    button.click();
    return {
      overflow: root.scrollWidth - root.clientWidth,
      images: [...page.images].map((x) => x.alt),
      charts: [...page.querySelectorAll('svg[role=img]')].map((x) =>
        x.getAttribute('aria-labelledby').split(' ').map(named)),
      shown: ['wide', 'narrow'].map((x) =>
        page.querySelector('.first .' + x).getClientRects().length),
      text: Math.min(...[...page.querySelectorAll('svg text')].map((x) =>
        x.getBoundingClientRect().height).filter((x) => x)),
      focused: page.activeElement === button,
      sort: button.parentNode.getAttribute('aria-sort'),
      rates: [...table.tBodies[0].rows].map((x) => x.cells[1].textContent),
      kinds: [...table.tBodies[0].rows].map((x) => x.className),
    };
  });
  document.querySelector('pre').textContent = JSON.stringify(seen);
};
</script>
"""


_DETECTION = {
  'detector': 'statistics', 'features': 'noise', 'train_attack': 'fawkes',
  'test_attack': 'lowkey', 'epsilon': 8 / 255, 'jpeg': '', 'auc': 0.9,
  'auc_ci': [0.8, 1], 'average_precision': 0.9, 'tpr_at_fpr': {'0.01': 0.5},
  'num_people': 20,
}  # fmt: skip


def _write(folder, records, **kinds):
  page_lib.write_folder(Sources(records, **kinds), folder)
  return (folder / 'report.html').read_text(encoding='utf-8')


def test_every_number_leads_to_its_record(tmp_path, records):
  text = _write(tmp_path, records)
  ids = re.findall(r'\bid="([^"]*)"', text)
  assert len(ids) == len(set(ids))
  links = re.findall(r'href="#(r-[^"]*)"', text)
  # Both tables link each number: protection 4 columns of 7 rows, accuracy 4 of
  # the 4 rows that are no noise. So does the map, with a box and two numbers.
  assert len(links) == 4 * 7 + 4 * 4 + 3 * 4 * 7 and set(links) <= set(ids)
  assert len({x for x in ids if x.startswith('r-')}) == len(records)
  # Fawkes has no records of its noise, so that leads to its own: two numbers
  # in the first table, one in the other, and twice three in the map.
  fawkes = [r for r in records if r['attack'] == 'fawkes']
  counts = [links.count(record_file.anchor(r)) for r in fawkes]
  assert counts == [2 + 1 + 6] * 4


def test_what_detectors_flag_is_on_the_page(tmp_path, records):
  assert 'What detectors flag' not in _write(tmp_path, records)
  rates = {'untouched': 0.015, '<b>': 1.0}
  ends = {'untouched': [0, 0.03], '<b>': [0.9, 1]}
  flags = {'false_positive_rates': rates, 'false_positive_rates_ci': ends}
  text = _write(tmp_path, records, detection=[_DETECTION | flags])
  (table,) = re.findall(r'flagged though innocent.*?</table>', text, re.S)
  cells = re.findall(r'<t[hd][^>]*>(.*?)</t[hd]>', table)
  assert cells == [
    *('untouched', '&lt;b&gt;', 'statistics (noise)'),
    *('2 (0-3)', '100 (90-100)'),
  ]


def test_runs_and_what_was_skipped_are_reported(tmp_path, make_record):
  text = _write(
    tmp_path,
    [make_record(), make_record(seed=1)],
    skipped=['old.jsonl, line 3: attack: missing'],
  )
  assert 'against whom: seed 0' in text and 'The numbers: seed 1' in text
  assert '<li>old.jsonl, line 3: attack: missing</li>' in text


def test_no_records(tmp_path):
  text = _write(tmp_path, [])
  assert 'There are no records' in text and 'so there is no table' in text


def test_names_are_only_text(tmp_path, make_record):
  name = '"><script>alert(1)</script>\n\x1b\ud800$\\frac$'
  fields = {'device': name, 'config_hash': name, 'dataset': name}
  make = lambda **kinds: make_record(surrogate=name, **fields, **kinds)
  text = _write(
    tmp_path,
    [
      make(network=name),
      make(network='faceres', rate=0.5),
      make(network=name, rate=0.1, adversary='adaptive'),
      make(network=name, rate=0.1, adversary=name),
    ],
    skipped=[name],
  )
  assert text.count('<script>') == 1 and 'alert(1)' in text
  assert not re.search(r'<[^>]* on[a-z]+=', text)


@pytest.mark.skipif(_CHROMIUM is None, reason='no chromium is installed')
def test_a_browser_shows_it(tmp_path, records):
  _write(tmp_path, records)
  (tmp_path / 'look.html').write_text(_LOOK)
  result = subprocess.run(
    [
      *(_CHROMIUM, '--headless', '--no-sandbox', '--disable-gpu'),
      *('--disable-quic', '--no-first-run', '--disable-sync'),
      *('--disable-background-networking', '--disable-component-update'),
      *('--allow-file-access-from-files', '--enable-logging=stderr'),
      *(f'--user-data-dir={tmp_path}/profile', '--dump-dom'),
      (tmp_path / 'look.html').as_uri(),
    ],
    capture_output=True,
    text=True,
    timeout=120,
  )
  assert 'CONSOLE' not in result.stderr
  seen = json.loads(
    html.unescape(re.search(r'<pre>(.*?)</pre>', result.stdout)[1])
  )
  assert [page['shown'] for page in seen] == [[0, 1], [1, 0]]
  for page in seen:
    assert page['overflow'] <= 0
    assert all(page['images']) and len(page['charts']) == 5
    assert all(title and text for title, text in page['charts'])
    assert page['text'] >= 9  # CSS pixels, of the smallest letters' line
    assert page['focused'] and page['sort'] == 'ascending'
    clean = [x.split()[0] for x in page['rates']]
    bold = [
      x for x, k in zip(clean, page['kinds'], strict=True) if 'minor' not in k
    ]
    assert bold == sorted(bold, key=float)
    # Each control is still under a cloak.
    pairs = zip(page['kinds'][1:], page['kinds'], strict=False)
    assert all(over == 'attack' for kind, over in pairs if 'minor' in kind)


def test_every_kind_of_record_has_a_row(
  tmp_path, make_record, make_verification
):
  trainer = make_record(adversary='detecting: x') | {'protection_rate': None}
  text = _write(
    tmp_path,
    [make_record()],
    trainers=[trainer],
    detection=[_DETECTION],
    verification=[make_verification()],
  )
  table = text[text.index('<table class="sortable records">') :]
  rows = [
    re.findall(r'<td>([^<]*)</td>', row) for row in table.split('<tr id=')[1:]
  ]
  cell = 'gallery cloaked, probe clean (1A)'
  lowkey = ['LowKey', cell, '8/255', 'mobileface', 'mobileface']
  accuracy = ['98', '96–100', '0']
  nn = 'nearest neighbor'
  assert rows == [
    lowkey + ['baseline', nn, 'protection', '100', '96–100'] + accuracy,
    lowkey + ['detecting: x', nn, 'protection', '', ''] + accuracy,
    ['LowKey', '', '8/255', '', 'noise', 'statistics trained on fawkes', '']
    + ['AUC', '90', '80–100', '', '', ''],
    ['none', '', '', '', 'mobileface', '', 'pairs of pictures', 'accuracy']
    + ['93', '92–94', '93', '92–94', ''],
  ]
  heads = table.partition('</thead>')[0].count('<th scope="col">')
  assert {len(row) for row in rows} == {heads - 2}  # its name, all it says


def test_the_folder_has_every_file(tmp_path, records, make_record):
  page_lib.write_folder(Sources(records), tmp_path / 'one')
  names = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob('*.*')}
  figures = ['answer', 'timeline', 'accuracy_robustness']
  assert names == {
    *(f'one/figures/{x}.{kind}' for x in figures for kind in ('svg', 'png')),
    *('one/report.html', 'one/table.md', 'one/table.tex', 'one/records.csv'),
    'one/heat_map.svg',
  }
  runs = [make_record(), make_record(seed=1)]
  page_lib.write_folder(Sources(runs, detection=[_DETECTION]), tmp_path)
  text = (tmp_path / 'table.tex').read_text()
  assert '% seed 1\n\n' in text and text.count('toprule') == 2
  assert len((tmp_path / 'records.csv').read_text().splitlines()) == 4
  assert (tmp_path / 'heat_map_2.svg').exists()
