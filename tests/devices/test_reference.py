import numpy as np
import pytest
from transformers import Qwen2Config
from transformers.models.qwen2.modeling_qwen2 import Qwen2RotaryEmbedding

from reckon.devices.reference import rope_frequencies, silu


@pytest.mark.parametrize("theta", [10_000.0, 500_000.0, 1_000_000.0])
@pytest.mark.parametrize("head_dim", [16, 48, 64, 128])
def test_frequencies_are_those_of_transformers(head_dim: int, theta: float) -> None:
    config = Qwen2Config(head_dim=head_dim, rope_parameters={"rope_type": "default", "rope_theta": theta})
    expected, _ = Qwen2RotaryEmbedding.compute_default_rope_parameters(config)
    np.testing.assert_array_max_ulp(rope_frequencies(head_dim, theta), expected.numpy(), maxulp=1)


def test_silu_has_no_holes_at_the_ends() -> None:
    values = np.array([-np.inf, -200, -1, 0, 1, 200], np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        found = silu(values)
    assert np.isnan(found[0])
    assert found[1:].tolist() == pytest.approx([0, -0.26894143, 0, 0.7310586, 200], rel=1e-6)
