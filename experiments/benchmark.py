r"""Times the attack loop against its own steps, side by side in one run.

  python experiments/benchmark.py

Prints, per network, plain LowKey's time for `attacks.run`, its ratios to: init,
steps and finish called one by one (what the loop costs); the steps alone (what
init and finish add); as many plain forward-and-gradient passes (what the
attack costs beside the network). And the steps inside one compiled loop
against the same one by one, which on CPU shows whether the networks'
convolutions stay fast there. And the most temporary memory of a compiled step;
compare with --remat. Ratios can be trusted on a noisy machine; seconds cannot.

  python experiments/benchmark.py --peer=torch

Compares one step of JAX (the gradient of the squared embedding by the picture)
with the same network and weights in eager PyTorch; see `peer_benchmark.py`.

  python experiments/benchmark.py --convolutions

Compares the layers' convolutions with XLA's own, shape by shape.

  python experiments/benchmark.py --recognizers

Compares the recognizers, for all people protected in turn, with scikit-learn
(`pip install -e '.[test]'`); see `recognizer_benchmark.py`.

  python experiments/benchmark.py --search

Compares the search in a gallery of a million faces with faiss-cpu (of the same
extra); see `search_benchmark.py`. Takes 5 GB of memory.
"""

import functools
import time

import cli
import convolution_benchmark
import jax
import jax.numpy as jnp
import numpy as np
import peer_benchmark
import recognizer_benchmark
import search_benchmark
from absl import flags

from fr_poison import attacks, extractors
from fr_poison.attacks import perceptual
from fr_poison.report import record_file
from fr_poison.types import InputError

_NETWORKS = flags.DEFINE_list(
  'networks', ['mobileface', 'faceres:128', 'dlib_resnet'], 'name[:size].'
)
_NUM_STEPS = flags.DEFINE_integer(
  'num_steps', 40, 'Steps of the attack.', lower_bound=1
)
_BATCH_SIZE = flags.DEFINE_integer('batch_size', 8, 'Pictures.', lower_bound=1)
_REPEATS = flags.DEFINE_integer(
  'repeats', 2, 'Runs; the fastest counts.', lower_bound=1
)
_PEER = flags.DEFINE_enum('peer', None, ['torch'], 'Compare with it instead.')
_CONVOLUTIONS = flags.DEFINE_bool(
  'convolutions', False, 'Compare single convolutions instead.'
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
_REMAT = flags.DEFINE_bool('remat', False, 'Less memory, more time.')
_DTYPE = flags.DEFINE_enum(
  'dtype', 'float32', ['float32', 'bfloat16'], 'Of the networks.'
)


def _size(name, text):
  if not text.isdecimal() or int(text) < 1:
    raise InputError(f'{name}: {text!r}: a whole number from 1 expected')
  return int(text)


def _sizes(flag):
  if len(flag.value) != 3:
    raise InputError(f'--{flag.name}: three whole numbers expected')
  return [_size(f'--{flag.name}', text) for text in flag.value]


def _seconds(fns, repeats):
  """The fastest of `repeats` runs of each, taken in turns, after a warm-up."""
  best = {}
  for i in range(repeats + 1):
    for name, fn in fns.items():
      start = time.perf_counter()
      jax.block_until_ready(fn())
      if i:
        seconds = time.perf_counter() - start
        best[name] = min(best.get(name, np.inf), seconds)
  return best


def measure(extractor, images, num_steps, repeats):
  """Seconds of each way to run the attack, by name; a step's megabytes."""
  params, rng = [extractor.params], jax.random.key(0)
  # Without LPIPS and mirror images: what the loop adds to its network.
  attack = attacks.lowkey(
    [extractor.embed_fn],
    epsilon=8 / 255,
    num_steps=num_steps,
    lpips_weight=0.0,
    mirrored=False,
  )
  step = jax.jit(attack.step)
  init, finish = jax.jit(attack.init), jax.jit(attack.finish)
  state = init(params, rng, images)

  def one_by_one():
    result = state
    for _ in range(num_steps):
      result = jax.block_until_ready(step(params, result))
    return result

  @jax.jit
  def in_one_loop(params, state):
    body = lambda _, state: attack.step(params, state)
    return jax.lax.fori_loop(0, num_steps, body, state)

  @jax.jit
  def gradient(params, images):
    views = jnp.concatenate([perceptual.gaussian_blur(images), images])
    loss = lambda x: jnp.sum(extractor.embed_fn(params, x) ** 2)
    return jax.value_and_grad(loss)(views)

  def gradients():
    for _ in range(num_steps):
      result = jax.block_until_ready(gradient(params[0], images))
    return result

  memory = step.lower(params, state).compile().memory_analysis()
  seconds = _seconds(
    {
      'run': lambda: attacks.run(attack, params, rng, images),
      'steps': one_by_one,
      'ends': lambda: (finish(params, state), init(params, rng, images)),
      'loop': functools.partial(in_one_loop, params, state),
      'gradients': gradients,
    },
    repeats,
  )
  return seconds, memory.temp_size_in_bytes / 1e6


def main(argv):
  """Prints one line per network."""
  del argv
  print(record_file.environment()['device'], 'jax', jax.__version__)
  if _RECOGNIZERS.value:
    sizes = _sizes(_FACES)
    for line in recognizer_benchmark.lines(*sizes):
      print(line, flush=True)
    return
  if _SEARCH.value:
    sizes = _sizes(_GALLERY)
    for line in search_benchmark.lines(*sizes, _REPEATS.value):
      print(line, flush=True)
    return
  if _PEER.value or _CONVOLUTIONS.value:
    other = peer_benchmark if _PEER.value else convolution_benchmark
    for line in other.lines(_DTYPE.value, _BATCH_SIZE.value, _REPEATS.value):
      print(line, flush=True)
    return
  print(
    f'plain LowKey, {_BATCH_SIZE.value} pictures of 112x112, '
    f'{_NUM_STEPS.value} steps\n'
    'network         run [s]  run/by hand  run/steps  run/gradients  '
    'loop/steps  temporary [MB]'
  )
  codes = np.random.default_rng(0).integers(
    0, 256, (_BATCH_SIZE.value, 112, 112, 3)
  )
  images = codes.astype(np.float32) / np.float32(255)
  for text in _NETWORKS.value:
    name, _, size = text.partition(':')
    extractor = extractors.load(
      name,
      input_size=_size('--networks', size) if size else None,
      dtype=jnp.dtype(_DTYPE.value),
      remat=_REMAT.value,
    )
    t, megabytes = measure(extractor, images, _NUM_STEPS.value, _REPEATS.value)
    by_hand = t['steps'] + t['ends']
    print(
      f'{text:14} {t["run"]:8.2f} {t["run"] / by_hand:12.2f} '
      f'{t["run"] / t["steps"]:10.2f} {t["run"] / t["gradients"]:14.2f} '
      f'{t["loop"] / t["steps"]:11.2f} {megabytes:15.0f}',
      flush=True,
    )


if __name__ == '__main__':
  cli.run(main)
