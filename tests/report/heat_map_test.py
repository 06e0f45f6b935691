from xml.etree import ElementTree

import matplotlib
import numpy as np

from fr_poison.report import heat_map, record_file
from fr_poison.report.grid import arrange


def test_heat_map_draws_each_cell(records):
  grid = arrange(records)
  drawn = heat_map.draw(grid)
  texts = {text.get_text() for text in drawn.figure.axes[0].texts}
  assert {'100', '96–100', '97', '3', '52', 'LowKey for mobileface'} <= texts
  boxes = drawn.figure.axes[0].patches
  # A frame for each cloak's own network, around a cell of 100, 99.5 or 81%.
  frames = [box for box in boxes if not box.get_fill()]
  assert len(frames) == 3
  assert sum(box.get_width() == frames[0].get_width() - 4 for box in boxes) == (
    len(grid.rows) * len(grid.columns)
  )
  assert drawn.svg() == heat_map.draw(grid).svg()


def test_heat_map_is_text_and_leads_to_records(records):
  grid = arrange(records)
  assert b'href="#r-' not in heat_map.draw(grid).svg()
  root = ElementTree.fromstring(heat_map.draw(grid, linked=True).svg())
  space = '{http://www.w3.org/2000/svg}'
  assert '99.5' in {text.text for text in root.iter(f'{space}text')}
  links = [dict(link.attrib) for link in root.iter(f'{space}a')]
  # A box and its two numbers each; the number of a control that a cloak's own
  # record holds leads to that.
  assert len(links) == 3 * len(grid.rows) * len(grid.columns)
  assert {link['href'] for link in links} == {
    f'#{record_file.anchor(record)}' for record in records
  }
  # On this very page, and passed over by the keyboard.
  assert all(link.keys() == {'href', 'tabindex'} for link in links)


def test_a_cell_without_a_record_stays_empty(records, make_record):
  grid = arrange([*records, make_record(network='facenet')])
  texts = heat_map.draw(grid, linked=True).figure.axes[0].texts
  rates = [text for text in texts if '–' in text.get_text()]
  assert len(rates) == len(grid.rows) * len(grid.columns) - 6


def test_ink_contrasts_with_every_color():
  # WCAG 2 asks 4.5:1 of text; the better ink is never under sqrt(21), 4.58.
  for rate in np.linspace(0, 1, 101):
    color = np.array(matplotlib.colormaps['viridis'](rate)[:3])
    linear = ((color + 0.055) / 1.055) ** 2.4
    linear = np.where(color <= 0.04045, color / 12.92, linear)
    luminance = linear @ [0.2126, 0.7152, 0.0722] + 0.05
    is_black = rate > heat_map.BRIGHT
    assert (luminance / 0.05 if is_black else 1.05 / luminance) > 4.5
