"""Pictures to files: what was asked for, the whole of it or nothing."""

import os

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from fr_poison import files
from fr_poison.data import decode


def test_write_does_not_stumble(tmp_path, monkeypatch):
  long = 'ä' * 125 + '.png'  # 254 bytes, of 255 that a name may have
  files.write_atomic(tmp_path / long, b'a')
  # A process of our number is at it on another host, or was killed here:
  # containers give them out again.
  used, replace = [], os.replace
  monkeypatch.setattr(
    os, 'replace', lambda old, new: used.append(old) or replace(old, new)
  )
  for _ in range(2):
    monkeypatch.setattr(files, '_counter', iter([7]))
    files.write_atomic(tmp_path / 'b.png', b'b')
  assert (tmp_path / long).read_bytes() == b'a'
  assert len(set(used)) == 2
  assert sorted(p.name for p in tmp_path.iterdir()) == ['b.png', long]


@pytest.mark.parametrize('quality', [60, 95])
@pytest.mark.parametrize('subsampling, code', [('4:4:4', 0), ('4:2:0', 2)])
def test_jpeg_is_what_was_asked_for(tmp_path, quality, subsampling, code):
  rng = np.random.default_rng(0)
  colour = rng.integers(0, 256, (32, 40, 3)).astype(np.uint8)
  path, reference = tmp_path / 'a.jpg', tmp_path / 'b.jpg'
  path.write_bytes(decode.encode_jpeg(colour, quality, subsampling))
  Image.fromarray(colour).save(reference, quality=quality)
  with Image.open(path) as ours, Image.open(reference) as theirs:
    assert ours.format == 'JPEG' and ours.size == (40, 32)
    assert JpegImagePlugin.get_sampling(ours) == code
    assert ours.quantization == theirs.quantization
  grey = decode.encode_jpeg(colour[..., 0], quality, subsampling)
  path.write_bytes(grey)
  with Image.open(path) as ours:
    assert ours.mode == 'L'
