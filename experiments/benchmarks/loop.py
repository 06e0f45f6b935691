"""The attack loop against its own steps, one by one and in a compiled loop."""

import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import timing
from fr_poison import attacks, extractors
from fr_poison.attacks import perceptual
from fr_poison.attacks.loop import CPU_PICTURES
from fr_poison.types import EmbedFn


def plain_lowkey(embed_fn: EmbedFn, num_steps: int) -> attacks.Attack:
  """Makes LowKey without LPIPS and mirror images: little but its network."""
  return attacks.lowkey(
    [embed_fn],
    epsilon=8 / 255,
    num_steps=num_steps,
    lpips_weight=0.0,
    mirrored=False,
  )


def _measure(extractor, images, num_steps, repeats):
  """Seconds of each way to run the attack, by name; a step's megabytes."""
  params, rng = [extractor.params], jax.random.key(0)
  attack = plain_lowkey(extractor.embed_fn, num_steps)
  init, step, finish = (
    jax.jit(f) for f in (attack.init, attack.step, attack.finish)
  )
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

  def gradients(number):
    parts = [images[i : i + number] for i in range(0, len(images), number)]
    for _ in range(num_steps):
      for part in parts:
        result = jax.block_until_ready(gradient(params[0], part))
    return result

  memory = step.lower(params, state).compile().memory_analysis()
  ways = {
    'run': lambda: attacks.run(attack, params, rng, images),
    'steps': one_by_one,
    'ends': lambda: (finish(params, state), init(params, rng, images)),
    'loop': functools.partial(in_one_loop, params, state),
    'gradients': functools.partial(gradients, len(images)),
    'pairs': functools.partial(gradients, CPU_PICTURES),
  }
  return timing.medians(ways, repeats)[0], memory.temp_size_in_bytes / 1e6


def lines(
  networks: dict[str, tuple[str, int | None]],
  dtype: str,
  batch_size: int,
  repeats: int,
  *,
  num_steps: int,
  remat: bool,
) -> Iterator[str]:
  """Times plain LowKey on each network, a line of the table each.

  Args:
    networks: as printed -> name and size of pictures, None: its own.
    dtype: 'float32' or 'bfloat16'.
    batch_size: pictures.
    repeats: turns of each way.
    num_steps: of the attack.
    remat: less memory, more time.
  """
  yield (
    f'plain LowKey, {batch_size} pictures of 112x112, {num_steps} steps\n'
    'network         run [s]  run/by hand  run/steps  run/gradients  '
    'run/pairs  loop/steps  temporary [MB]'
  )
  codes = np.random.default_rng(0).integers(0, 256, (batch_size, 112, 112, 3))
  images = codes.astype(np.float32) / np.float32(255)
  for label, (name, size) in networks.items():
    extractor = extractors.load(
      name, input_size=size, dtype=jnp.dtype(dtype), remat=remat
    )
    t, megabytes = _measure(extractor, images, num_steps, repeats)
    by_hand = t['steps'] + t['ends']
    yield (
      f'{label:14} {t["run"]:8.2f} {t["run"] / by_hand:12.2f} '
      f'{t["run"] / t["steps"]:10.2f} {t["run"] / t["gradients"]:14.2f} '
      f'{t["run"] / t["pairs"]:10.2f} {t["loop"] / t["steps"]:11.2f} '
      f'{megabytes:15.0f}'
    )
