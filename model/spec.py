"""Numbers and control tokens of the checkpoints, with units and derivation. Reads no file.

Source: Qwen-Audio (arXiv 2311.07919), section 3, and the configuration of its checkpoints;
the front end is Whisper's (arXiv 2212.04356), section 2.2.
"""

SAMPLE_RATE = 16_000  # Hz
N_FFT = 400  # samples: 25 ms
HOP = 160  # samples per mel frame: 10 ms
MELS = 80
WINDOW = 30 * SAMPLE_RATE  # samples the encoder sees at once
TRAINED_LENGTH = 2048  # positions Qwen-Audio was trained on; beyond: model/longcontext.py

# qwen.tiktoken: 151643 byte-pair ranks, split by this pattern after NFC normalisation
N_RANKS = 151_643
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

END_OF_TEXT, IM_START, IM_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
AUDIO_PAD, AUDIO_START, AUDIO_END = "[[[AUDIO:modality]]]", "<audio>", "</audio>"
STRUCTURE = (END_OF_TEXT, IM_START, IM_END)  # where turns begin and end
SOUND = (AUDIO_PAD, AUDIO_START, AUDIO_END)  # where clips stand

MARKS = tuple(f"<|{hundredth / 100:.2f}|>" for hundredth in range(3001))  # 0.00 to 30.00 s

# The hierarchical tags, in the order of their ids (151852 onwards); MARKS stand in the middle.
_TAGS_BEFORE_MARKS = (
    "startoftranscript startofanalysis translate transcribe caption keyword unknown "
    "en zh de es ko fr ja it zh_tr notimestamps sil timestamps"
).split()
_TAGS_AFTER_MARKS = (
    "caption_audiocaps caption_clotho audioset_ontology caption_plain itn wo_itn "
    "startofentityvalue endofentityvalue startofentitytype endofentitytype "
    "named_entity_recognition audio_grounding startofword endofword delim "
    "emotion_recognition music_description note_analysis pitch".split()
    + [f"midi_pitch_{pitch}" for pitch in range(128)]
    + ["velocity"]
    + [f"midi_velocity_{velocity}" for velocity in range(128)]
    + "sonic instrument speaker_meta song_meta question answer choice scene event "
    "vocal_classification speech_understanding scenario action entities speech_edit".split()
)
TAGS = (
    *(f"<|{name}|>" for name in _TAGS_BEFORE_MARKS),
    *MARKS,
    *(f"<|{name}|>" for name in _TAGS_AFTER_MARKS),
)
CONTROL_TOKENS = (  # id of the first: N_RANKS
    *STRUCTURE,
    *(f"<|extra_{i}|>" for i in range(205)),
    AUDIO_PAD,
    *TAGS,
    AUDIO_START,
    AUDIO_END,
)

SYSTEM_PROMPT = "You are a helpful assistant."
