"""What a device could compute at most, and what a program asks of it."""

from collections.abc import Callable

import jax
from jax.sharding import SingleDeviceSharding

# A part of JAX's device kind -> dense TFLOP/s in bfloat16 and in what JAX
# computes float32 products in by default: TF32, on TPU bfloat16. Of one JAX
# device, which of TPU v2 and v3 is half a chip. From the vendors' data sheets,
# whose figures with sparsity are halved. The first one that matches counts.
_PEAKS = {
  'B200': (2250, 1125),
  'GH200': (990, 495),
  'H200': (989.5, 494.7),
  'H100 PCIe': (756, 378),
  'H100 NVL': (835, 417.5),
  'H100': (989.5, 494.7),
  'A100': (312, 156),
  'L40S': (362, 183),
  'L40': (181, 90.5),
  'L4': (121, 60),
  'RTX 4090': (165.2, 82.6),
  'TPU v6 lite': (918, 918),
  'TPU v5 lite': (197, 197),
  'TPU v5': (459, 459),
  'TPU v4': (275, 275),
  'TPU v3': (61.5, 61.5),
  'TPU v2': (22.5, 22.5),
}


def of(kind: str, dtype: str) -> float | None:
  """Gives a device's dense peak in FLOP/s; None where it is not known.

  Args:
    kind: JAX's `device_kind`.
    dtype: 'bfloat16' or 'float32'.
  """
  for part, (bfloat16, float32) in _PEAKS.items():
    if part in kind:
      return 1e12 * (bfloat16 if dtype == 'bfloat16' else float32)
  return None


def flops(fn: Callable, *args) -> float | None:
  """Counts floating-point operations of a call, as the mathematics has them.

  By XLA's analysis of the program as it is written down for accelerators,
  before it is optimised: neither padding nor zeros between pixels count, nor
  anything that a device does twice.

  Args:
    fn: of arrays.
    *args: arrays, or their shapes.

  Returns:
    None where JAX has no CPU backend beside the accelerator's, which has the
    analysis.
  """
  try:
    cpu = SingleDeviceSharding(jax.local_devices(backend='cpu')[0])
    shapes = jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=cpu), args
    )
    # For a TPU: the convolutions that all but CPUs get, and no GPU's library
    # calls, of which XLA knows no numbers.
    traced = jax.jit(fn).trace(*shapes)
    lowered = traced.lower(lowering_platforms=('tpu',))
    return lowered.cost_analysis()['flops']
  except (RuntimeError, NotImplementedError):
    return None
