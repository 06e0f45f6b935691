"""One folder per person: anybody's pictures, and PubFig83.

The person is the folder that holds the pictures, at any depth: `a/Ann` and
`b/Ann` are two. Archives (.tar, .tgz) are read as they are.
"""

from collections.abc import Iterator

from fr_poison.data import folder
from fr_poison.data.datasets.builder import Card, FaceBuilder, Item


class Folder(FaceBuilder):
  """TFDS builder of any folder with one folder per person."""

  CARD = Card(None, None, 'not known', '')

  def items(self) -> Iterator[Item]:
    """See the module."""
    for file in folder.files(self.source):
      person = file.path.rpartition('/')[0]
      read = file.read
      if not person:
        read = folder.refusal(file.path, "not in a person's folder")
      yield Item(person or None, file.path, read)


class Pubfig83(Folder):
  """TFDS builder of PubFig83: at least 100 pictures each, 100x100 pixels.

  Expected: the official folder or archive (pubfig83.v1.tgz),
  `pubfig83/<Person Name>/<number>.jpg`.
  """

  CARD = Card(
    83,
    None,
    'non-commercial use; pictures: of the sites they come from',
    """@inproceedings{pinto2011scaling,
  title={Scaling up biologically-inspired computer vision: A case study in
    unconstrained face recognition on Facebook},
  author={Pinto, Nicolas and Stone, Zak and Zickler, Todd and Cox, David},
  booktitle={CVPR Workshops},
  pages={35--42},
  year={2011}
}""",
  )

  def items(self) -> Iterator[Item]:
    """See the class."""
    for item in super().items():
      person = item.person and item.person.rpartition('/')[2]
      yield item._replace(person=person)
