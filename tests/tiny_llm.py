"""A real language-model server with a model that knows nothing: llama.cpp on random weights, written when it is needed.

It speaks the whole protocol, and answers gibberish in whatever shape a schema asks for.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

NAME, KEY = "tiny", "sesame"
WIDTH, HEADS, LAYERS, INNER = 64, 4, 2, 128
CONTEXT = 16_384
BYTES_FROM = 3
"""The vocabulary: unknown, beginning, end, and then every byte."""


@dataclass(frozen=True)
class TinyServer:
    """Where it answers."""

    endpoint: str
    model: str = NAME
    key: str = KEY


@contextmanager
def tiny_server(folder: Path) -> Iterator[TinyServer]:
    """The server, in a process of its own; a test is skipped where llama.cpp cannot be installed."""
    for package, what in (("xllamacpp", "llama.cpp's server"), ("gguf", "the writer of models")):
        pytest.importorskip(package, reason=f"{what} ({package}) is not installed here")
    file = folder / "tiny.gguf"
    write_model(file)
    process = subprocess.Popen([sys.executable, __file__, str(file)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield TinyServer(f"{process.stdout.readline().strip()}/v1")
    finally:
        process.kill()
        process.wait()


def serve(file: str) -> None:
    """Serve the model until somebody ends this process; says where on standard output."""
    import xllamacpp

    wanted = xllamacpp.CommonParams()
    wanted.model.path = file
    wanted.model_alias = [NAME]
    wanted.n_ctx = CONTEXT
    wanted.n_parallel = 1
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = 1
    wanted.hostnames, wanted.port = ["127.0.0.1"], 0
    wanted.api_keys = [KEY]
    wanted.warmup = wanted.ui = False
    wanted.verbosity = 0
    server = xllamacpp.Server(wanted)
    print(server.listening_address, flush=True)
    threading.Event().wait()


def write_model(file: Path, seed: int = 7) -> None:
    """Random weights, leaning towards small letters and the signs that bring a string, a list and an object to an end."""
    import gguf

    dice = np.random.default_rng(seed)

    def weights(*shape: int) -> np.ndarray:
        return (dice.standard_normal(shape) * 0.3).astype(np.float32)

    def silent_at_0(made: np.ndarray) -> np.ndarray:
        made[0, :] = 0
        return made

    tokens = BYTES_FROM + 256
    embedding, output = weights(tokens, WIDTH), weights(tokens, WIDTH)
    # The first dimension is the same for every token and passes through all layers: by it the output leans.
    embedding[:, 0] = 6.0
    output[:, 0] = -5.0
    for sign in "abcdefghijklmnopqrstuvwxyz 0123{}[],:":
        output[BYTES_FROM + ord(sign), 0] = 2.0
    for sign in '"]':
        output[BYTES_FROM + ord(sign), 0] = 5.0
    to = gguf.GGUFWriter(str(file), "llama")
    to.add_name(NAME)
    to.add_context_length(CONTEXT)
    to.add_embedding_length(WIDTH)
    to.add_block_count(LAYERS)
    to.add_feed_forward_length(INNER)
    to.add_head_count(HEADS)
    to.add_head_count_kv(HEADS)
    to.add_layer_norm_rms_eps(1e-5)
    to.add_rope_dimension_count(WIDTH // HEADS)
    to.add_vocab_size(tokens)
    to.add_tokenizer_model("llama")
    to.add_token_list([b"<unk>", b"<s>", b"</s>", *(f"<0x{number:02X}>".encode() for number in range(256))])
    to.add_token_scores([0.0] * tokens)
    control, byte = gguf.TokenType.CONTROL, gguf.TokenType.BYTE
    to.add_token_types([gguf.TokenType.UNKNOWN, control, control, *[byte] * 256])
    to.add_unk_token_id(0)
    to.add_bos_token_id(1)
    to.add_eos_token_id(2)
    to.add_chat_template("{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: ")
    to.add_tensor("token_embd.weight", embedding)
    to.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    to.add_tensor("output.weight", output)
    for layer in range(LAYERS):
        at = f"blk.{layer}"
        to.add_tensor(f"{at}.attn_norm.weight", np.ones(WIDTH, np.float32))
        to.add_tensor(f"{at}.ffn_norm.weight", np.ones(WIDTH, np.float32))
        for part in "qkv":
            to.add_tensor(f"{at}.attn_{part}.weight", weights(WIDTH, WIDTH))
        to.add_tensor(f"{at}.attn_output.weight", silent_at_0(weights(WIDTH, WIDTH)))
        to.add_tensor(f"{at}.ffn_gate.weight", weights(INNER, WIDTH))
        to.add_tensor(f"{at}.ffn_up.weight", weights(INNER, WIDTH))
        to.add_tensor(f"{at}.ffn_down.weight", silent_at_0(weights(WIDTH, INNER)))
    to.write_header_to_file()
    to.write_kv_data_to_file()
    to.write_tensors_to_file()
    to.close()


if __name__ == "__main__":
    serve(sys.argv[1])
