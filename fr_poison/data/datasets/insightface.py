"""Training sets as insightface gives them: CASIA-WebFace and MS1M.

Expected: a folder with train.rec and train.idx (faces_webface_112x112,
faces_emore), aligned pictures of 112x112 pixels. Record 0 has two labels, the
first of which is the number of pictures plus 1: the records from there on list
people, not pictures. A person is his number.
"""

import math
import pathlib
from collections.abc import Iterator

from fr_poison.data import folder, recordio
from fr_poison.data.datasets.builder import Card, FaceBuilder, Item


class CasiaWebface(FaceBuilder):
  """TFDS builder of CASIA-WebFace."""

  CARD = Card(
    10572,
    490623,
    'non-commercial research; pictures: of the sites they come from',
    """@article{yi2014learning,
  title={Learning face representation from scratch},
  author={Yi, Dong and Lei, Zhen and Liao, Shengcai and Li, Stan Z},
  journal={arXiv:1411.7923},
  year={2014}
}""",
  )

  def sources(self) -> list[pathlib.Path]:
    """The records and their index."""
    return [self.source / 'train.rec', self.source / 'train.idx']

  IS_STREAM = True

  def items(self) -> Iterator[Item]:
    """See the module."""
    end = math.inf
    for record in recordio.records(self.sources()[0]):
      if record.key == 0 and len(record.labels) > 1:
        end = record.labels[0]
      elif record.key < end:
        yield _item(record)


class Ms1m(CasiaWebface):
  """TFDS builder of MS1M-ArcFace (MS1MV2), refined from MS-Celeb-1M."""

  CARD = Card(
    85742,
    5822653,
    'withdrawn by Microsoft; was for non-commercial research',
    """@inproceedings{deng2019arcface,
  title={ArcFace: Additive angular margin loss for deep face recognition},
  author={Deng, Jiankang and Guo, Jia and Xue, Niannan and
    Zafeiriou, Stefanos},
  booktitle={CVPR},
  year={2019}
}""",
  )


def _item(record: recordio.Record) -> Item:
  path, read, _ = record.file
  label = record.labels[0] if record.labels else 0.0
  if not 0 <= label < 1e7:
    return Item(None, path, folder.refusal(path, f'label {label}'))
  return Item(f'{int(label):07}' if record.labels else None, path, read)
