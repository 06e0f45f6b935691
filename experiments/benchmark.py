r"""Times the attack loop against its own steps, side by side in one run.

  python experiments/benchmark.py

Prints, per network of --networks, plain LowKey's time for `attacks.run`, its
ratios to: init, steps and finish called one by one (what the loop costs); the
steps alone (what init and finish add); as many plain forward-and-gradient
passes (what the attack costs beside the network). And the steps inside one
compiled loop against the same one by one, which on CPU shows whether the
networks' convolutions stay fast there. And the most temporary memory of a
compiled step; compare with --remat. Ratios can be trusted on a noisy machine;
seconds cannot.

  python experiments/benchmark.py --peer=torch

Compares one step of JAX (the gradient of the squared embedding by the picture)
with the same network and weights in eager PyTorch.

  python experiments/benchmark.py --convolutions

Compares the layers' convolutions with XLA's own, shape by shape.

  python experiments/benchmark.py --layers --networks=dlib_resnet

Shows where a network's time goes: each convolution's time beside its operations
and the machine's rate.

  python experiments/benchmark.py --recognizers

Compares the recognizers, for all people protected in turn, with scikit-learn
(`pip install -e '.[test]'`).

  python experiments/benchmark.py --search

Compares the search in a gallery of a million faces with faiss-cpu (of the same
extra). Takes 5 GB of memory.

  python experiments/benchmark.py --accelerator

Measures in eight minutes what an accelerator is worth: embeddings against
those of the original programs, embedding, the search, adversarial training,
and LowKey's step against PyTorch where that is installed. Writes
accelerator.json and accelerator.md into --output after each measurement.
Without an accelerator it runs in little.

  python experiments/benchmark.py --pipeline

Compares what poison.py takes for small and for 12-megapixel JPEGs with its
attacks and embeddings alone: how long the device waits for the other work.
"""

import itertools
import pathlib

import cli
import jax
from absl import flags
from benchmarks import (
  accelerator,
  convolutions,
  layers,
  loop,
  pipeline,
  pytorch,
  recognizers,
  search,
)

from fr_poison.report import record_file
from fr_poison.text import show
from fr_poison.types import InputError

_NETWORKS = flags.DEFINE_list(
  'networks',
  ['mobileface', 'faceres:128', 'dlib_resnet'],
  'Names of networks, each with or without :SIZE.',
)
_NUM_STEPS = flags.DEFINE_integer(
  'num_steps', 40, 'Steps of the attack.', lower_bound=1
)
_BATCH_SIZE = flags.DEFINE_integer('batch_size', 8, 'Pictures.', lower_bound=1)
_REPEATS = flags.DEFINE_integer(
  'repeats', 3, 'Turns of each; the median counts.', lower_bound=1
)
_PEER = flags.DEFINE_enum(
  'peer', None, ['torch'], 'Compare one step with PyTorch instead.'
)
_CONVOLUTIONS = flags.DEFINE_bool(
  'convolutions', False, 'Compare single convolutions instead.'
)
_LAYERS = flags.DEFINE_bool(
  'layers', False, 'Time the convolutions of --networks, one by one, instead.'
)
_RECOGNIZERS = flags.DEFINE_bool(
  'recognizers', False, 'Compare the recognizers instead.'
)
_FACES = flags.DEFINE_list(
  'faces', ['530', '94', '512'], 'Of those: people, pictures each, dimensions.'
)
_SEARCH = flags.DEFINE_bool('search', False, 'Compare the search instead.')
_GALLERY = flags.DEFINE_list(
  'gallery', ['1000000', '512', '1000'], 'Of that: faces, dimensions, probes.'
)
_ACCELERATOR = flags.DEFINE_bool(
  'accelerator', False, 'Measure all of it on an accelerator instead.'
)
_OUTPUT = flags.DEFINE_string(
  'output', 'results/accelerator', 'Of that: the folder of both files.'
)
_TIME_LIMIT = flags.DEFINE_integer(
  'time_limit', 460, 'Of that: seconds, then it ends.', lower_bound=1
)
_PIPELINE = flags.DEFINE_bool('pipeline', False, 'Time poison.py instead.')
_PICTURES = flags.DEFINE_list(
  'pictures', ['64', '8'], 'Of that: JPEGs of 250x250, and of 4000x3000.'
)
_REMAT = flags.DEFINE_bool(
  'remat', False, 'Attack in less memory and more time.'
)
_DTYPE = flags.DEFINE_enum(
  'dtype', 'float32', ['float32', 'bfloat16'], 'Of the networks.'
)


def _size(name, text):
  if not text.isdecimal() or int(text) < 1:
    raise InputError(f'{name}: {text!r}: a whole number from 1 expected')
  return int(text)


def _sizes(flag):
  if len(flag.value) != len(flag.default):
    count = {2: 'two', 3: 'three'}[len(flag.default)]
    raise InputError(f'--{flag.name}: {count} whole numbers expected')
  return [_size(f'--{flag.name}', text) for text in flag.value]


def _networks():
  """What is printed -> name and size of pictures."""
  split = {text: text.partition(':') for text in _NETWORKS.value}
  return {
    text: (name, _size('--networks', size) if size else None)
    for text, (name, _, size) in split.items()
  }


def _lines():
  if _ACCELERATOR.value:
    return accelerator.lines(pathlib.Path(_OUTPUT.value), _TIME_LIMIT.value)
  how = _DTYPE.value, _BATCH_SIZE.value, _REPEATS.value
  if _RECOGNIZERS.value:
    return recognizers.lines(*_sizes(_FACES))
  if _SEARCH.value:
    return search.lines(*_sizes(_GALLERY), _REPEATS.value)
  if _PIPELINE.value:
    return pipeline.lines(
      *_sizes(_PICTURES),
      num_steps=_NUM_STEPS.value,
      batch_size=_BATCH_SIZE.value,
      repeats=_REPEATS.value,
    )
  if _PEER.value:
    return pytorch.lines(*how)
  if _CONVOLUTIONS.value:
    return convolutions.lines(*how)
  if _LAYERS.value:
    return itertools.chain.from_iterable(
      layers.lines(name, _BATCH_SIZE.value, _REPEATS.value)
      for name, _ in _networks().values()
    )
  return loop.lines(
    _networks(), *how, num_steps=_NUM_STEPS.value, remat=_REMAT.value
  )


def main(argv):
  """Prints one line per network."""
  del argv
  if _ACCELERATOR.value:
    accelerator.prepare()
  show(record_file.environment()['device'], 'jax', jax.__version__)
  for line in _lines():
    show(line)


if __name__ == '__main__':
  cli.run(main)
