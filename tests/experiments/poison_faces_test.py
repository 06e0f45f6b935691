"""Loose photographs: the face in each is cloaked where recognizers look."""

import sys
import threading

import numpy as np
import photo_summary
import photos
import poison
import pytest
from photos import CONFIG

from fr_poison import extractors
from fr_poison.data import align, datasets, decode, detect_faces
from fr_poison.types import InputError

pytest.importorskip('dlib', reason='dlib is not installed')
LOOSE = {'a.png': (40, 30), 'b.png': (10, 20)}  # where the faces begin
SIDE = 100
# Two faces whose squares overlap, the first one larger.
GROUP = ((5, 10, 100), (75, 60, 80))


def _face(left, top, side):
  """Its box is two thirds as wide as the frame around it."""
  landmarks = align.template_points('wide', side) + (left, top)
  edges = np.array([left, top, left, top]) + side * np.array([1, 1, 5, 5]) / 6
  return detect_faces.Face(edges, landmarks)


@pytest.fixture
def run(tmp_path, monkeypatch, compiled_once):
  """run(faces, **settings): cloaks pictures {name: faces}; (input, output)."""

  def call(faces, **settings):
    source, output = tmp_path / 'in', tmp_path / 'out'
    source.mkdir(exist_ok=True)
    places = {}
    for i, (name, found) in enumerate(faces.items()):
      image = photos.picture(150, 260, i)
      decode.write_png(source / name, image)
      places[image.tobytes()] = found

    def find_faces(image, template, far):
      assert template == 'wide'
      assert far == (settings.get('several_faces') == 'all')
      return [*places[np.ascontiguousarray(image).tobytes()]]

    monkeypatch.setattr(detect_faces, 'find_faces', find_faces)
    poison.run(CONFIG | settings, source, output, overwrite=True)
    return source, output

  return call


@pytest.fixture
def cloaked(run):
  """(input, output): two faces at `LOOSE`, and a picture without."""
  faces = {name: [_face(*place, SIDE)] for name, place in LOOSE.items()}
  return run(faces | {'none.png': []}, align='auto')


def test_faces_are_cloaked_and_nothing_else(cloaked):
  rows = photos.rows_of(cloaked[1])
  assert rows['none.png']['reason'].startswith('no face; ')
  assert rows['none.png']['status'] == 'failed'
  pairs = {row['input']: images for row, *images in photos.pairs_of(*cloaked)}
  assert pairs.keys() == LOOSE.keys()
  for name, (original, cloak) in pairs.items():
    assert rows[name]['align'] == 'wide'
    assert rows[name]['face_share'] == pytest.approx(SIDE / 1.5 / 260, abs=1e-3)
    left, top = LOOSE[name]
    inside = np.zeros(original.shape, bool)
    inside[top : top + SIDE + 1, left : left + SIDE + 1] = True
    change = cloak.astype(int) - original
    assert not change[~inside].any() and 0 < np.abs(change).max() <= 8
    # The numbers are those of the face: in all of the picture it is less.
    error = np.mean(change[inside] ** 2)
    psnr = 10 * np.log10(255**2 / error)
    assert rows[name]['psnr'] == pytest.approx(psnr, rel=1e-2)


def test_a_recognizer_that_aligns_sees_what_the_row_says(cloaked):
  network = extractors.on_frame(extractors.load('mobileface'), 'wide-128')
  rows = photos.rows_of(cloaked[1])
  for name, place in LOOSE.items():
    landmarks = align.template_points('wide', SIDE) + place
    faces = [
      align.align(decode.read_image(folder / name), landmarks, 128, 'wide')
      for folder in cloaked
    ]
    e = extractors.embed(network, np.stack(faces))
    e /= np.linalg.norm(e, axis=1, keepdims=True)
    moved = rows[name]['feature_displacement']['saved']
    assert moved == pytest.approx(np.sum((e[1] - e[0]) ** 2), rel=0.05)
    assert moved > 0.05


def test_every_face_of_a_group_is_cloaked_on_its_own_template(run):
  faces = [_face(*place) for place in GROUP]
  pictures = {'group.png': faces, 'one.png': faces[:1]}
  source, output = run(pictures, several_faces='all', max_dssim=0.02)
  row = photos.rows_of(output)['group.png']
  assert row['status'] == 'cloaked' and len(row['faces']) == 2
  original, cloak = (
    decode.read_image(x / 'group.png') for x in (source, output)
  )
  assert 0 < np.abs(cloak.astype(int) - original).max() <= 8
  network = extractors.on_frame(extractors.load('mobileface'), 'wide-128')
  for face, found in zip(faces, row['faces'], strict=True):
    seen = [
      align.align(x, face.landmarks, 128, 'wide') for x in (original, cloak)
    ]
    e = extractors.embed(network, np.stack(seen))
    e /= np.linalg.norm(e, axis=1, keepdims=True)
    moved = found['feature_displacement']['saved']
    assert moved == pytest.approx(np.sum((e[1] - e[0]) ** 2), rel=0.05)
    assert moved > 0.03 and found['dssim'] <= 0.02
  # The picture is what its least cloaked face is.
  least = min(x['feature_displacement']['saved'] for x in row['faces'])
  assert row['feature_displacement']['saved'] == least


def test_who_is_left_uncloaked_is_listed_with_the_setting_that_helps(
  run, capsys
):
  faces = [_face(*place) for place in GROUP]
  names = [f'{i}.png' for i in range(7)]
  source, output = run(dict.fromkeys(names, faces))
  rows = photos.rows_of(output)
  assert all(row['output'] is None for row in rows.values())
  photo_summary.show_left_out(list(rows.values()), ['old.png'])
  printed = capsys.readouterr()
  for name in names:
    line = f'failed: {name!r}: 2 faces; --config.several_faces=all cloaks each'
    assert line in printed.err
  assert "orphan: 'old.png': " in printed.err
  assert '--delete_orphans' in printed.err


def test_photographs_and_crops_are_kept_apart_by_default(
  tmp_path, compiled_once
):
  face = datasets.load('orl', template='dlib').images[0]  # 112x112
  scene = photos.picture(230, 300, 0)
  scene[60:172, 90:202] = face
  (tmp_path / 'in').mkdir()
  decode.write_png(tmp_path / 'in' / 'crop.png', face)
  decode.write_png(tmp_path / 'in' / 'scene.png', scene)
  run = poison.run(CONFIG, tmp_path / 'in', tmp_path / 'out')
  crop, loose = run.manifest.rows.values()
  assert (crop['align'], crop['faces']) == ('none', [])
  assert loose['align'] == 'wide' and loose['face_share'] < 0.4
  assert crop['face_share'] is None or crop['face_share'] > 0.6
  ((left, top, right, bottom),) = [x['box'] for x in loose['faces']]
  assert left < 146 < right and top < 116 < bottom and right - left < 160


def test_without_a_detector_all_are_taken_for_crops_and_that_is_said(
  tmp_path, monkeypatch, capsys, compiled_once
):
  monkeypatch.setitem(sys.modules, 'dlib', None)
  monkeypatch.setattr(detect_faces, '_local', threading.local())
  (tmp_path / 'in').mkdir()
  decode.write_png(tmp_path / 'in' / 'a.png', photos.picture(150, 300, 0))
  run = poison.run(CONFIG, tmp_path / 'in', tmp_path / 'out')
  assert run.manifest.rows['a.png']['align'] == 'none'
  (line,) = [x for x in capsys.readouterr().out.splitlines() if 'crop' in x]
  assert 'taken for a face crop' in line
  assert "pip install 'fr_poison[align]'" in line
  monkeypatch.undo()
  # With one it is another job, whose cloaks do not mix with these.
  with pytest.raises(InputError, match='other settings'):
    poison.run(CONFIG, tmp_path / 'in', tmp_path / 'out')
