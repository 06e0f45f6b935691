import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fr_poison import extractors, keys
from fr_poison.data import align, datasets
from fr_poison.extractors import framing
from fr_poison.extractors.network import Extractor, NetworkSpec
from fr_poison.types import InputError

SIDE = align.TEMPLATES['wide'].side


def _network(template, size=4):
  """Its embeddings are the pictures that it is shown."""
  return Extractor(
    lambda params, images: images.reshape(len(images), -1),
    {},
    NetworkSpec('seen', None, size, 3 * size**2, template=template),
    size,
    None,
  )


def _seen(network, images):
  size = network.input_size
  found = network.embed_fn({}, jnp.asarray(images, jnp.float32))
  return np.asarray(found).reshape(len(images), size, size, 3)


def _ramps(side=SIDE):
  """Red is a pixel's x, green its y, in pixels of the frame."""
  centres = (np.arange(side) + 0.5) * SIDE / side
  x, y = np.meshgrid(centres, centres)
  return np.stack([x, y, 0 * x], -1)[None]


def test_arcface_is_a_slice_of_the_frame():
  images = np.random.default_rng(0).random((2, SIDE, SIDE, 3), np.float32)
  network = extractors.on_frame(_network('arcface', 112), 'wide-128')
  np.testing.assert_array_equal(_seen(network, images), images[:, 4:116, 8:120])


def test_the_templates_agree_on_where_the_eyes_are():
  """ArcFace's in the frame, less the slice's corner, are its own."""
  np.testing.assert_allclose(
    align.template_points('wide', 128) - (8, 4),
    align.template_points('arcface', 112),
    atol=1e-12,
  )


@pytest.mark.parametrize('template', framing.CROPS)
@pytest.mark.parametrize('side', [SIDE, 2 * SIDE])
def test_a_crop_shows_its_rectangle_whatever_the_frames_size(template, side):
  crop = framing.CROPS[template]
  size = 20
  network = extractors.on_frame(_network(template, size), f'wide-{side}')
  seen = _seen(network, _ramps(side))[0]
  steps = (np.arange(size) + 0.5) / size
  x = crop.left + crop.width * steps
  y = crop.top + crop.height * steps
  expected = np.stack(np.meshgrid(x, y), -1)
  inner = np.s_[1:-1, 1:-1]  # the kernel reaches beyond the frame elsewhere
  np.testing.assert_allclose(seen[..., :2][inner], expected[inner], atol=0.05)
  assert 0 <= crop.left and crop.left + crop.width <= SIDE
  assert 0 <= crop.top and crop.top + crop.height <= SIDE


def test_its_gradient_is_that_of_the_crop():
  network = extractors.on_frame(_network('dlib', 96), 'wide-128')
  images = _ramps().astype(np.float32)
  grads = jax.grad(lambda x: network.embed_fn({}, x).sum())(images)
  crop, inside = framing.CROPS['dlib'], np.asarray(grads)[0, ..., 0] != 0
  rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
  assert rows[0] >= crop.top - 2 and rows[-1] <= crop.top + crop.height + 1
  assert columns[0] >= crop.left - 2
  assert columns[-1] <= crop.left + crop.width + 1
  np.testing.assert_allclose(grads.sum((1, 2)), 96**2, rtol=1e-5)


def test_pictures_that_are_placed_otherwise_are_shown_whole():
  network = _network('dlib')
  for alignment in ('none', 'dlib-112', 'arcface-112', 'centre-128', 'wider'):
    assert extractors.on_frame(network, alignment) is network
  assert extractors.on_frame(_network(None), 'wide-128').crop is None


def test_a_framed_network_stays_as_it_is():
  once = extractors.on_frame(_network('dlib'), 'wide-128')
  assert extractors.on_frame(once, 'wide-128') is once


def test_another_part_of_the_frame_than_the_template_s():
  images = np.random.default_rng(0).random((2, SIDE, SIDE, 3), np.float32)
  crop = framing.Crop(0, 16, 112, 112)
  network = _network('arcface', 112)
  framed = extractors.on_frame(network, 'wide-128', crop)
  np.testing.assert_array_equal(_seen(framed, images), images[:, 16:, :112])
  assert framed.crop == crop
  leaves = r'\(.*\) leaves the frame'
  for who, alignment, part, message in (
    (framed, 'wide-128', crop, 'seen has one already'),
    (network, 'arcface-112', crop, "'arcface-112' pictures are not"),
    (network, 'wide-128', crop._replace(top=17), leaves),
    (network, 'wide-128', crop._replace(left=-1), leaves),
    (network, 'wide-128', crop._replace(width=0), leaves),
    (network, 'wide-128', crop._replace(width=np.nan), leaves),
  ):
    with pytest.raises(InputError, match=f'^crop: {message}'):
      extractors.on_frame(who, alignment, part)


def test_the_same_function_comes_back_so_that_nothing_compiles_again():
  network = _network('dlib')
  first, second = (extractors.on_frame(network, 'wide-128') for _ in range(2))
  assert first.embed_fn is second.embed_fn


def test_keys_tell_apart_a_network_and_its_crop():
  network = _network('dlib')
  framed = extractors.on_frame(network, 'wide-128')
  assert keys.of_networks([network]) != keys.of_networks([framed])


def test_mirrored_is_the_mean_of_picture_and_mirror_image():
  images = np.random.default_rng(0).random((2, 4, 4, 3), np.float32)
  network = _network('dlib')
  network = network._replace(spec=network.spec._replace(normalized=True))
  mirrored = extractors.mirrored(network)
  mean = (images + images[:, :, ::-1]) / 2
  np.testing.assert_array_equal(_seen(mirrored, images), mean)
  assert not mirrored.spec.normalized
  assert (network.name, mirrored.name) == ('seen', 'seen mirrored')
  assert extractors.mirrored(mirrored) is mirrored
  again = extractors.mirrored(network)
  assert again.embed_fn is mirrored.embed_fn  # nothing compiles again
  assert keys.of_networks([network]) != keys.of_networks([mirrored])


@pytest.mark.parametrize('template', framing.CROPS)
def test_mirrored_and_framed_is_framed_and_mirrored(template):
  images = np.random.default_rng(0).random((1, SIDE, SIDE, 3), np.float32)
  network = _network(template, 20)
  framed = extractors.on_frame(network, 'wide-128')
  first = extractors.on_frame(extractors.mirrored(network), 'wide-128')
  second = extractors.mirrored(framed)
  parts = _seen(framed, images)
  expected = (parts + parts[:, :, ::-1]) / 2
  for both in (first, second):
    np.testing.assert_allclose(_seen(both, images), expected, atol=1e-6)
    assert both.mirrored and both.crop == framed.crop
  assert keys.of_networks([first]) == keys.of_networks([second])


def test_an_unknown_template_is_named():
  with pytest.raises(InputError, match="^seen: template: 'mine' is unknown"):
    extractors.on_frame(_network('mine'), 'wide-128')


def test_a_network_that_would_see_the_whole_frame_is_refused():
  with pytest.raises(InputError, match='^seen: .*extractors.on_frame'):
    extractors.check_on_frame([_network('dlib')], 'wide-128')
  network = extractors.on_frame(_network('dlib'), 'wide-128')
  extractors.check_on_frame([network, _network(None)], 'wide-128')
  extractors.check_on_frame([_network('dlib')], 'dlib-112')
  with pytest.raises(InputError, match="alignment is 'dlib-112'"):
    extractors.check_on_frame([network], 'dlib-112')


def test_the_template_matters_on_real_faces():
  """Mobileface finds a person's other picture more often on its own."""
  faces = datasets.load('orl')
  rows = np.flatnonzero(faces.labels < 6)
  network = extractors.load('mobileface')
  same = faces.labels[rows][:, None] == faces.labels[rows]
  margins = []
  for shown in (network, extractors.on_frame(network, faces.alignment)):
    found = extractors.embed(shown, faces.images[rows])
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    scores = found @ found.T
    spread = np.sqrt((scores[same].var() + scores[~same].var()) / 2)
    margins.append((scores[same].mean() - scores[~same].mean()) / spread)
  assert margins[1] > margins[0] + 0.3
