"""The small networks on which the authors' own programs were recorded."""

import jax
import jax.numpy as jnp
import numpy as np

from fr_poison.layers import same_padding


def _conv(x, kernel, bias, stride, padding):
  y = jax.lax.conv_general_dilated(
    x,
    kernel,
    (stride, stride),
    padding,
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )
  return y + bias


def network(arrays, prefix):
  """The arrays under `prefix`, as a pytree of parameters."""
  start = prefix + '/'
  return {
    name.removeprefix(start): jnp.asarray(array)
    for name, array in arrays.items()
    if name.startswith(start)
  }


def _tf_network(params, x, activation):
  """Three strided convolutions, mean, dense: Fawkes's toys."""
  for i in range(3):
    kernel = params[f'conv{i}/kernel']
    padding = same_padding(x.shape[1:3], 3, 2)
    x = activation(_conv(x, kernel, params[f'conv{i}/bias'], 2, padding))
  return x.mean((1, 2)) @ params['dense/kernel'] + params['dense/bias']


def fawkes_v1_relu(params, images):
  return _tf_network(params, images, jax.nn.relu)


def fawkes_v1_tanh(params, images):
  return _tf_network(params, images, jnp.tanh)


def _imagenet(images):
  """BGR minus the means, divided by 64, as version 0.3's toys take it."""
  return (images[..., ::-1] * 255 - jnp.array([103.939, 116.779, 123.68])) / 64


def fawkes_v03_relu(params, images):
  return _tf_network(params, _imagenet(images), jax.nn.relu)


def fawkes_v03_tanh(params, images):
  return _tf_network(params, _imagenet(images), jnp.tanh)


def _torch_network(params, images, kernel_sizes, activations):
  """Five strided convolutions, NCHW flatten, dense: LowKey's toys."""
  x = 2 * images - 1
  for i, (size, activation) in enumerate(
    zip(kernel_sizes, activations, strict=True)
  ):
    kernel = params[f'conv{i}.weight'].transpose(2, 3, 1, 0)
    pad = size // 2
    x = _conv(x, kernel, params[f'conv{i}.bias'], 2, ((pad, pad),) * 2)
    x = activation(x)
  x = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
  return x @ params['fc.weight'].T + params['fc.bias']


def lowkey_a(params, images):
  slope = params['prelu.weight']
  prelu = lambda x: jnp.maximum(x, 0) + slope * jnp.minimum(x, 0)
  activations = (prelu, *(jax.nn.relu,) * 4)
  return _torch_network(params, images, (3, 3, 3, 3, 3), activations)


def lowkey_b(params, images):
  return _torch_network(params, images, (5, 3, 3, 3, 3), (jnp.tanh,) * 5)


def pictures(array):
  """Pictures in 0..255 as the project takes them, in [0, 1]."""
  return np.asarray(array, np.float32) / np.float32(255)
