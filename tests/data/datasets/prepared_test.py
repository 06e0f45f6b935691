"""What every data set does, on one folder per person."""

import errno
import functools
import unicodedata

import numpy as np
import photos
import pytest
from PIL import Image

from fr_poison.data import datasets, decode, folder
from fr_poison.data.datasets import builder, trees
from fr_poison.data.datasets.trees import Source
from fr_poison.data.placement import Placement, centred
from fr_poison.types import InputError

prepare = functools.partial(datasets.prepare, 'folder', size=8)


@pytest.fixture
def people(tmp_path, draw):
  """Ann has 3 pictures, Bob 1, Cat 0 and five files that are none."""
  paths = ['Ann/1.jpg', 'Ann/2.jpg', 'Ann/3.jpg', 'Bob/1.jpg', 'Cat/cut.jpg']
  root = draw(tmp_path / 'people', paths)
  cut = root / 'Cat' / 'cut.jpg'
  cut.write_bytes(cut.read_bytes()[:-40])
  (root / 'Ann' / 'empty.jpg').touch()
  (root / 'Cat' / 'page.jpg').write_text('<!DOCTYPE html><title>404</title>')
  (root / 'Cat' / 'loop').symlink_to(root)
  (root / 'Dan').mkdir()
  return root


SKIPPED = {
  'Ann/empty.jpg': 'empty file',
  'Cat/loop': 'a link, not followed',
  'Cat/page.jpg': 'a web page or other markup, not a picture',
  'Dan/': 'an empty folder',
}


def test_unusable_files_are_skipped_counted_and_listed(people):
  found = prepare(people)
  assert found.people == {'Ann': 3, 'Bob': 1, 'Cat': 0, 'Dan': 0}
  assert found.names == ('Ann', 'Bob') and len(found) == 4
  skipped = dict(found.skipped)
  assert 'truncated' in skipped.pop('Cat/cut.jpg').lower()
  assert skipped == SKIPPED
  report = found.report()
  assert report[:3] == [
    'folder (centre-8): 4 pictures, 2 people, 5 files skipped',
    '2 people with 0 pictures: Cat, Dan',
    '1 people with 1 pictures: Bob',
  ]
  assert report[3:] == [f'skipped {p}: {reason}' for p, reason in found.skipped]


def test_long_lists_are_cut_short_in_the_report(tmp_path, draw):
  root = draw(tmp_path / 'people', [f'{i:02}/1.jpg' for i in range(12)])
  for i in range(13):
    (root / '00' / f'{i}.png').touch()
  report = prepare(root).report()
  names = ', '.join(f'{i:02}' for i in range(10))
  assert report[1] == f'12 people with 1 pictures: {names}, 2 more'
  assert len(report) == 13 and report[-1] == '3 more'


def test_strict(people, tmp_path, draw):
  with pytest.raises(
    InputError, match='people: 5 problems, as: skipped Ann/empty.jpg: empty'
  ) as info:
    prepare(people, strict=True)
  assert '\n' not in str(info.value)
  good = draw(tmp_path / 'good', ['Ann/1.jpg'])
  assert len(prepare(good, strict=True)) == 1


def test_face_set(people):
  faces = prepare(people).faces()
  assert faces.paths == ('Ann/1.jpg', 'Ann/2.jpg', 'Ann/3.jpg', 'Bob/1.jpg')
  assert faces.names == ('Ann', 'Bob') and faces.labels.tolist() == [0, 0, 0, 1]
  assert faces.images.shape == (4, 8, 8, 3)
  assert faces.images[:, 0, 0, 0].tolist() == [10, 11, 12, 13]
  assert faces.alignment == 'centre-8'


def test_people_with_too_few_pictures_are_left_out(people):
  found = prepare(people)
  assert found.faces(min_pictures=2).names == ('Ann',)
  assert len(found.faces(['Ann'])) == 3
  in_order = found.faces(['Bob', 'Ann', 'Zoe'])
  assert in_order.names == ('Bob', 'Ann')
  assert in_order.images[:, 0, 0, 0].tolist() == [13, 10, 11, 12]
  with pytest.raises(InputError, match='folder: nobody has 4 pictures'):
    found.faces(min_pictures=4)
  assert len(datasets.load('folder', source_dir=people, size=8)) == 4


def test_alike_names_are_kept_apart(tmp_path, draw):
  composed = unicodedata.normalize('NFC', 'Zoë')
  decomposed = unicodedata.normalize('NFD', 'Zoë')
  names = ['Ann', 'Ann_Lee', 'ann', composed, decomposed]
  root = draw(tmp_path / 'people', [f'{name}/1.jpg' for name in names])
  found = prepare(root)
  assert found.people == dict.fromkeys(names, 1)
  assert found.problems() == [
    "all but the same name: 'Ann', 'ann'",
    f'all but the same name: {decomposed!a}, {composed!a}',
  ]
  assert found.report()[-2:] == found.problems()
  with pytest.raises(InputError, match='all but the same name'):
    prepare(root, strict=True)
  levels = found.faces().images[:, 0, 0, 0].tolist()
  assert sorted(levels) == [10, 11, 12, 13, 14]


def test_the_middle_square_is_resized():
  image = np.zeros([4, 10, 3], np.uint8)
  image[:, 3:5], image[:, 5:7] = 40, 80  # columns 3 to 6 are the square
  # Shrunk by 2, each of Pillow's weights reaches 2 pixels from the centre,
  # (1, 3, 3, 1) / 8, and where one is cut off at the border (3, 3, 1) / 7:
  # (3 * 40 + 3 * 40 + 80) / 7 = 45.7 and (3 * 80 + 3 * 80 + 40) / 7 = 74.3.
  place = centred(2).place
  assert place(image)[0, :, 0].tolist() == [46, 74]
  assert place(image.swapaxes(0, 1))[:, 0, 0].tolist() == [46, 74]
  square = image[:, :4]
  assert centred(4).place(square) is square


def test_pictures_of_the_right_size_keep_their_bytes(people, monkeypatch):
  refuse = lambda image: pytest.fail('encoded again')
  monkeypatch.setattr(decode, 'encode_png', refuse)
  assert len(prepare(people)) == 4


def test_another_placement(people):
  def flip(image):
    if image[0, 0, 0] == 11:
      raise InputError('no face')
    return 255 - image[:4, :4]

  found = prepare(people, placement=Placement('upside-4', flip))
  assert ('Ann/2.jpg', 'no face') in found.skipped
  faces = found.faces()
  assert faces.alignment == 'upside-4'
  assert faces.images[:, 0, 0, 0].tolist() == [245, 243, 242]


@pytest.fixture
def eyes():
  """Of a placement that finds no face where the level is 11; it turns it."""

  def place(image):
    if image[0, 0, 0] == 11:
      raise InputError('no face')
    return image

  def of_subject(eyes):
    found.append(eyes)
    return Placement('x-8', place, otherwise=lambda image: 255 - image)

  found = []
  return Placement('x-8', place, of_subject=of_subject), found


def test_a_face_not_found_is_where_the_data_set_says(tmp_path, draw, eyes):
  names = ['Ann/Ann_0001.jpg', 'Ann/Ann_0002.jpg', 'Ann/Ann_0003.jpg']
  root, (placement, found) = draw(tmp_path / 'lfw', names), eyes
  (root / names[2]).write_bytes(b'GIF89a')
  prepared = datasets.prepare('lfw', root, placement=placement)
  np.testing.assert_array_equal(found, [trees._LFW_EYES])
  assert prepared.assumed == (('Ann/Ann_0002.jpg', 'no face'),)
  assert prepared.people == {'Ann': 2} and len(prepared.skipped) == 1
  assert prepared.faces().images[:, 0, 0, 0].tolist() == [10, 244]
  report = prepared.report()
  assert report[0].endswith('1 files skipped, 1 faces not found and assumed')
  assert report[-1] == 'assumed Ann/Ann_0002.jpg: no face'
  (root / names[2]).unlink()
  with pytest.raises(InputError, match='1 problems, as: assumed Ann/Ann_0002'):
    datasets.prepare('lfw', root, placement=placement, strict=True)


def test_in_a_folder_anybody_may_be_meant(people, eyes):
  placement, found = eyes
  prepared = prepare(people, placement=placement)
  assert ('Ann/2.jpg', 'no face') in prepared.skipped
  assert not prepared.assumed and not found


def test_another_choice_among_faces_is_prepared_anew(people):
  first, second = (
    Placement('dlib-8', lambda image, i=i: image + np.uint8(i), f'policy {i}')
    for i in range(2)
  )
  for placement, levels in ((first, [10, 11]), (second, [11, 12])):
    faces = prepare(people, placement=placement).faces()
    assert faces.images[:2, 0, 0, 0].tolist() == levels


def test_prepared_once_and_again_when_a_file_changes(
  people, monkeypatch, draw, tfds_dir
):
  prepare(people)
  with monkeypatch.context() as patch:
    patch.setattr(
      builder.FaceBuilder, '_generate_examples', lambda self: pytest.fail()
    )
    assert len(prepare(people)) == 4
  draw(people, ['Bob/1.jpg', 'Bob/2.jpg'])
  assert prepare(people).people['Bob'] == 2
  # No copies stay of what the user replaced.
  assert len(list((tfds_dir / 'folder').iterdir())) == 1


def _full_at_close(self):
  raise RuntimeError('write() failed: No space left on device; writing /x; at')


def _full_at_write(self, data):
  raise OSError(errno.ENOSPC, 'No space left on device')


@pytest.mark.parametrize(
  'method, full', [('close', _full_at_close), ('write', _full_at_write)]
)
def test_full_disk(method, full, people, monkeypatch, tfds_dir):
  writer = builder.array_record_module.ArrayRecordWriter
  failing = type('Failing', (writer,), {method: full})
  with monkeypatch.context() as patch:
    patch.setattr(builder.array_record_module, 'ArrayRecordWriter', failing)
    with pytest.raises(
      InputError, match='No space left on device; .*TFDS'
    ) as info:
      prepare(people)
  assert '\n' not in str(info.value)
  assert not list(tfds_dir.rglob('*array_record*'))
  assert len(prepare(people)) == 4


def test_interrupted_preparation_is_not_read(people, monkeypatch):
  examples = builder.FaceBuilder._generate_examples

  def killed(self):
    yield next(examples(self))
    raise KeyboardInterrupt

  with monkeypatch.context() as patch:
    patch.setattr(builder.FaceBuilder, '_generate_examples', killed)
    with pytest.raises(KeyboardInterrupt):
      prepare(people)
  assert len(prepare(people)) == 4


def test_damage_while_it_is_used(people, tfds_dir):
  found = prepare(people)
  (path,) = tfds_dir.rglob('*.array_record*')
  data = bytearray(path.read_bytes())
  data[len(data) // 2] ^= 255
  path.write_bytes(data)
  with pytest.raises(InputError, match='1.4.0: damaged, delete it'):
    found.faces()
  with pytest.raises(InputError, match='1.4.0: damaged, delete it'):
    list(found.stream(1))


def test_nothing_usable(tmp_path):
  (tmp_path / 'people' / 'Ann').mkdir(parents=True)
  with pytest.raises(InputError, match='no picture of folder; Ann/: an empty'):
    prepare(tmp_path / 'people')
  (tmp_path / 'people' / 'Ann' / 'notes.txt').touch()
  with pytest.raises(InputError, match='nothing in its layout'):
    prepare(tmp_path / 'people')


def test_a_good_picture_of_nobody_is_skipped(people, monkeypatch):
  person_of = lambda file: 'Ann' if file.path == 'Ann/1.jpg' else None
  items = lambda: [(person_of(file), file) for file in folder.files(people)]
  flat = lambda source: Source([source], items)
  monkeypatch.setitem(datasets._SOURCES, 'flat', flat)
  found = datasets.prepare('flat', people, size=8)
  assert found.people == {'Ann': 1}
  assert ('Bob/1.jpg', 'of nobody known') in found.skipped


def test_unknown_or_nowhere(tmp_path):
  with pytest.raises(InputError, match="'lwf' is unknown; known: orl, "):
    datasets.load('lwf', source_dir=tmp_path)
  with pytest.raises(InputError, match="'orl' is unknown; known: casia_"):
    datasets.prepare('orl', tmp_path)
  with pytest.raises(InputError, match='lfw: where is it'):
    datasets.load('lfw')
  with pytest.raises(InputError, match='none: no such folder or archive'):
    datasets.load('lfw', source_dir=tmp_path / 'none')


@pytest.fixture
def ten(tmp_path, draw):
  return prepare(
    draw(tmp_path / 'ten', [f'{i % 3}/{i}.jpg' for i in range(10)])
  )


def _levels(batches):
  return [int(v) for images in batches for v in images[:, 0, 0, 0]]


def test_stream_as_stored(ten):
  batches = list(ten.stream(4))
  assert [images.shape for images in batches] == [
    (count, 8, 8, 3) for count in (4, 4, 2)
  ]
  assert _levels(batches) == [int(x[0, 0, 0]) for x, _, _ in ten.pictures()]
  assert sorted(_levels(batches)) == list(range(10, 20))


def test_grain_shuffles_and_deals_them_to_processes(ten):
  pictures = ten.pictures().seed(1).shuffle()
  shares = [list(pictures[i::3]) for i in range(3)]
  levels = [int(x[0, 0, 0]) for share in shares for x, _, _ in share]
  assert [len(share) for share in shares] == [4, 3, 3]
  assert sorted(levels) == list(range(10, 20)) != levels
  for image, label, path in shares[0]:
    assert image.shape == (8, 8, 3)
    assert ten.names[label] == path.partition('/')[0]


@pytest.mark.parametrize('batch_size', [0, 1.5])
def test_stream_refuses(batch_size, ten):
  with pytest.raises(InputError, match=f'batch_size: {batch_size}'):
    ten.stream(batch_size)


def test_a_home_that_cannot_be_written_names_the_variable(
  people, tmp_path, monkeypatch
):
  (tmp_path / 'file').write_bytes(b'')
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'file' / 'tfds'))
  with pytest.raises(InputError, match='set TFDS_DATA_DIR to a folder that'):
    prepare(people)


def test_who_asks_is_shown_each_picture(people, capsys):
  seen = []

  def progress(items, total, each=1):
    for number, item in enumerate(items, 1):
      seen.append((number, total, each))
      yield item

  prepared = prepare(people, progress=progress)
  count = len(prepared) + len(prepared.skipped)
  assert seen == [(i + 1, count, 1) for i in range(count)]
  seen.clear()
  prepared.faces()
  assert seen == [(i + 1, len(prepared), 1) for i in range(len(prepared))]
  prepare(people).faces()  # silent by itself
  captured = capsys.readouterr()
  assert captured.out == captured.err == ''


def test_no_prepared_picture_says_where_or_by_whom(tmp_path):
  folder = tmp_path / 'people' / 'a'
  folder.mkdir(parents=True)
  for i, orientation in enumerate((1, 6)):
    about = photos.exif(orientation)
    _save(folder / f'{i}.jpg', exif=about, comment=' '.join(photos.SECRETS))
  _save(folder / '2.png', exif=photos.exif(1))
  prepared = datasets.prepare('folder', tmp_path / 'people', size=8)
  for i in range(3):
    _, path, _, kept = prepared._record(i)  # the files are compressed
    image = decode.read_image(tmp_path / 'people' / path)
    np.testing.assert_array_equal(decode.decode(kept, path), image)
    end = 'jpg' if kept.startswith(b'\xff\xd8') else 'png'
    photos.check_pixels_only(kept, f'{i}.{end}')


def _save(path, **about):
  Image.fromarray(photos.picture(8, 8, 5)).save(path, **about)
