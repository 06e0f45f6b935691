from fr_poison.data.faces import FaceSet as FaceSet
