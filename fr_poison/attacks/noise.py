"""The control that every protection rate stands beside: noise of its kind."""

import zlib

import numpy as np
from jaxtyping import Num
from scipy import ndimage

from fr_poison import checks


@checks.checked
def matched_noise(
  perturbations: Num[np.ndarray, 'B H W C'],
  *,
  seed: checks.Seed = 0,
  num_steps: checks.Count = 10,
  window: checks.Positive | None = None,
) -> Num[np.ndarray, 'B H W C']:
  """Draws perturbations of the same budget and smoothness as the given ones.

  Amplitude-adjusted phase randomisation (Schreiber and Schmitz, 1996): each
  picture's Fourier phases are drawn anew, so where the perturbation points is
  chance, while its values are exactly the given ones in another order (same
  L-infinity, L2 and histogram) and its power spectrum nearly so (same
  smoothness). What an attack does beyond such noise is aimed; what the noise
  does, too, is only a damaged picture. On the host: it is sorting, mostly,
  which accelerators and XLA:CPU are slow at.

  Such noise is equally strong everywhere. With a `window` it is as strong as
  the perturbation in each place: in every step its envelope, the root mean
  square around a pixel, is made the given one's as well. Spectrum, place and
  values cannot all be met; the values come last and are exact. This is measured
  in the mean over LowKey's cloaks of ORL, 128 x 128, as released and in a ball
  of 8/255, with a window of 3 (in brackets without one). The spectrum is 8 and
  10% off, of the L2 norm of its moduli (4 and 7%), the envelope 3 and 5% (49
  and 25%). Within 32 pixels of the middle lie 45 and 24% of the energy (21 and
  19%), as in the cloaks. DSSIM is 3% below and 3% above theirs (12% above, 2%
  below). The correlation with the cloak is that of chance. (The cloak with
  another sign for each 7 x 7 square keeps place and values exactly, but its
  spectrum is 67% off, and inside the squares it is the cloak.)

  Args:
    perturbations: in any unit. Channels get the same phases, so
      grey ones stay grey and coloured ones keep their colours' mix.
    seed: each picture draws from it and from its own perturbation's bytes.
    num_steps: alternations between spectrum and values.
    window: standard deviation in pixels of the Gaussian that the envelope is
      taken with; None: noise that is equally strong everywhere.

  Returns:
    Per picture and channel a permutation of the input.
  """
  return np.stack(
    [_randomise(p, seed, num_steps, window) for p in perturbations]
  )


def _randomise(perturbation, seed, num_steps, window):
  content = zlib.crc32(np.ascontiguousarray(perturbation).tobytes())
  rng = np.random.default_rng([seed, content])
  # One field for all channels: its phases are random and have the symmetry
  # that makes the result real. Each channel keeps its own offset to it, so
  # that the channels stay as correlated as they were.
  noise = _unit(np.fft.rfft2(rng.standard_normal(perturbation.shape[:2])))
  if (perturbation == perturbation[..., :1]).all():  # grey: a third of the work
    one = _alternate(perturbation[..., 0], noise, num_steps, window)
    return np.repeat(one[..., None], perturbation.shape[-1], -1)
  channels = np.moveaxis(perturbation, -1, 0)
  return np.stack(
    [_alternate(c, noise, num_steps, window) for c in channels], -1
  )


def _alternate(channel, noise, num_steps, window):
  """Imposes spectrum, envelope and values in turns on [H, W], values last."""
  values = np.sort(channel, None)
  spectrum, envelope = np.fft.rfft2(channel), _envelope(channel, window)
  result, turn = np.empty_like(values), spectrum * noise
  for _ in range(num_steps + 1):
    guess = np.fft.irfft2(turn, channel.shape)
    guess *= envelope / _envelope(guess, window)
    result[guess.argsort(None)] = values
    turn = np.abs(spectrum) * _unit(np.fft.rfft2(result.reshape(channel.shape)))
  return result.reshape(channel.shape)


def _envelope(channel, window):
  """The root mean square around each pixel; 1 without a window."""
  if window is None:
    return 1.0
  square = ndimage.gaussian_filter(np.square(channel, dtype=float), window)
  return np.sqrt(np.maximum(square, 1e-24))


def _unit(spectrum):
  """Complex numbers of modulus 1 with the same phases."""
  return spectrum / np.maximum(np.abs(spectrum), 1e-12)
