"""The encoder at work: a text's pieces through the ONNX file, one text at a time, on one thread.

One at a time because the file's 8-bit arithmetic takes its scale from all that is in a batch: together with others, a
text would get a slightly different answer than alone.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from integrations.classifier.fields import ALL, words_of
from integrations.classifier.light import NotAModel, likelihoods

MODEL, PIECES = "encoder.onnx", "pieces.json"


class EncoderPath:
    """A trained encoder, read from its two files.

    Raises:
        ImportError: `onnxruntime` or `tokenizers` is not installed.
        NotAModel: the files are damaged, or for other words than the desk has now.
    """

    def __init__(self, directory: Path) -> None:
        import onnxruntime

        from integrations.classifier.encoder import pieces

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(directory / MODEL), options, providers=["CPUExecutionProvider"]
            )
            about = json.loads(self._session.get_modelmeta().custom_metadata_map["tanggap"])
            self._tokenizer = pieces.load(directory / PIECES)
        except Exception as error:  # each of the two libraries raises errors of its own making
            raise NotAModel(f"The encoder in {directory} cannot be read: {error}.") from error
        if about["fields"] != {field: list(words_of(field)) for field in ALL}:
            raise NotAModel(f"The encoder in {directory} was made for other words. Train it anew.")
        self._cut = pieces.cut
        self.name: str = about["name"]
        self.card: dict[str, object] = about["card"]
        self._temperatures: dict[str, float] = about["card"].get("temperatures", {})

    def probabilities(self, texts: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """How likely each word of each field is, calibrated; a row a text."""
        logits = self.logits(texts)
        return {field: likelihoods(field, found, self._temperatures.get(field, 1.0)) for field, found in logits.items()}

    def logits(self, texts: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """What the heads say, before calibration."""
        rows = [
            self._session.run(None, {"ids": np.array([ids], dtype=np.int64)})[0][0]
            for ids in self._cut(self._tokenizer, texts)
        ]
        whole = np.array(rows, dtype=np.float64).reshape(len(texts), sum(len(words_of(field)) for field in ALL))
        found: dict[str, NDArray[np.float64]] = {}
        at = 0
        for field in ALL:
            found[field] = whole[:, at : at + len(words_of(field))]
            at += len(words_of(field))
        return found
