"""A folder in, a folder out: what is in the files, and what rows say."""

import io
import pathlib
import runpy
import shutil

import jax
import numpy as np
import poison
import pytest
from photos import (
  CLOAKS,
  CONFIG,
  ODD,
  SECRETS,
  check_pixels_only,
  files_of,
  header_of,
  pairs_of,
  rows_of,
  sha256,
)
from PIL import Image
from PIL.JpegImagePlugin import get_sampling

from fr_poison import attacks, extractors
from fr_poison.attacks import perceptual
from fr_poison.data import decode
from fr_poison.data.faces import to_float
from fr_poison.evaluation import cloaks as cloaking

ROOT = pathlib.Path(__file__).parents[2]


def test_every_picture_has_a_row_and_every_cloak_its_place(done):
  source, output = done
  rows = rows_of(output)
  assert list(rows) == sorted({*CLOAKS, 'broken.jpg', 'z.png'})
  assert {*files_of(output)} == {*CLOAKS.values(), 'manifest.jsonl'}
  for path, name in CLOAKS.items():
    assert rows[path]['status'] == 'cloaked' and rows[path]['output'] == name
    assert rows[path]['reason'] is None
    assert header_of(output / name).format == 'PNG'
  broken = rows['broken.jpg']
  assert broken['status'] == 'unreadable' and broken['output'] is None
  assert 'truncated' in broken['reason'] and '\n' not in broken['reason']
  assert broken.keys() == rows['same.png'].keys()
  assert rows['z.png']['reason'] == 'a link, not followed'
  assert header_of(output / 'sub/grey.png').mode == 'L'


def test_no_file_says_where_or_by_whom_a_picture_was_taken(done):
  source, output = done
  original = (source / 'sub/turned.jpg').read_bytes()
  assert SECRETS[2].encode() in original
  for name, data in files_of(output).items():
    check_pixels_only(data, name)


def test_saved_files_have_the_size_and_keep_the_budget(done):
  for row, original, cloak in pairs_of(*done):
    assert cloak.shape == original.shape == (*row['size'], 3)
    change = np.abs(cloak.astype(int) - original)
    assert 0 < change.max() <= 8
    assert row['linf'] == pytest.approx(change.max() / 255, rel=1e-5)
  assert rows_of(done[1])['sub/turned.jpg']['size'] == [150, 100]


def test_pictures_of_the_working_size_get_the_attacks_pixels(done):
  source, output = done
  network = extractors.load('mobileface')
  attack = cloaking.make_attack(
    'attack', 'pgd', [network.embed_fn], epsilon=8 / 255, num_steps=2
  )
  image = to_float(decode.read_image(source / 'same.png'))[None]
  batch = np.repeat(image, 2, 0)  # the shape that is compiled already
  adv, info = attacks.run(attack, [network.params], jax.random.key(0), batch)
  saved = decode.read_image(output / 'same.png.png')
  np.testing.assert_array_equal(saved, np.rint(np.asarray(adv[0]) * 255))
  used = rows_of(output)['same.png']['budget_used']
  assert used == pytest.approx(float(info['budget_used'][0]), rel=1e-5)


def test_the_numbers_of_a_row_are_those_of_its_file(done):
  source, output = done
  network = extractors.load('mobileface')
  for row, original, saved in pairs_of(source, output):
    assert row['sha256'] == sha256(output / row['output'])
    assert row['input_sha256'] == sha256(source / row['input'])
    assert (row['attack'], row['seed']) == ('pgd', 0)
    error = np.mean((saved.astype(float) - original) ** 2)
    psnr = 10 * np.log10(255**2 / error)
    assert row['psnr'] == pytest.approx(psnr, rel=1e-5)
    buffer = io.BytesIO()
    Image.fromarray(saved).save(buffer, 'JPEG')  # Pillow's defaults
    posted = decode.decode(buffer.getvalue(), 'posted')
    if row['input'] not in ('same.jpg', ODD):
      continue  # the rest compiles for every size
    views = to_float(np.stack([original, saved, posted]))
    dssim = jax.jit(perceptual.dssim)(views[:1], views[1:2])[0]
    assert row['dssim'] == pytest.approx(float(dssim), rel=1e-3)
    e = np.asarray(jax.jit(network.embed_fn)(network.params, views))
    e = e / np.linalg.norm(e, axis=1, keepdims=True)
    moved = row['feature_displacement']
    assert moved['saved'] == pytest.approx(np.sum((e[1] - e[0]) ** 2), rel=1e-3)
    assert moved['jpeg'] == pytest.approx(np.sum((e[2] - e[0]) ** 2), rel=1e-3)
    assert moved['jpeg'] != moved['saved']
    if row['input'] == 'same.jpg':
      assert moved['float'] == moved['saved']
    else:  # rounding to 8 bits shows, a little
      assert moved['float'] != moved['saved']
      assert moved['float'] == pytest.approx(moved['saved'], rel=0.2)


@pytest.mark.parametrize(
  'subsampling, code, keep_exif', [('4:4:4', 0, True), ('4:2:0', 2, False)]
)
def test_jpeg_cloaks(done, tmp_path, subsampling, code, keep_exif):
  output = {'format': 'jpeg', 'quality': 90, 'subsampling': subsampling}
  output['keep_exif'] = keep_exif
  poison.run(CONFIG | {'output': output}, done[0], tmp_path)
  with Image.open(tmp_path / 'sub' / 'turned.jpg') as image:
    assert image.format == 'JPEG' and image.size == (100, 150)
    assert get_sampling(image) == code
    # Asked for, all of it; upright as it is now. Else nothing.
    assert image.getexif().get(0x0112, 1) == 1
    text = image.info.get('exif', b'')
    assert [s.encode() in text for s in SECRETS[:3]] == [keep_exif] * 3
  with Image.open(tmp_path / 'sub' / 'grey.jpg') as image:
    assert image.mode == 'L'
  for row, original, cloak in pairs_of(done[0], tmp_path):
    # What is said is true of the file, with what JPEG did to it.
    change = np.abs(cloak.astype(int) - original).max()
    assert row['linf'] == pytest.approx(change / 255, rel=1e-5)
    moved = row['feature_displacement']
    assert moved['saved'] != moved['float']


def test_dssim_is_kept_in_the_files(done, tmp_path):
  rows = rows_of(done[1])
  budget = rows[ODD]['dssim'] / 2
  poison.run(CONFIG | {'max_dssim': budget}, done[0], tmp_path)
  for row, _, _ in pairs_of(done[0], tmp_path):
    assert row['dssim'] <= budget * 1.00001
    assert (row['scale'] < 1) == (rows[row['input']]['dssim'] > budget)
  assert 0.5 < rows_of(tmp_path)[ODD]['scale'] < 1

  poison.run(CONFIG | {'max_dssim': 1e-9}, done[0], tmp_path, overwrite=True)
  for row, original, cloak in pairs_of(done[0], tmp_path):
    assert row['status'] == 'not_improved' and row['scale'] == 0
    assert row['reason'] == 'no change is left within the budget'
    assert row['psnr'] is None and row['linf'] == 0
    np.testing.assert_array_equal(cloak, original)


def test_the_seed_matters(done, tmp_path):
  poison.run(CONFIG | {'seed': 1}, done[0], tmp_path)
  ours, theirs = files_of(tmp_path), files_of(done[1])
  assert ours.keys() == theirs.keys()
  assert all(ours[name] != theirs[name] for name in CLOAKS.values())


def test_what_the_attack_could_not_improve_is_saved_unchanged(
  done, tmp_path, monkeypatch
):
  run = attacks.run

  def unable(attack, params, rng, images):
    assert len(images) == 2  # the last batch, too: it would compile anew
    adv_images, info = run(attack, params, rng, images)
    info = {'improved': info['improved'].at[0].set(False)}
    return adv_images, info

  monkeypatch.setattr(attacks, 'run', unable)
  poison.run(CONFIG, done[0], tmp_path)
  rows = rows_of(tmp_path)
  # The first of each batch of two.
  unchanged = [p for p, r in rows.items() if r['status'] == 'not_improved']
  assert unchanged == [ODD, 'same.jpg', 'sub/grey.gif']
  assert rows[ODD]['reason'].startswith('the attack found nothing better')
  assert rows[ODD]['budget_used'] is None  # an attack need not say
  for path in unchanged:
    image = decode.read_image(tmp_path / rows[path]['output'])
    np.testing.assert_array_equal(image, decode.read_image(done[0] / path))
    assert rows[path]['feature_displacement']['saved'] == 0


@pytest.mark.parametrize('name', ['fawkes_high', 'lowkey'])
def test_shipped_configs_run_in_little(done, little, tmp_path, name):
  path = ROOT / 'experiments' / 'configs' / f'{name}.py'
  config = runpy.run_path(str(path))['get_config']('smoke').to_dict()
  config['batch_size'] = 1
  source = tmp_path / 'in'
  source.mkdir()
  shutil.copy(done[0] / ODD, source / 'a.png')
  shutil.copy(done[0] / 'same.jpg', source / 'b.jpg')
  run = poison.run(config, source, tmp_path / 'out')
  rows = list(run.manifest.rows.values())
  assert [row['output'] for row in rows] == ['a.png', 'b.jpg']
  assert [row['format'] for row in rows] == ['png', 'jpeg']
  assert header_of(tmp_path / 'out' / 'a.png').format == 'PNG'
  with Image.open(tmp_path / 'out' / 'b.jpg') as image:
    assert image.format == 'JPEG' and get_sampling(image) == 0  # 4:4:4
    best = io.BytesIO(decode.encode_jpeg(np.asarray(image), 95))
    assert image.quantization == Image.open(best).quantization
  moved = rows[1]['feature_displacement']  # what that costs is said
  assert moved['saved'] != moved['float'] or rows[1]['status'] != 'cloaked'
  assert run.manifest.orphans == {} and run.num_ignored == 0
  assert rows[0]['status'] in ('cloaked', 'not_improved')
  assert rows == list(rows_of(tmp_path / 'out').values())
