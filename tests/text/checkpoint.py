"""A tiny checkpoint's text files: a byte-level BPE trained on the spot and a template that behaves like Qwen2.5's."""

import json
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, trainers

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MARKERS = ("<tool_call>", "</tool_call>")

WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

CORPUS = (
    "You are a helpful assistant. Hello, how are you? I am fine, thank you, and you?",
    '{"name": "get_weather", "arguments": {"city": "Paris", "unit": "celsius"}}',
    "system user assistant tool function tools call response im_start im_end",
    "Schöne Grüße aus Köln. Les élèves ont déjà mangé. 你好，世界。こんにちは。",
) * 8

SYSTEM = "You think step by step."

TEMPLATE = """\
{%- macro turn(role, body) -%}
    {{- '<|im_start|>' + role + '\\n' + body + '<|im_end|>\\n' -}}
{%- endmacro -%}
{%- set given = messages[0].role == 'system' -%}
{%- set system = messages[0].content if given else 'SYSTEM' -%}
{%- if tools %}
    {%- set ns = namespace(text=system + '\\n\\n# Tools\\n\\nFunctions, within <tools></tools>:\\n<tools>') %}
    {%- for tool in tools %}
        {%- set ns.text = ns.text + '\\n' + tool | tojson %}
    {%- endfor %}
    {%- set ns.text = ns.text + '\\n</tools>\\n\\nSay\\n<tool_call>\\n{"name": <name>, "arguments": <object>}\\n</tool_call>' %}
    {{- turn('system', ns.text) }}
{%- else %}
    {{- turn('system', system) }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'user' or message.role == 'system' and not loop.first
           or message.role == 'assistant' and not message.tool_calls %}
        {{- turn(message.role, message.content) }}
    {%- elif message.role == 'assistant' %}
        {{- '<|im_start|>assistant' }}
        {%- if message.content %}
            {{- '\\n' + message.content }}
        {%- endif %}
        {%- for call in message.tool_calls %}
            {{- '\\n<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
            {{- call.function.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == 'tool' %}
        {%- if loop.previtem is undefined or loop.previtem.role != 'tool' %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' + message.content + '\\n</tool_response>' }}
        {%- if loop.last or loop.nextitem.role != 'tool' %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
""".replace("SYSTEM", SYSTEM)


def train() -> dict[str, Any]:
    """tokenizer.json: every byte, some merges, special tokens inside the vocabulary as the trainer puts them there."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(WORDS), "isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_tokens([AddedToken(marker, normalized=False) for marker in MARKERS])
    return dict(json.loads(tokenizer.to_str()))


def write(directory: Path, file: dict[str, Any], template: Any = TEMPLATE, **config: Any) -> Path:
    """A directory with tokenizer.json and tokenizer_config.json."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "tokenizer.json").write_text(json.dumps(file), encoding="utf-8")
    config = {"chat_template": template, "eos_token": "<|im_end|>", "pad_token": {"content": "<|endoftext|>"}, **config}
    (directory / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return directory
