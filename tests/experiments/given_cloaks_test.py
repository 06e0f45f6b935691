"""Anybody's cloaks, from folders to a report, judged by their pixels."""

import evaluate
import given_cloaks
import numpy as np
import photos
import pytest
from configs import my_cloaks
from PIL import Image

from fr_poison.data import decode
from fr_poison.report import record_file, words
from fr_poison.types import InputError

_NUM_PICTURES = 4


@pytest.fixture(autouse=True)
def tfds_dir(tmp_path_factory, monkeypatch):
  folder = tmp_path_factory.mktemp('tfds')
  monkeypatch.setenv('TFDS_DATA_DIR', str(folder))


def _pictures(seed):
  """One person's: a face of soft shapes, and much noise."""
  rng = np.random.default_rng(seed)
  face = photos.picture(40, 40, seed).astype(int)
  for _ in range(_NUM_PICTURES):
    noise = rng.integers(-60, 61, (10, 10, 3)).repeat(4, 0).repeat(4, 1)
    image = np.sort(face + noise)[..., ::-1]  # nobody is blue
    yield np.clip(image, 0, 255).astype(np.uint8)


def _write(folder, seed):
  folder.mkdir(parents=True)
  for i, image in enumerate(_pictures(seed)):
    decode.write_png(folder / f'{i}.png', image)


@pytest.fixture
def trees(tmp_path):
  """Originals of Ann and Bob, black cloaks of both, and a gallery of three."""
  for seed, name in enumerate(['A/Ann', 'A/Bob', 'G/c', 'G/d', 'G/e']):
    _write(tmp_path / name, seed)
  for name in ('Ann', 'Bob'):
    (tmp_path / 'B' / name).mkdir(parents=True)
    for i in range(_NUM_PICTURES):
      # Each black in its own way, or they would be the same picture.
      image = photos.picture(40, 40, 100 + i) // 16
      decode.write_png(tmp_path / 'B' / name / f'{i}_cloaked.png', image)
  return tmp_path


@pytest.fixture
def config(trees):
  config = my_cloaks.get_config('smoke').to_dict()
  return config | {
    'originals': str(trees / 'A'),
    'cloaked': str(trees / 'B'),
    'gallery': str(trees / 'G'),
    'align': 'none',
  }


def _load(config):
  return given_cloaks.load(*given_cloaks.split_config(config), None)


def test_from_folders_to_a_report(config, here, trees, monkeypatch):
  monkeypatch.setattr(words, 'PIXELS', 'no network')  # or nothing is judged
  config['adversaries']['squeezing']['networks'] = ('pixels',)
  config |= {'networks': ('pixels',), 'num_splits': 4}
  out = trees / 'out'
  printed = here(evaluate, config, out)
  table = (out / 'table.md').read_text()
  assert table in printed
  answer, strongest = printed.partition(table)[2].splitlines()[1:3]
  assert answer.startswith('These cloaks') or answer.startswith('Nothing can')
  assert strongest.startswith('The strongest trainer tried here is pixels (n')
  found = record_file.read(out / 'records.jsonl')
  given, *_ = (r for r in found if r['attack'] == 'given')
  bare, *_ = (r for r in found if r['attack'] == 'none')
  # Nobody's clean picture is near a black one.
  assert given['protection_rate'] == 1 and given['accuracy'] == 1
  assert bare['protection_rate'] == 0
  assert given['surrogate'] == ['unknown']
  assert given['adversary'] == 'oblivious'
  assert given['alignment'] == 'centre-112'
  assert given['num_people'] == 2 and given['num_gallery_people'] == 5
  assert given['num_cloaked'] == 8 and given['linf'] > 0.4
  assert 'two different pictures' in given['warnings'][0]
  assert any(r.get('control_of') == 'given' for r in found)
  page = (out / 'report.html').read_text()
  assert 'This page holds faces' in page and 'Your cloaks' in page
  assert str(trees) not in page  # nor where on this machine they are


def test_controls_and_saved_cloaks_are_measured_beside_the_cloaks(
  config, tmp_path
):
  config |= {'networks': ('pixels',), 'adversaries': {'oblivious': {}}}
  config['saved'] = my_cloaks.get_config('smoke,saved').saved.to_dict()
  found = evaluate.run(config, tmp_path / 'out', None)
  keys = [(r['attack'], r.get('control'), r.get('saved')) for r in found]
  assert keys == [
    ('none', None, None),
    ('given', None, None),
    ('noise', 'spectrum', None),
    ('noise', 'envelope', None),
    ('noise', 'another', None),
    ('given', None, 'JPEG 75'),
    ('given', None, 'half size'),
  ]
  _, given, *controls, jpeg, half = found
  for record in controls:
    rate, ci = words.control(given, record['control'])
    assert (record['protection_rate'], record['protection_ci']) == (rate, ci)
  assert len({r['dssim'] for r in found}) == len(found)
  assert not any('noise_protection_rate' in r for r in (jpeg, half, *controls))
  said = 'or saved otherwise than: JPEG 75, half size.'
  assert all(r['not_tested'][0].endswith(said) for r in found)
  table = (tmp_path / 'out' / 'table.md').read_text()
  rows = [line.split(' | ')[0] for line in table.splitlines()]
  first = rows.index(next(x for x in rows if x.startswith('| Your cloaks')))
  assert [x.strip('| ') for x in rows[first + 1 : first + 6]] == [
    '- same-strength noise',
    '- noise in the same places',
    "- somebody else's cloak",
    '- after JPEG 75',
    '- after half size',
  ]


def test_each_is_protected_in_turn_among_all(config):
  cloaks = _load(config)
  assert cloaks.protected == [0, 1]
  assert cloaks.faces.names[:2] == ('originals/Ann', 'originals/Bob')
  labels = cloaks.faces.labels
  assert np.bincount(labels).tolist() == [_NUM_PICTURES] * 5
  changed = (cloaks.images != cloaks.faces.images).any((1, 2, 3))
  np.testing.assert_array_equal(changed, labels < 2)


def test_people_with_too_few_pictures_are_named(config, trees, capsys):
  for i in range(1, _NUM_PICTURES):
    (trees / 'B' / 'Bob' / f'{i}_cloaked.png').unlink()
  cloaks = _load(config)
  assert cloaks.settings.num_protected == 1
  assert ['Bob/0.png', 'the only usable pair of Bob; 2 are needed'] in (
    cloaks.left_out
  )
  assert 'left out: Bob/1.png: has no cloaks' in capsys.readouterr().err
  for i in range(1, _NUM_PICTURES):
    (trees / 'A' / 'Ann' / f'{i}.png').write_bytes(b'')
  with pytest.raises(InputError, match='nobody has 2 usable pairs'):
    _load(config)


def test_leaks_are_noted(config, trees):
  ann = (trees / 'A' / 'Ann' / '0.png').read_bytes()
  (trees / 'A' / 'Ann' / '1.png').write_bytes(ann)
  (trees / 'G' / 'c' / '2.png').write_bytes(ann)
  text = '; '.join(_load(config).fields['warnings'])
  assert ' pictures are nearly the same as one before them' in text
  assert 'Ann/0.png is in the gallery, too, as c/2.png' in text


def test_a_tree_of_bgr_is_noted(config, trees):
  for path in (trees / 'A').rglob('*.png'):
    decode.write_png(path, decode.read_image(path)[..., ::-1])
  text = '; '.join(_load(config).fields['warnings'])
  assert '8 of 8 faces are bluer than they are red' in text


def test_what_the_gallery_lacks_is_noted(config, trees):
  (trees / 'G' / 'c' / '0.png').write_bytes(b'')
  for i in range(1, _NUM_PICTURES):
    (trees / 'G' / 'd' / f'{i}.png').unlink()
  cloaks = _load(config)
  assert cloaks.left_out == [['gallery/c/0.png', 'empty file']]
  assert (
    'fewer than 2 usable pictures: 1 people' in cloaks.fields['warnings'][0]
  )
  assert cloaks.settings.num_people == 4


def test_cloaks_of_one_for_another_are_noted(config, trees):
  for i in range(_NUM_PICTURES):
    image = decode.read_image(trees / 'A' / 'Ann' / f'{i}.png')
    cloak = np.where(image < 128, image + 8, image - 8)
    decode.write_png(trees / 'B' / 'Bob' / f'{i}_cloaked.png', cloak)
  text = '; '.join(_load(config).fields['warnings'])
  assert (
    '4 cloaks are of another original than that of their name: that of '
    'Bob/0.png shows Ann/0.png'
  ) in text


def test_a_tool_that_did_nothing_is_noted(config, trees):
  for path in (trees / 'B').rglob('*.png'):
    original = (
      trees / 'A' / path.parent.name / path.name.replace('_cloaked', '')
    )
    image = Image.fromarray(decode.read_image(original))
    path.unlink()
    image.save(path.with_suffix('.jpg'), quality=90)
  warnings = _load(config).fields['warnings']
  assert any('8 of 8' in x and 'changed nothing' in x for x in warnings)
  with pytest.raises(InputError, match='config.strict: .*changed nothing'):
    _load(config | {'strict': True})


def test_grey_among_coloured_is_noted_where_a_network_minds(config, trees):
  for path in (trees / 'G').rglob('*.png'):
    grey = decode.read_image(path).mean(-1, keepdims=True)
    decode.write_png(path, np.repeat(grey, 3, -1).astype(np.uint8))
  text = _load(config).fields['warnings'][-1]
  assert 'one is grey, and mobileface, pixels may know' in text
  assert '--config.gallery=FOLDER' in text
  for adversary in config['adversaries'].values():
    adversary.pop('networks', None)
  config['networks'] = ('faceres',)
  del config['adversaries']['squeezing']
  assert not any('is grey' in x for x in _load(config).fields['warnings'])


def test_names_that_differ_in_case(config, trees):
  for tree in 'AB':
    (trees / tree / 'Bob').rename(trees / tree / 'ann')
  assert any(
    'taken for another person' in x for x in _load(config).fields['warnings']
  )


def test_strict_goes_on_only_if_nothing_is_odd(config, trees):
  for name in ('Ann', 'Bob'):
    for i in range(_NUM_PICTURES):
      image = decode.read_image(trees / 'A' / name / f'{i}.png')
      path = trees / 'B' / name / f'{i}_cloaked.png'
      decode.write_png(path, np.where(image < 128, image + 8, image - 8))
  strict = config | {'strict': True}
  assert _load(strict).fields['warnings'] == []
  (trees / 'B' / 'Bob' / '0_cloaked.png').write_bytes(b'')
  with pytest.raises(InputError, match='config.strict: Bob/0.png: .*empty'):
    _load(strict)


def test_a_cropped_cloak_has_no_noise_control(config, trees):
  decode.write_png(
    trees / 'B' / 'Bob' / '0_cloaked.png', photos.picture(40, 30, 3)
  )
  assert config['noise_control'] and not _load(config).settings.noise_control


def test_the_gallery_and_the_pictures_are_aligned_alike(config):
  with pytest.raises(InputError, match="config.align: 'none', but the ORL"):
    given_cloaks.split_config(config | {'gallery': 'orl'})
  given_cloaks.split_config(config | {'gallery': 'orl', 'align': 'already'})


@pytest.mark.parametrize(
  'fields, message',
  [
    ({'originals': None}, 'config.originals: missing'),
    ({'align': 'mtcnn'}, "config.align: 'mtcnn'"),
    ({'several_faces': 'all'}, "config.several_faces: 'all'"),
    ({'made_for': ('fawkes',)}, "config.made_for: 'fawkes'"),
    ({'galery': 'orl'}, 'config.galery: unknown'),
    ({'num_splits': 0}, 'config.num_splits: 0'),
  ],
)
def test_wrong_fields_are_named(config, fields, message):
  with pytest.raises(InputError, match=message):
    given_cloaks.split_config(config | fields)


def test_missing_folders_are_named(config):
  for field in ('originals', 'cloaked', 'gallery'):
    with pytest.raises(InputError, match=f'config.{field}: .*no such folder'):
      _load(config | {field: 'no/where'})


@pytest.mark.parametrize('arg', [None, 'adaptive', 'adaptive,smoke'])
def test_the_config_is_whole(arg):
  config = my_cloaks.get_config(arg).to_dict() | {'originals': 'A'}
  _, settings = given_cloaks.split_config(config)
  assert ('adaptive' in settings.adversaries) == bool(arg)
  # Whose tools they have is no secret.
  text = ' '.join(given_cloaks._not_tested(settings))
  assert ('lowkey and fawkes, as made here for mobileface' in text) == bool(arg)
