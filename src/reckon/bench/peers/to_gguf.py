"""``to_gguf.py CHECKPOINT FILE [bf16|f16]``: a Qwen2 checkpoint as llama.cpp wants it. Runs in a venv that has gguf and numpy.

For measuring a Qwen2 of any size; llama.cpp's own ``convert_hf_to_gguf.py``, which no package has, knows all the others.
"""

import json
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np

NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
LAYER_NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
}  # fmt: skip


def main(checkpoint: Path, target: Path, kind: str = "bf16") -> None:
    config = json.loads((checkpoint / "config.json").read_text())
    writer = gguf.GGUFWriter(target, "qwen2")
    _describe(writer, config, kind)
    _add_vocabulary(writer, config["vocab_size"], json.loads((checkpoint / "tokenizer.json").read_text()))
    for file in sorted(checkpoint.glob("*.safetensors")):
        for name, tensor in _tensors(file):
            _add(writer, _name(name), tensor, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: Any, config: dict[str, Any], kind: str) -> None:
    rope = config.get("rope_parameters") or {}
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_freq_base(config.get("rope_theta") or rope.get("rope_theta", 1e6))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16 if kind == "bf16" else gguf.LlamaFileType.MOSTLY_F16)


def _add_vocabulary(writer: Any, size: int, tokenizer: dict[str, Any]) -> None:
    """Byte-level BPE as Qwen2 splits it; ids that the tokenizer does not have, up to the model's ``size``, are unused."""
    tokens, kinds = [f"[unused {token}]" for token in range(size)], [gguf.TokenType.UNUSED] * size
    for token, number in tokenizer["model"]["vocab"].items():
        tokens[number], kinds[number] = token, gguf.TokenType.NORMAL
    for added in tokenizer["added_tokens"]:
        kinds[added["id"]] = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
        tokens[added["id"]] = added["content"]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in tokenizer["model"]["merges"]]
    ends = [added["id"] for added in tokenizer["added_tokens"] if added["content"] in ("<|im_end|>", "<|endoftext|>")]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(ends[-1])
    writer.add_add_bos_token(False)


def _tensors(file: Path) -> Any:
    """(name, bf16 values as uint16) of every tensor in a safetensors file."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(length))
    content = np.memmap(file, np.uint8, "r", 8 + length)
    header.pop("__metadata__", None)
    for name, entry in header.items():
        if entry["dtype"] != "BF16":
            raise SystemExit(f"{file}: {name} is {entry['dtype']}, and only BF16 is converted")
        start, end = entry["data_offsets"]
        yield name, content[start:end].view(np.uint16).reshape(entry["shape"])


def _name(name: str) -> str:
    if name in NAMES:
        return NAMES[name]
    _, _, layer, part = name.split(".", 3)
    module, _, kind = part.rpartition(".")
    return f"blk.{layer}.{LAYER_NAMES[module]}.{kind}"


def _add(writer: Any, name: str, tensor: Any, kind: str) -> None:
    """Matrices in ``kind``, vectors in float32, which is how llama.cpp reads norms and biases."""
    if tensor.ndim == 1 or kind != "bf16":
        wide = (tensor.astype(np.uint32) << 16).view(np.float32)
        writer.add_tensor(name, wide if tensor.ndim == 1 else wide.astype(np.float16))
    else:
        rows = np.ascontiguousarray(tensor).view(np.uint8)
        writer.add_tensor(name, rows, raw_shape=rows.shape, raw_dtype=gguf.GGMLQuantizationType.BF16)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:4])
