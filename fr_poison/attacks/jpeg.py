"""JPEG that gradients pass through: pictures compressed and loaded again.

The values are libjpeg-turbo's, which is what Pillow and most of the web save
and load with: its default integer DCT (jfdctint.c, jidctint.c), its chroma
filters (jcsample.c, jdsample.c) and its rounding of every result in between,
so what a file loses is lost here, too. Products with 8x8 and 3x3 matrices,
sums and reshapes are all there is, so the gradient is fast in loops on CPU.
"""

import io

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int
from PIL import Image

from fr_poison import checks
from fr_poison.types import Images

SUBSAMPLINGS = ('4:4:4', '4:2:0')

# JFIF's colours in libjpeg's fixed point: with pixels in 0..255 the products
# and their sums fit float32's 24 bits, so nothing is rounded before `_round`.
_TO_YCC = np.float32(
  [[19595, 38470, 7471], [-11059, -21709, 32768], [32768, -27439, -5329]]
) / np.float32(2**16)
_TO_RGB = np.float32(
  [[65536, 0, 91881], [65536, -22554, -46802], [65536, 116130, 0]]
) / np.float32(2**16)
_GREY = np.float32([[[[0, 128, 128]]]])

# DCT-II by frequency and position, the left half, in units of 2^-13 and with
# rows of norm sqrt(8): the sums of jfdctint.c's constants. Some are one off
# the nearest whole number, and with those one pixel in 100 came out wrong.
_LEFT = np.array(
  [
    [8192, 8192, 8192, 8192],
    [11363, 9633, 6437, 2260],
    [10703, 4433, -4433, -10703],
    [9633, -2259, -11362, -6436],
    [8192, -8192, -8192, 8192],
    [6437, -11362, 2261, 9633],
    [4433, -10704, 10704, -4433],
    [2260, -6436, 9633, -11363],
  ]
)
_RIGHT = _LEFT[:, ::-1] * np.array([[1], [-1]] * 4)
_DCT = np.float32(np.concatenate([_LEFT, _RIGHT], 1) / 2**13)


@checks.checked
def quantization_tables(quality: checks.Quality) -> Int[np.ndarray, '2 8 8']:
  """Asks libjpeg for its steps for luminance and for chrominance.

  In 1..255, by vertical and horizontal frequency. Quality 50 is
  the standard's own tables (ITU-T T.81, annex K), 100 is all ones.
  """
  file = io.BytesIO()
  Image.new('RGB', (8, 8)).save(file, 'JPEG', quality=quality)
  tables = Image.open(file).quantization
  return np.array([tables[0], tables[1]]).reshape(2, 8, 8)


@checks.checked
def jpeg(
  images: Images, quality: checks.Quality = 75, subsampling: str = '4:4:4'
) -> Images:
  """Computes what is left of pictures saved as JPEG and loaded again.

  The values are those of the rounded computation; gradients pass straight
  through the rounding and clipping of pixels and through the coefficients
  that survive, not through those quantised to zero (see `_quantize`).

  Args:
    images: RGB in [0, 1], any H and W; taken to the 8-bit grid.
    quality: libjpeg's, 1..100.
    subsampling: '4:4:4', or '4:2:0' with chroma at half the resolution, which
      is Pillow's default.

  Returns:
    Pictures in [0, 1], on the 8-bit grid k / 255.

  Raises:
    InputError: another quality or subsampling.
  """
  checks.known('subsampling', subsampling, SUBSAMPLINGS)
  tables = quantization_tables(quality)
  height, width = images.shape[-3:-1]
  ycc = _to_ycc(_round(_limit(255 * images)))
  if subsampling == '4:4:4':
    ycc = _through_blocks(_pad(ycc, 8, 8), tables[[0, 1, 1]])
  else:
    luma = _through_blocks(_pad(ycc[..., :1], 8, 8), tables[:1])
    # To the right libjpeg fills up with pixels, below with chroma rows.
    chroma = _pad(_halve(_pad(ycc[..., 1:], 2, 16)), 8, 8)
    chroma = _through_blocks(chroma, tables[[1, 1]])
    chroma = _double(chroma[:, : -(-height // 2), : -(-width // 2)])
    planes = [x[:, :height, :width] for x in (luma, chroma)]
    ycc = jnp.concatenate(planes, -1)
  return _to_rgb(ycc[:, :height, :width]) / 255


def _as_if(x, value):
  """`value` exactly, with the gradient of x."""
  return jax.lax.stop_gradient(value) + (x - jax.lax.stop_gradient(x))


def _round(x, half=0.5):
  """Down after adding a half, as shifts of integers do."""
  return _as_if(x, jnp.floor(x + half))


def _limit(x):
  return _as_if(x, jnp.clip(x, 0, 255))


def _quantize(coefficients, steps):
  """Whole numbers of steps, halves away from zero.

  The gradient is 1 where a coefficient survives and 3 x^2, x in steps, where
  it becomes zero (StegaStamp, Tancik et al., CVPR 2020): what the file drops
  moves nothing. With 1 everywhere JPEG is invisible to a gradient, for 4:4:4
  the identity; round(x) + (x - round(x))^3 hides survivors close to a whole
  number.
  """
  # Coefficients and steps are whole: the 1/4 decides nothing, but keeps
  # halves away from the edge where float32's division could tip them.
  count = jnp.floor((jnp.abs(coefficients) + 0.25) / steps + 0.5)
  x = coefficients / steps
  return _as_if(jnp.where(count == 0, x**3, x), jnp.sign(coefficients) * count)


def _apply(spec, matrix, x):
  return jnp.einsum(spec, matrix, x, precision=jax.lax.Precision.HIGHEST)


def _to_ycc(rgb):
  # 255.5 fits no byte.
  half = np.float32([[[[0.5, 0.5 - 2**-16, 0.5 - 2**-16]]]])
  return _round(_apply('ij,bhwj->bhwi', _TO_YCC, rgb) + _GREY, half)


def _to_rgb(ycc):
  return _limit(_round(_apply('ij,bhwj->bhwi', _TO_RGB, ycc - _GREY)))


def _pad(planes, rows, columns):
  """Repeats the last row and column up to multiples of these."""
  height, width = planes.shape[1:3]
  after = ((0, 0), (0, -height % rows), (0, -width % columns), (0, 0))
  return jnp.pad(planes, after, mode='edge')


def _through_blocks(planes, tables):
  """DCT, quantisation and back: [B, H, W, C] in 0..255, tables [C, 8, 8]."""
  b, h, w, c = planes.shape
  x = (planes - 128).reshape(b, h // 8, 8, w // 8, 8, c)
  steps = np.float32(tables.transpose(1, 2, 0))[None, None, :, None]
  # Between its two passes libjpeg keeps two more bits. Its coefficients are 8
  # times too large, and divided by steps that are, too.
  x = _round(_apply('vx,bhywxc->bhywvc', _DCT, x) * 4)
  x = _round(_apply('uy,bhywvc->bhuwvc', _DCT, x) / 4)
  x = _quantize(x, 8 * steps) * steps
  x = _round(_apply('uy,bhuwvc->bhywvc', _DCT, x) * 4)
  x = _round(_apply('vx,bhywvc->bhywxc', _DCT, x) / 32)
  return _limit(x.reshape(b, h, w, c) + 128)


def _halve(planes):
  """Means of 2x2; halves go down in even columns and up in odd ones."""
  b, h, w, c = planes.shape
  total = planes.reshape(b, h // 2, 2, w // 2, 2, c).sum((2, 4))
  return _round(total / 4, np.float32([[[[1], [2]] * (w // 4)]]) / 4)


def _double(planes):
  """Libjpeg's fancy upsampling, a triangle filter of 3/4 and 1/4."""
  w = planes.shape[2]
  if w <= 2:  # where libjpeg does without
    return planes.repeat(2, 1).repeat(2, 2)
  total = _stretch(_stretch(planes).swapaxes(1, 2)).swapaxes(1, 2)
  return _round(total / 16, np.float32([[[[8], [7]] * w]]) / 16)


def _stretch(planes):
  """Twice the rows: 3 times the nearest and once the next nearest."""
  b, h, w, c = planes.shape
  around = jnp.pad(planes, ((0, 0), (1, 1), (0, 0), (0, 0)), mode='edge')
  pairs = [3 * planes + around[:, :-2], 3 * planes + around[:, 2:]]
  return jnp.stack(pairs, 2).reshape(b, 2 * h, w, c)
