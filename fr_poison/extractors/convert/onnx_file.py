"""Reads the weights of ONNX models, with the `onnx` package."""

import os
import pathlib
import re

import numpy as np

from fr_poison.extractors.convert import guard, iresnet_onnx

# What the exporter made up for arrays that it computed.
_MADE_UP = r'(onnx::\w+_|val_)?\d+'


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """Reads the initialisers of an ONNX model by name, in their number formats.

  An export of an IResNet gives the authors' state dict, although most of its
  batch norms were folded into convolutions (see `iresnet_onnx`). Data beside
  the model are read where they lie in its folder or below.

  Raises:
    InputError: damaged, no initialisers, two of one name, text, arrays whose
      names were lost, data outside the model's folder, or the package is not
      installed.
  """
  onnx, path = guard.optional('onnx'), pathlib.Path(path)
  with guard.reading(path):
    graph = onnx.load_model_from_string(path.read_bytes()).graph
    arrays = {}
    for tensor in graph.initializer:
      if tensor.name in arrays:
        raise ValueError(f'{tensor.name} appears twice')
      arrays[tensor.name] = _array(onnx, tensor, path.parent)
    arrays = iresnet_onnx.state_dict(graph, arrays) or arrays
    if not arrays:
      raise ValueError('no initialisers in it')
    for name, array in arrays.items():
      if re.fullmatch(_MADE_UP, name) and array.ndim > 1:
        raise ValueError(
          f'{name} has lost its name: the exporter folded batch norms (which '
          'is undone for an IResNet only); give the PyTorch file instead'
        )
    return arrays


def _array(onnx, tensor, folder):
  if tensor.data_type == onnx.TensorProto.STRING:
    raise ValueError(f'{tensor.name} is text')
  if tensor.data_location != onnx.TensorProto.EXTERNAL:
    return onnx.numpy_helper.to_array(tensor)
  where = {entry.key: entry.value for entry in tensor.external_data}
  file = (folder / where['location']).resolve()
  if not file.is_relative_to(folder.resolve()) or not file.is_file():
    raise ValueError(
      f"{tensor.name}: {where['location']} is no file in the model's folder"
    )
  dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
  # A map: many tensors may say that they are the same large file.
  return np.asarray(
    np.memmap(file, dtype, 'r', int(where.get('offset', 0)), tuple(tensor.dims))
  )
