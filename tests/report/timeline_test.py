import pytest

from fr_poison.report import timeline


@pytest.mark.parametrize(
  'network,year,mark',
  [
    ('dlib_resnet', 2017, ''),
    ('mobileface 1a2b3c4d', 2018, '†'),
    ('arcface_r100', 2021, '*'),
    ('facenet_small', 2015, '†'),
  ],
)
def test_years_and_whose_weights(network, year, mark):
  assert (timeline.year(network), timeline.mark(network)) == (year, mark)
  assert timeline.year('nobody_knows') is None


def test_networks_from_old_to_new(records, make_record):
  for network in ('facenet_small', 'nobody_knows', 'facenet'):
    records.append(make_record(rate=0.2, network=network))
  drawing = timeline.draw(records)
  (axis,) = drawing.figure.axes
  rows = [label.get_text() for label in axis.get_yticklabels()]
  assert rows == [
    '2015 facenet_small†',
    '2017 dlib_resnet',
    '2018 facenet*',
    '2018 faceres',
    '2018 mobileface',
  ]
  assert 'own file' in drawing.caption and 'trained here' in drawing.caption
  told = 'LowKey for dlib_resnet: 2017 dlib_resnet 99.5%, 2018 faceres 4%'
  assert told in drawing.alt
  hollow = sum(x.get_markerfacecolor() == 'none' for x in axis.lines)
  assert hollow == 3  # one for each cloak's own network


def test_only_trainers_who_wait_are_shown(make_record):
  rates = [
    make_record(),
    make_record(rate=0.1, network='faceres', adversary='adaptive'),
    make_record('none', '', rate=0.1, network='faceres'),
  ]
  assert timeline.draw(rates) is None
  assert timeline.draw([]) is None
