"""LFW's protocol, on a tree like LFW's: see lfw_tree.py."""

import hashlib

import jax.numpy as jnp
import lfw_tree
import numpy as np
import pytest
import verify
from configs import lfw_verification

from fr_poison.extractors import Extractor, NetworkSpec
from fr_poison.report import kinds, record_file, sources, tables
from fr_poison.search import store
from fr_poison.types import InputError

# What differs between two runs.
_TIMES = dict.fromkeys(('wall_seconds', 'run_seconds'))


def _colour(params, images):
  return jnp.mean(images, (1, 2)) + params


def _network(name, size=None, alignment='none', crop=None):
  """The mean colour is the embedding; the name stands for weights."""
  spec = NetworkSpec(name, None, 8, 3)
  return Extractor(_colour, jnp.zeros(3), spec, size or 8, f'of {name}', crop)


@pytest.fixture
def lfw(tmp_path, monkeypatch):
  """The folder of pictures and pairs; networks by name are colours."""
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'tfds'))
  monkeypatch.setenv('FR_POISON_CACHE', str(tmp_path / 'cache'))
  return lfw_tree.make(tmp_path / 'lfw')


@pytest.fixture
def colours(monkeypatch):
  monkeypatch.setattr(verify.network_loader, 'load', _network)


@pytest.fixture
def config():
  config = lfw_verification.get_config('smoke').to_dict()
  return config | {
    'align': 'none',
    'networks': ('mobileface', 'faceres'),
    'input_size': {'faceres': 128},
  }


def test_a_network_that_knows_everybody(lfw, colours, config, tmp_path):
  found = verify.run(config, tmp_path / 'out', str(lfw))
  assert [r['network'] for r in found] == ['mobileface', 'faceres']
  assert [r['input_size'] for r in found] == [8, 128]
  for record in found:
    assert record['accuracy'] == 1 and record['accuracy_std'] == 0
    assert record['accuracy_ci'] == (1, 1)
    assert record['tar_at_far'] == {'0.001': 1}
    assert record['roc'] == {'fpr': [0, 0, 1], 'tpr': [0, 1, 1]}
    assert record['num_pairs'] == 8 and record['num_folds'] == 2
    assert record['num_images'] == 8 and record['assumed'] == []
  assert sources.read([tmp_path / 'out' / 'records.jsonl']).verification
  table = (tmp_path / 'out' / 'table.md').read_text()
  row = '| faceres    |  all |   128 | 100.00 ± 0.00 |          100.00 |'
  assert row in table
  assert b'mobileface: 100.0% right' in (tmp_path / 'out/roc.svg').read_bytes()


def test_folds_by_hand(lfw, colours, config, tmp_path):
  # Dan's second picture shows Cat: in the second fold half of the pairs are
  # right whatever the threshold, and the highest of the best rejects all, which
  # is right of half of the first fold. The first fold's is right of Cat, and of
  # Cat and Dan, and wrong of the two pairs with that picture.
  lfw_tree.draw(lfw, 'Dan', 2, lfw_tree.COLOURS['Cat'])
  for record in verify.run(config, tmp_path / 'out', str(lfw)):
    assert record['accuracy'] == 0.5 and record['accuracy_std'] == 0


def test_the_interval_is_student_s():
  # Folds are right of (1, 1/2): the mean is .75, its error .25, and of one
  # degree of freedom the 97.5% quantile is 12.7.
  pairs = verify.verification.Pairs(
    *np.array([[0, 0, 2, 4], [1, 2, 3, 5]]),
    np.array([True, False, True, False]),
    np.array([0, 0, 1, 1]),
  )
  embeddings = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [1, 0], [1, 0.1]])
  found = verify.measure(embeddings, pairs)
  assert found['accuracy'] == 0.75 and found['accuracy_std'] == 0.25
  assert found['accuracy_ci'] == (0, 1)


def test_a_killed_run_goes_on_where_it_was(
  lfw, colours, config, tmp_path, monkeypatch
):
  monkeypatch.setattr(verify, '_BLOCK', 3)  # 3 blocks a network
  embed, calls = store.extractors.embed, []

  def counted(extractor, *args):
    calls.append(extractor.spec.name)
    if len(calls) == stop:
      raise KeyboardInterrupt
    return embed(extractor, *args)

  monkeypatch.setattr(store.extractors, 'embed', counted)
  stop = 5
  with pytest.raises(KeyboardInterrupt):
    verify.run(config, tmp_path / 'out', str(lfw))
  assert calls == ['mobileface'] * 3 + ['faceres'] * 2
  assert not (tmp_path / 'out' / 'records.jsonl').exists()
  stop = None
  calls.clear()
  found = verify.run(config, tmp_path / 'out', str(lfw))
  assert calls == ['faceres'] * 2
  whole = verify.run(config, tmp_path / 'other', str(lfw))
  for one, other in zip(found, whole, strict=True):
    assert one | _TIMES == other | _TIMES


def test_pictures_without_a_face_are_listed(lfw, colours, config, tmp_path):
  pytest.importorskip('dlib', reason='dlib is not installed')
  config |= {'align': 'dlib', 'networks': ('mobileface',)}
  (record,) = verify.run(config, tmp_path / 'out', str(lfw))
  assert record['alignment'] == 'dlib-112' and record['accuracy'] == 1
  assert len(record['assumed']) == 8
  assert record['assumed'][0] == ['lfw/Ann/Ann_0001.jpg', 'no face']


def test_all_that_load_are_verified_where_none_is_named(
  lfw, config, tmp_path, monkeypatch, capsys
):
  def load(name, size, alignment, crop):
    if name == 'faceres_deep':
      raise InputError('faceres_deep: damaged')
    return _network(name, size)

  monkeypatch.setattr(verify.network_loader, 'load', load)
  (tmp_path / 'cache').mkdir()
  (tmp_path / 'cache' / 'arcface_r50.safetensors').touch()
  found = verify.run(config | {'networks': None}, tmp_path / 'out', str(lfw))
  names = {r['network'] for r in found}
  assert {'dlib_resnet', 'faceres', 'mobileface', 'arcface_r50'} <= names
  assert not {'faceres_deep', 'arcface_r18', 'pixels'} & names
  assert 'note: faceres_deep: damaged' in capsys.readouterr().err


def _two(lfw):
  (lfw / 'pairs.txt').write_text(lfw_tree.PAIRS)


def _fewer(lfw):
  (lfw / 'lfw' / 'Ann' / 'Ann_0001.jpg').unlink()


def _twice(lfw):
  path = lfw / 'other' / 'Ann' / 'Ann_0001.jpg'
  path.parent.mkdir(parents=True)
  path.write_bytes((lfw / 'lfw' / 'Ann' / 'Ann_0001.jpg').read_bytes())


@pytest.mark.parametrize(
  'change, fields, message',
  [
    (None, {'networks': ()}, 'config.networks: empty'),
    (None, {'networks': ('pixels',)}, "config.networks: 'pixels' is unknown"),
    (None, {'networks': ('arcface_r50',)}, 'network: no weights of arcface_r'),
    (None, {'align': 'face'}, "config.align: 'face' is unknown"),
    (None, {'batch_size': 0}, 'config.batch_size: 0'),
    (None, {'pairs_dir': 'nowhere'}, 'config.pairs_dir: no pairs.txt in nowh'),
    (None, {'view': 'view3'}, "config.view: 'view3' is unknown"),
    (None, {'view': 'view1'}, 'config.pairs_dir: no pairsDevTrain.txt in '),
    (None, {'crops': {'face': ()}}, "config.crops: 'face' is unknown"),
    (
      None,
      {'crops': {'faceres': (1,)}},
      r'config.crops.faceres: \(1,\) are not',
    ),
    (
      None,
      {'crops': {'faceres': ((0.5, 0, 0, 9, 9),)}},
      'config.crops.faceres, input size: 0.5',
    ),
    (
      None,
      {'crops': {'faceres': ((64, 0, 0, 9, 129),)}},
      'config.crops.faceres: .* leaves the frame, 0 to 128',
    ),
    (None, {'seed': 0}, 'config.seed: unknown'),
    (_two, {}, r'config.pairs_dir: .*/lfw/pairs.txt, .*; give the folder of'),
    (_fewer, {}, 'config.pairs_dir: .*: 1 of its pictures are not there, as A'),
    (_twice, {}, 'config.pairs_dir: other/Ann/Ann_0001.jpg: there twice'),
  ],
)
def test_what_cannot_be_verified_is_refused(
  change, fields, message, lfw, config, tmp_path
):
  if change:
    change(lfw)
  with pytest.raises(InputError, match=f'^{message}'):
    verify.run(config | fields, tmp_path / 'out', str(lfw))
  assert not (tmp_path / 'out').exists()


def test_pairs_may_lie_elsewhere(lfw, colours, config, tmp_path):
  found = verify.run(config, tmp_path / 'out', str(lfw))
  (lfw / 'protocol').rename(tmp_path / 'protocol')
  config |= {'pairs_dir': str(tmp_path / 'protocol')}
  again = verify.run(config, tmp_path / 'out', str(lfw))
  digest = hashlib.sha256(lfw_tree.PAIRS.encode()).hexdigest()
  for one, other in zip(found, again, strict=True):
    assert one['pairs'] == {'pairs.txt': digest}
    assert one | _TIMES == other | _TIMES


def test_pairs_are_those_of_a_data_dir():
  settings = verify.Settings.from_config(
    lfw_verification.get_config().to_dict()
  )
  with pytest.raises(InputError, match='^--data_dir: missing'):
    verify.find_pairs(settings, None)


def test_parts_of_the_frame_are_compared_on_view_1(
  lfw, colours, config, tmp_path
):
  # Two lists of one fold each; in the second the colours are shared.
  head, *lines = lfw_tree.PAIRS.splitlines()
  for name, rows in (('Train', lines[:4]), ('Test', lines[4:])):
    text = '\n'.join(['2', *rows])
    (lfw / 'protocol' / f'pairsDev{name}.txt').write_text(text)
  rows = (64, 8, 4, 112, 112), (96, 0, 0, 128, 128)
  config |= {'view': 'view1', 'crops': {'faceres': rows}}
  found = verify.run(config, tmp_path / 'out', str(lfw))
  assert [(r['network'], r['input_size'], r.get('crop')) for r in found] == [
    ('mobileface', 8, None),
    ('faceres', 64, rows[0][1:]),
    ('faceres', 96, rows[1][1:]),
  ]
  assert {r['num_folds'] for r in found} == {2}
  assert list(found[0]['pairs']) == ['pairsDevTrain.txt', 'pairsDevTest.txt']
  table = (tmp_path / 'out' / 'table.md').read_text()
  assert '| faceres    | 8, 4, 112, 112 |    64 | 100.00 ' in table
  assert not (tmp_path / 'out' / 'roc.svg').exists()


def test_the_config_compares_networks_that_ship():
  config = lfw_verification.get_config('crops').to_dict()
  settings = verify.Settings.from_config(config)
  assert set(settings.networks) == set(settings.crops)
  settings.check_weights()
  for name, network in settings.load_networks('wide-128'):
    rows = settings.crops[name]
    assert (network.input_size, *network.crop) in rows


def test_smoke_run(here, little, lfw, tmp_path):
  config = lfw_verification.get_config('smoke').to_dict()
  config |= {'align': 'none', 'networks': ('mobileface mirrored',)}
  printed = here(verify, config, tmp_path / 'out', str(lfw))
  found = record_file.read(tmp_path / 'out' / 'records.jsonl')
  assert tables.verification(found) in printed
  assert kinds.of(found[0]) is kinds.Verification
  assert list(found[0]['weights']) == ['mobileface mirrored']
