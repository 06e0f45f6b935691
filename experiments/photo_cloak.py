"""The cloak of one photograph: the change of every face, put where it is."""

from collections.abc import Sequence
from typing import NamedTuple

import full_size
import numpy as np
from cloaker import Change
from face_frame import Frame

_UNKNOWN = ('scale', 'linf', 'dssim', 'psnr', 'feature_displacement')


class FaceCloak(NamedTuple):
  """What became of one face, or of the picture as a whole."""

  frame: Frame
  cloak: full_size.Cloak
  budget_used: float | None
  reason: str | None  # why it is not cloaked


def put(
  image: np.ndarray,
  frames: Sequence[Frame],
  changes: Sequence[Change],
  max_dssim: float | None,
) -> tuple[np.ndarray, list[FaceCloak]]:
  """Puts what an attack found onto a picture.

  Every budget holds for each face by itself: where the squares around two faces
  overlap, the first one's change is left alone.

  Args:
    image: uint8 [H, W, C].
    frames: the faces, or the picture as a whole.
    changes: one for each.
    max_dssim: of each frame, see `full_size.add`.

  Returns:
    The cloak, uint8 [H, W, C], and what became of each frame.
  """
  codes, faces = image.copy(), []
  for frame, change in zip(frames, changes, strict=True):
    part, base = frame.crop(image), frame.crop(codes)
    cloak, reason = None, 'the attack found nothing better than the picture'
    if change.improved:
      levels = frame.back(change.levels, part)
      for face in faces:
        levels = frame.without(levels, face.frame)
      cloak = full_size.add(part, levels, max_dssim, base)
      reason = None if cloak else 'no change is left within the budget'
    cloak = cloak or full_size.unchanged(base.copy())
    base[:] = cloak.codes
    faces.append(FaceCloak(frame, cloak, change.budget_used, reason))
  return codes, faces


def no_fields() -> dict:
  """The fields of a manifest row where there is no cloak."""
  return {'budget_used': None, **dict.fromkeys(_UNKNOWN), 'faces': []}


def fields(faces: Sequence[FaceCloak], measured: Sequence[dict]) -> dict:
  """The fields of a manifest row.

  Args:
    faces: of `put`.
    measured: of `Cloaker.measure`, for each of them.

  Returns:
    `faces`: a dict for each of several or one; the numbers of the one that
    moved least stand for the picture.
  """
  rows = [
    {
      'box': _left_top_right_bottom(face.frame),
      'reason': face.reason,
      'budget_used': _rounded(face.budget_used),
      'scale': face.cloak.scale,
      **_rounded(numbers),
    }
    for face, numbers in zip(faces, measured, strict=True)
  ]
  least = min(rows, key=lambda row: row['feature_displacement']['saved'])
  failed = [face.reason for face in faces if face.reason]
  reason = failed[0] if failed else None
  if failed and len(faces) > 1:
    reason = f'{len(failed)} of {len(faces)} faces: {reason}'
  return {
    'status': 'not_improved' if failed else 'cloaked',
    'reason': reason,
    **{name: least[name] for name in ('budget_used', *_UNKNOWN)},
    'faces': [row for row in rows if row['box']],
  }


def _left_top_right_bottom(frame):
  if frame.box is None:
    return None
  top, bottom, left, right = frame.box
  return [left, top, right, bottom]


def _rounded(value):
  """Six digits of every number: more would be noise in the manifest."""
  if isinstance(value, dict):
    return {name: _rounded(x) for name, x in value.items()}
  return None if value is None else float(f'{value:.6g}')
