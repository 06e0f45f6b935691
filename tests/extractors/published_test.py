"""Published networks: their authors' embeddings, names and addresses."""

import numpy as np
import pytest
from extractors import recipe

from fr_poison import extractors, weights
from fr_poison.extractors.convert import state_dict
from fr_poison.types import InputError


@pytest.mark.parametrize(
  'name, ignored',
  [
    ('arcface_r18', ()),
    ('arcface_mbf', ()),
    ('facenet', ('logits.weight', 'logits.bias')),
    ('magface_r100', ()),
  ],
)
def test_embeddings_and_names_are_the_authors(name, ignored, golden):
  extractor = recipe.check_published(name, golden(name), ignored)
  lengths = np.linalg.norm(golden(name)['embeddings'], axis=1)
  assert extractor.spec.normalized == np.allclose(lengths, 1)


PUBLISHED = [
  spec
  for spec in map(extractors.spec, extractors.architectures())
  if spec.url and not spec.pretrained
]


def test_every_published_network_is_here():
  assert len(PUBLISHED) == 38


def test_entries_say_what_a_user_asks():
  for entry in PUBLISHED:
    assert entry.year is None or 2015 <= entry.year <= 2026, entry.name
    assert entry.licence and entry.url.startswith('https://'), entry.name


# Of several files of one graph, one.
GRAPHS = {id(entry.module): entry for entry in reversed(PUBLISHED)}.values()


@pytest.mark.parametrize('entry', GRAPHS, ids=lambda entry: entry.name)
def test_modules_and_tables_are_as_the_entries_say(entry):
  module = entry.module()
  assert getattr(module, 'embedding_size', entry.embedding_size) == (
    entry.embedding_size
  )
  names = weights.expected_shapes(module, entry.input_size, None)
  assert len(set(map(entry.table.key, names))) == len(names)


def test_inputs_read_as_a_formula():
  magface = extractors.spec('magface_r100').inputs
  assert str(magface) == 'BGR, (x - 0.0) / 255.0'
  pixel = np.asarray([51.0, 102.0, 255.0], np.float32)
  np.testing.assert_allclose(magface.scale(pixel), [1, 0.4, 0.2], rtol=1e-6)
  facenet = extractors.spec('facenet').inputs.scale(pixel)
  np.testing.assert_allclose(facenet, [-76.5 / 128, -25.5 / 128, 127.5 / 128])


@pytest.mark.parametrize(
  'prefix, classifier',
  [
    ('features.module.', 'fc.weight'),
    ('module.features.', 'module.fc.weight'),
    ('', None),
  ],
)
def test_magface_files_lose_two_components_and_the_classifier(
  prefix, classifier
):
  entry = extractors.spec('magface_r100')
  # `fc` is the name of the network's own dense layer, too, and `features`
  # that of its last norm.
  names = 'params/dense/bias', 'params/dense_norm/bias'
  keys = [entry.table.key(name) for name in names]
  assert keys == ['fc.bias', 'features.bias']
  arrays = {f'{prefix}{key}': np.full(3, i) for i, key in enumerate(keys)}
  arrays = {key: array.astype(np.float32) for key, array in arrays.items()}
  if classifier:
    arrays[classifier] = np.ones((9, 3), np.float32)
  variables = state_dict.to_flax(
    entry.table,
    arrays,
    dict.fromkeys(names, (3,)),
    ignored=entry.ignored,
    prefixes=entry.prefixes,
  )
  back = state_dict.to_state_dict(entry.table, variables)
  assert {key: array[0] for key, array in back.items()} == {
    'fc.bias': 0,
    'features.bias': 1,
  }


def test_a_file_of_another_depth_is_refused():
  entry = extractors.spec('arcface_r50')
  names = weights.expected_shapes(entry.module(), 112, None)
  keys = map(entry.table.key, names)
  message = 'arcface_r18: .* missing: nothing; unexpected: layer1.2.bn1.bias'
  with pytest.raises(InputError, match=message):
    extractors.from_state_dict('arcface_r18', dict.fromkeys(keys, np.zeros(1)))
