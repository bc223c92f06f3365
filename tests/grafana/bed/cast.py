"""Which recorded runs are played under which name, where they train, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NAMESPACE = "ml"
SFT, DPO, PROBES = "support-bot-sft", "support-bot-dpo", "probes"

Device = int | tuple[int, int, int]
"""The index of a GPU, or of a MIG device the GPU, the GPU instance and the compute instance."""


@dataclass(frozen=True, slots=True)
class Part:
    """A run of the performance, which trains on `gpus` of `node`.

    `begins` and `ends` are shares (0-1) of the performance; a run that ends later than 1 still runs
    at its end. `settings` become tags `param.<name>`, where a run's LoRA settings are read from.
    """

    recording: str
    name: str
    experiment: str
    job: str
    begins: float
    ends: float
    node: str = ""
    gpus: tuple[Device, ...] = ()
    status: str = "FINISHED"
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def pod(self) -> str:
        """The first pod of the job."""
        return f"{self.job}-0"


def lora(rank: int, dataset: str, template: str = "llama3") -> Mapping[str, str]:
    """Return the settings of a run that trains adapters of this rank."""
    return {
        "lora_rank": str(rank),
        "lora_alpha": str(2 * rank),
        "lora_target": "q_proj,v_proj",
        "dataset": dataset,
        "template": template,
        "finetuning_type": "lora",
    }


CAST = (
    Part(
        # It was given a GPU too many, which idles.
        *("healthy", "llama3-8b-lora", SFT, "llama3-r16", 0.0, 1.5, "gpu-1", (0, 1, 2, 6)),
        settings=lora(16, "tickets-v2"),
    ),
    # Names repeat.
    Part(
        *("plateau", "llama3-8b-lora", SFT, "llama3-r64", 0.05, 1.6, "gpu-1", (3,)),
        settings=lora(64, "tickets-v2"),
    ),
    Part(
        *("overfit", "qwen2-7b-sft", SFT, "qwen2", 0.0, 0.95, "gpu-1", (4, 5)),
        settings=lora(32, "tickets-small", "qwen"),
    ),
    Part(
        *("diverging-warmup", "mistral-7b-dpo", DPO, "mistral-dpo", 0.1, 0.8, "gpu-2", (1,)),
        status="FAILED",
        settings=lora(8, "preferences", "mistral"),
    ),
    # A name that is hard to quote, in PromQL and in regular expressions.
    Part(
        *("nan-default-filter", 'phi-3 (fp16) "final" +flash', DPO, "phi3", 0.15, 1.2),
        *("gpu-2", ((0, 5, 0), (0, 5, 1))),
    ),
    # This one logs tokens, their throughput and the accuracy of the evaluation.
    Part(
        *("llamafactory-lora-sft", "llama3.2-1b-sft", SFT, "llama3-1b", 0.0, 1.3),
        *("gpu-2", ((0, 1, 0),)),
        settings=lora(8, "tickets-v2"),
    ),
    Part("two-eval-sets", "probe-two-sets", PROBES, "probe", 0.0, 0.1, "gpu-2", ((0, 13, 0),)),
    Part("bald-hare-273", "baseline-eval", PROBES, "baseline", 0.02, 0.05),
)
"""Some go on, one overfits, one diverges and fails, one loses its numbers, some are soon over."""
