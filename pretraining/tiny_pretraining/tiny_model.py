"""Makes the embedded base model: a DeepSeek-OCR-2 of the native class, small enough for one CPU core, from a seed.

    python -m tiny_pretraining.tiny_model models/tiny

The architecture is the full-size one with small numbers (SAM, query encoder, mixture-of-experts decoder); a page is
one view of 768×768 px and costs 145 image tokens. The vocabulary is one token per character, with bytes for everything
else, so that any text can be written. The weights are random: a trained model replaces them and keeps everything else.
"""

import argparse
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scribetune.core.files import write_bytes, write_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

logger = logging.getLogger(__name__)

MODEL_TYPE = "deepseek_ocr2"
"""The family of the embedded model."""
SEED = 2026
PAGE_PX = 768
MAX_TOKENS = 4096

BOS, EOS, PAD, IMAGE = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>", "<image>"
CONTROL_TOKENS = (BOS, EOS, PAD, IMAGE)
"""Never part of a text; their ids are 0 to 3."""
MARKUP_TOKENS = ("<|grounding|>", "<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "<td>", "</td>")
"""Written out like text, but one token each."""

LATIN = "\n\t" + "".join(map(chr, range(0x20, 0x7F))) + "".join(map(chr, range(0xC0, 0x100))) + "ŒœŠšŽžŸ"
SIGNS = (
    "\u0304"  # combining macron: a mean value, as in x̄
    "¡¢£¤¥§©«¬®°±²³´µ¶·¹º»¼½¾¿ªˆ˜"  # Latin-1
    "–—‘’‚“”„†‡•…‰‹›€₩₹₽№™"  # typography and currencies
    "αβγδεζηθικλμνξοπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"  # Greek
    "←↑→↓↔⇒∀∂∃∅∆∇∈∉∏∑−∗√∝∞∠∧∨∩∪∫≈≠≡≤≥⊂⊃⊆⊕⊥⋅⌀─│┌┐└┘├┤┬┴┼■□▲△▼●○★☆☐☑☒✓✗"  # mathematics, tables, boxes
)
FULL_WIDTH = (
    "\u3000、。〈〉《》「」『』【】〔〕〖〗！＂＃＄％＆＇（）＊＋，－．／"
    "０１２３４５６７８９：；＜＝＞？＠［］＿｛｜｝～￥￡"
)
HAN = (
    # The most frequent characters of running Chinese text, all of GB 2312 level 1 …
    "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会家可下而过天去能对小多然于心学么之都好看起"
    "发当没成只如事把还用第样道想作种开美总从无情己面最女但现前些所同日手又行意动方期它头经长儿回位分爱老因很给名法间斯知世什两次"
    "使身者被高已亲其进此话常与活正感见明问力理尔点文几定本公特做外孩相西果走将月十实向声车全信重三机工物气每并别真打太新比才便夫"
    "再书部水像眼等体却加电主界门利海受听表德少克代员许先口由死安写性马光白或住难望教命花结乐色更拉东神记处让母父应直字场平报友关"
    "放至张认接告入笑内英军候民岁往何度山觉路带万男边风解叫任金快原吃妈变通师立象数四失满战远格士音轻目条呢病始达深完今提求清王化"
    "空业思切怎非找片罗钱南管五系团反展图北产单据件"
    "保共论统计资料制及建设级社需质务各根组观各济政治科技术六七八九百千亿元角整类题研究考状况称持续由集领导区域步断江河城市县省街"
    "号楼室层村镇邮编码址邮箱网址客户供应商签订"
    # … and what forms, invoices, laboratory sheets and financial reports are made of.
    "季财营收入支出费用润率同环增减额税价款币账户银贷借存股份票券投资债权益毛净销售采购库存量付款项合汇附注摘备品名规型号位购买卖方"
    "检验测试样结果范围参考值异常正阴阳标准差均浓度温湿压酸碱血糖红细胞蛋胆固醇医院患者姓性龄诊断报告编审批负责签字盖章日期年度半上"
    "会议纪要主持出席缺记录决议程通知抄送部门经办跟踪截止完待办优低紧急说明概述背景目标范总结建议风险预算执行情偏公司有限股集董监"
    "发票联抬头纳识别复核开具货劳服数减免扣抵含折实际累计末初余款现流动负债东长短固定无形折旧摊销商誉递延准备坏应付预其他综稀释每"
    "一二三四五六七八九十零〇壹贰叁肆伍陆柒捌玖拾佰仟万亿圆元角分整人民币美欧港台北京上海广州深圳"
    "项目序内容指占较年末期初第页共附件表图注单位万千克米厘毫升吨台套个只箱批次"
    # … and the characters of the sample documents that are not among these.
    "义必队基则强即且式该交取确传争运械纸玻璃华源星软食药材轮胎航青木纺织李伟刘洋陈静赵黄周吴徐孙丽超林津武汉岛连沙昆钢泵灯池"
    "布转冷降修足调厂搬迁换班拓培训仓推迟查改停排消防演习堂访档案节约草施登划印椅线夹墨杯垫钻板插座油漆螺丝笔茶叶游卡尺秒浴锅"
    "筒器简析影响亏盈未列估详依按示符店归稳假请贵惠疑退逾息包装损读隔钟误讨忽略阻留热洗致答移证效租赁维房属密块积摆逐落球曲弹"
    "律伸薄透镜焦距屏楚滴终浅慢斜速"
)


def characters() -> list[str]:
    """Return every character that has a token of its own, in the order of their ids."""
    return list(dict.fromkeys(LATIN + SIGNS + FULL_WIDTH + HAN))


def tokenizer() -> "PreTrainedTokenizerFast":
    """Build the tokenizer: one token per character, markup tokens, and 256 byte tokens for everything else."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, processors
    from transformers import PreTrainedTokenizerFast

    pieces = [*CONTROL_TOKENS, *MARKUP_TOKENS, *(f"<0x{byte:02X}>" for byte in range(256)), *characters()]
    # A byte-pair model without merges: characters it lacks fall back to their UTF-8 bytes.
    core = Tokenizer(
        models.BPE(vocab={piece: number for number, piece in enumerate(pieces)}, merges=[], byte_fallback=True)
    )
    core.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    core.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, 0)])
    core.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in CONTROL_TOKENS])
    core.add_tokens([AddedToken(token, special=False, normalized=False) for token in MARKUP_TOKENS])
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        model_max_length=MAX_TOKENS,
        clean_up_tokenization_spaces=False,
    )


@dataclass(frozen=True)
class Widths:
    """Numbers of the architecture. The defaults make 14.5 million parameters, which are 29 MB in bfloat16.

    They are those of the trained model (see `tiny_pretraining`).

    Attributes:
        sam: Width of SAM.
        sam_heads: Heads of SAM.
        sam_layers: Layers of SAM; the last has global attention.
        sam_window: Side of the other layers' windows in patches of 16 px; one that divides the page's 48 patches
            spares them a quarter of their work, which would go into padding.
        neck: Channels of SAM's neck.
        hidden: Width of query encoder and decoder.
        heads: Heads of query encoder and decoder.
        encoder_layers: Layers of the query encoder.
        encoder_mlp: Inner width of its MLPs.
        decoder_layers: Layers of the decoder; the first is dense.
        decoder_mlp: Inner width of the dense layer's MLP.
        expert: Inner width of each of 4 experts (2 per token) and of the shared one.
        sam_spread: Standard deviation of SAM's random weights; the class's own 1e-10 would leave it blind.
        spread: Standard deviation of the other random weights.
    """

    sam: int = 192
    sam_heads: int = 3
    sam_layers: int = 6
    sam_window: int = 16
    neck: int = 128
    hidden: int = 320
    heads: int = 5
    encoder_layers: int = 4
    encoder_mlp: int = 448
    decoder_layers: int = 6
    decoder_mlp: int = 640
    expert: int = 112
    sam_spread: float = 0.02
    spread: float = 0.02


EMBEDDED = Widths()
"""The trained model."""
STAND_IN = Widths(
    sam=96,
    sam_layers=3,
    sam_window=14,
    neck=64,
    hidden=128,
    heads=4,
    encoder_layers=2,
    encoder_mlp=384,
    decoder_layers=3,
    decoder_mlp=384,
    expert=96,
    sam_spread=0.1,  # about 1/sqrt(96): what differs between pages survives random layers
    spread=0.09,  # about 1/sqrt(128)
)
"""The one with random weights."""


def architecture(vocabulary: int, widths: Widths = STAND_IN) -> dict[str, Any]:
    """Return the keyword arguments of the model's configuration.

    Args:
        vocabulary: Rows of the embedding.
        widths: Its size.
    """
    control = {
        f"{name}_token_id": CONTROL_TOKENS.index(token) for name, token in (("bos", BOS), ("eos", EOS), ("pad", PAD))
    }
    return {
        "text_config": {
            "vocab_size": vocabulary,
            "hidden_size": widths.hidden,
            "intermediate_size": widths.decoder_mlp,
            "num_hidden_layers": widths.decoder_layers,
            "num_attention_heads": widths.heads,
            "num_key_value_heads": widths.heads,
            "moe_intermediate_size": widths.expert,
            "n_routed_experts": 4,
            "n_shared_experts": 1,
            "num_experts_per_tok": 2,
            "max_position_embeddings": MAX_TOKENS,
            "mlp_layer_types": ["dense"] + ["sparse"] * (widths.decoder_layers - 1),
            "initializer_range": widths.spread,
            **control,
        },
        "vision_config": {
            "sam_config": {
                "hidden_size": widths.sam,
                "num_hidden_layers": widths.sam_layers,
                "num_attention_heads": widths.sam_heads,
                "global_attn_indexes": [widths.sam_layers - 1],
                "window_size": widths.sam_window,
                "use_rel_pos": False,  # the decomposed relative positions are what makes SAM slow on a CPU
                "output_channels": widths.neck,
                "downsample_channels": [widths.sam, widths.hidden],
                "initializer_range": widths.sam_spread,
                "image_size": PAGE_PX,
            },
            "encoder_config": {
                "hidden_size": widths.hidden,
                "num_hidden_layers": widths.encoder_layers,
                "num_attention_heads": widths.heads,
                "num_key_value_heads": widths.heads,
                "intermediate_size": widths.encoder_mlp,
                "initializer_range": widths.spread,
            },
        },
        "image_token_id": CONTROL_TOKENS.index(IMAGE),
        **control,
    }


def page_processor() -> Any:
    """Return the processor: a page becomes one view of `PAGE_PX` px, padded to a square with gray."""
    from transformers import DeepseekOcr2Processor
    from transformers.models.deepseek_ocr2.image_processing_pil_deepseek_ocr2 import DeepseekOcr2ImageProcessorPil

    size = {"height": PAGE_PX, "width": PAGE_PX}
    images = DeepseekOcr2ImageProcessorPil(crop_to_patches=False, size=size, tile_size=PAGE_PX)
    return DeepseekOcr2Processor(image_processor=images, tokenizer=tokenizer())


def random_model(seed: int, widths: Widths = STAND_IN) -> Any:
    """Return a model with random weights in float32, on the CPU.

    Args:
        seed: Of the weights.
        widths: Its size.

    Raises:
        RuntimeError: The initialisation left values that are not finite.
    """
    import torch
    from transformers import DeepseekOcr2Config, DeepseekOcr2ForConditionalGeneration, GenerationConfig

    words = tokenizer()
    rows = -(-len(words) // 64) * 64  # a multiple of 64, which GPUs like
    torch.manual_seed(seed)
    model = DeepseekOcr2ForConditionalGeneration(DeepseekOcr2Config(**architecture(rows, widths)))
    with torch.no_grad():
        # Absolute positions start at zero in the native class; without relative ones the encoder would see none.
        model.model.vision_tower.sam_encoder.pos_embed.normal_(0.0, 0.02)
    if not all(bool(torch.isfinite(weight).all()) for weight in model.parameters()):
        raise RuntimeError("the random initialisation left values that are not finite")
    model.generation_config = GenerationConfig(
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        do_sample=False,
        max_new_tokens=512,
    )
    return model


def save(model: Any, processor: Any, folder: Path) -> None:
    """Write a model in bfloat16 (its weights are rounded in place), with its processor and tokenizer, atomically.

    Args:
        model: Of the native class.
        processor: Its processor.
        folder: Where to; made if missing, files of the same names are replaced.
    """
    with tempfile.TemporaryDirectory() as temporary:
        staged = Path(temporary)
        model.bfloat16().save_pretrained(staged, save_original_format=False)
        processor.save_pretrained(staged)
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(staged.iterdir()):
            write_bytes(folder / path.name, path.read_bytes())


def make(folder: Path, seed: int = SEED) -> int:
    """Write the model, processor, tokenizer, generation configuration and model card.

    Args:
        folder: Where to; made if missing, files of the same names are replaced.
        seed: Seed of the weights; the same seed gives the same bytes.

    Returns:
        The number of parameters.
    """
    model = random_model(seed)
    processor = page_processor()
    words = processor.tokenizer
    count: int = sum(weight.numel() for weight in model.parameters())
    save(model, processor, folder)
    write_text(folder / "README.md", _card(count, len(words), seed))
    return count


def _card(parameters: int, vocabulary: int, seed: int) -> str:
    return f"""---
library_name: transformers
pipeline_tag: image-text-to-text
license: agpl-3.0
---
# The embedded base model (random weights)

A DeepSeek-OCR-2 of the native transformers class (`deepseek_ocr2`) with {parameters:,} parameters, so that the whole
build runs on one CPU core, offline.

**Its weights are random.** It reads nothing; it stands in until a trained model takes its place, and its scores say
nothing about DeepSeek-OCR-2.

| | |
|---|---|
| Made by | `python -m tiny_pretraining.tiny_model models/tiny`, seed {seed} |
| Page | one view of {PAGE_PX}×{PAGE_PX} px, 145 image tokens |
| Vision | SAM 96 wide, 3 layers (absolute positions only); query encoder 128 wide, 2 layers |
| Language model | 128 wide, 3 layers, 4 experts (2 per token) + 1 shared, first layer dense |
| Vocabulary | {vocabulary:,} tokens: one per character (Latin, digits, signs, Chinese), markup, 256 bytes |
| Longest sequence | {MAX_TOKENS} tokens |
| Weights | bfloat16, safetensors |
| Prompt | `<image>\\nFree OCR. ` (plain text, no chat template) |
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the model in the folder given on the command line."""
    parser = argparse.ArgumentParser(description="Make the embedded base model with random weights.")
    parser.add_argument("folder", type=Path, help="where to write it, for example models/tiny")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the weights (default: %(default)s)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parameters = make(options.folder, options.seed)
    logger.info("%s: %s parameters", options.folder, f"{parameters:,}")


if __name__ == "__main__":
    main()
