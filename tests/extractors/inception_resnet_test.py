"""Inception-ResNet-v1, beside its authors' program where that is installed."""

import importlib.util
import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from extractors import recipe

from fr_poison import extractors
from fr_poison.extractors import inception_resnet
from fr_poison.types import InputError

SIZE = inception_resnet.MIN_SIZE


def _images():
  codes = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3))
  return codes.astype(np.float32)


@pytest.fixture
def torch_network(monkeypatch):
  """facenet-pytorch's network with random weights."""
  for name in ('torch', 'requests', 'facenet_pytorch'):
    if importlib.util.find_spec(name) is None:
      pytest.skip(f'{name} is not installed; facenet-pytorch: with --no-deps')
  # The package as a folder only: its other half needs torchvision.
  package = types.ModuleType('facenet_pytorch')
  spec = importlib.util.find_spec('facenet_pytorch')
  package.__path__ = list(spec.submodule_search_locations)
  monkeypatch.setitem(sys.modules, 'facenet_pytorch', package)
  name = 'facenet_pytorch.models.inception_resnet_v1'
  network = importlib.import_module(name).InceptionResnetV1
  pytest.importorskip('torch').manual_seed(0)
  return network().eval()


def test_embeddings_and_gradients_are_facenet_pytorchs(torch_network):
  import torch

  arrays = {k: v.numpy() for k, v in torch_network.state_dict().items()}
  network = extractors.from_state_dict('facenet', arrays, input_size=SIZE)
  images = _images()
  direction = np.random.default_rng(1).standard_normal((2, 512), np.float32)
  x = torch.tensor(images.transpose(0, 3, 1, 2), requires_grad=True)
  theirs = torch_network((x - 127.5) / 128)
  (theirs * torch.tensor(direction)).sum().backward()

  def loss(images):
    embeddings = network.embed_fn(network.params, images)
    return jnp.sum(embeddings * direction), embeddings

  gradient, ours = jax.jit(jax.grad(loss, has_aux=True))(images / 255)
  theirs = theirs.detach().numpy()
  assert np.abs(ours - theirs).max() <= 5e-5 * theirs.std()
  expected = 255 * x.grad.numpy().transpose(0, 2, 3, 1)
  # Where rounding decides about a ReLU, a few pixels differ by more.
  error = np.linalg.norm(gradient - expected)
  assert error <= 0.02 * np.linalg.norm(expected)


def test_training_moves_the_statistics_also_with_remat():
  fields = {'repeats': (1, 1, 1), 'width': 2, 'embedding_size': 6}
  plain = inception_resnet.InceptionResNet(**fields)
  again = inception_resnet.InceptionResNet(**fields, remat=True)
  recipe.check_training(plain, again, _images())


def test_the_smallest_size_leaves_one_pixel():
  with pytest.raises(InputError, match='input_size: 74 is below 75'):
    extractors.create('facenet', jax.random.key(0), input_size=74)
