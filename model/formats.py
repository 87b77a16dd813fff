"""Which formats and codecs ffmpeg may read from a file that anybody may have made, and what is said
of the others.

Listed are a file's own sound, or a video's. No format is listed that names other files or addresses
(playlists, concat, hls, dash, sdp, image2, imf, mlv), draws a picture, or needs a device.
"""

import re

FORMATS = (
    *("wav", "w64", "aiff", "au", "caf", "voc", "iff", "flac", "mp3", "aac", "loas", "latm", "mov"),
    *("matroska", "ogg", "asf", "avi", "flv", "mpeg", "mpegts", "ac3", "eac3", "dts", "truehd"),
    *("amr", "amrnb", "amrwb", "g722", "gsm", "ape", "wv", "tta", "tak", "mpc", "mpc8", "dsf"),
    *("oma", "qoa", "rm", "spdif", "sox", "ircam", "nistsphere", "act", "iamf", "dss", "qcp"),
    *("shn", "mxf", "wtv", "dv", "nut", "mmf", "sbc", "aptx", "aptx_hd", "mlp", "dtshd", "xwma"),
    *("vqf", "sln", "alaw", "mulaw", "g726", "g726le", "g728", "g729", "g723_1", "ilbc", "aea"),
    *("s16le", "adx", "avr", "pvf", "paf", "laf", "osq", "rka", "bonk", "apac", "hcom", "wsd"),
    *("gxf", "lxf", "nuv", "nsv", "pva", "ty", "dhav", "live_flv", "kux", "sds", "rso", "s337m"),
    *("wavarc", "xa", "daud", "ast", "epaf"),
)
CODECS = (
    *(f"pcm_{kind}" for kind in ("alaw", "mulaw", "s8", "u8", "s8_planar", "bluray", "dvd")),
    *(f"pcm_{sign}{bits}{end}" for sign in "su" for bits in (16, 24, 32) for end in ("le", "be")),
    *(f"pcm_s{kind}" for kind in ("16le_planar", "16be_planar", "24le_planar", "32le_planar")),
    *(f"pcm_f{kind}" for kind in ("16le", "24le", "32le", "32be", "64le", "64be")),
    *("pcm_s64le", "pcm_s64be", "pcm_lxf", "pcm_vidc", "pcm_s24daud", "dvaudio"),
    *(f"adpcm_{kind}" for kind in ("ms", "ima_wav", "ima_qt", "yamaha", "swf", "sbpro_2")),
    *(f"adpcm_{kind}" for kind in ("sbpro_3", "sbpro_4", "adx", "ct", "ima_oki", "ima_pda", "xa")),
    *("8svx_exp", "8svx_fib", "mace3", "mace6", "g722", "g723_1", "g728", "g729", "hcom"),
    *("g726", "g726le", "adpcm_ima_ws", "adpcm_afc"),
    *("gsm", "gsm_ms", "amrnb", "libopencore_amrnb", "amrwb", "libopencore_amrwb", "ilbc"),
    *("aac", "aac_fixed", "aac_latm", "mp3", "mp3float", "mp2", "mp2float", "mp1", "mp1float"),
    *("mp3adu", "mp3adufloat", "mp3on4", "mp3on4float", "metasound", "twinvq", "dss_sp"),
    *("flac", "alac", "ape", "wavpack", "tta", "tak", "als", "truehd", "mlp", "qoa", "shorten"),
    *("osq", "rka", "bonk", "apac", "wavarc", "ralf", "paf_audio", "dfpwm"),
    *("opus", "libopus", "vorbis", "libvorbis", "speex", "nellymoser", "truespeech", "qcelp"),
    *("wmav1", "wmav2", "wmapro", "wmavoice", "wmalossless", "ac3", "ac3_fixed", "eac3", "dca"),
    *("mpc7", "mpc8", "cook", "sipr", "ra_144", "ra_288", "real_144", "real_288", "qdm2", "qdmc"),
    *("atrac1", "atrac3", "atrac3al", "atrac3plus", "atrac3plusal", "atrac9", "evrc", "s302m"),
    *("sbc", "aptx", "aptx_hd", "dolby_e", "imc", "iac", "siren", "msnsiren", "acelp.kelvin"),
    *(f"dsd_{kind}" for kind in ("lsbf", "lsbf_planar", "msbf", "msbf_planar")),
)

_TELEPHONE = ("-sample_rate", "8000")
HEADERLESS = {  # known by their names alone: the ending, and how it is read
    ".g722": ("-f", "g722"),
    ".gsm": ("-f", "gsm"),
    ".g728": ("-f", "g728"),
    ".g729": ("-f", "g729"),
    ".g726": ("-f", "g726", *_TELEPHONE),
    ".sbc": ("-f", "sbc"),
    ".msbc": ("-f", "sbc"),
    ".aptx": ("-f", "aptx"),
    ".aptxhd": ("-f", "aptx_hd"),
    ".sln": ("-f", "sln"),
    **{f".sln{rate}": ("-f", "s16le", "-sample_rate", f"{rate}000") for rate in (8, 12, 16, 24)},
    **{f".sln{rate}": ("-f", "s16le", "-sample_rate", f"{rate}000") for rate in (32, 48, 96)},
    ".sln44": ("-f", "s16le", "-sample_rate", "44100"),
    **dict.fromkeys((".alaw", ".al", ".pcma"), ("-f", "alaw", *_TELEPHONE)),
    **dict.fromkeys((".mulaw", ".ulaw", ".ul", ".pcmu"), ("-f", "mulaw", *_TELEPHONE)),
}
BARE = {".raw", ".pcm", ".snd"}  # samples of a rate and form that nothing tells

LOSSLESS_FLOAT = re.compile(r"pcm_f\d+[bl]e|wavpack|als|pcm_f24le")  # may hold any level
LOSSLESS = re.compile(  # may be finer than 16 bits, and is kept so by the codec
    r"pcm_.*|wavpack|als|alac|flac|tta|tak|mlp|truehd|ape|wmalossless"
)
PROTECTED = re.compile(  # what ffmpeg says of sound that is locked to an account
    r"^  Stream .*\((drms|enca|adrm|aavd) / 0x|^\[.*(DRM protected|encrypted|activation_bytes)",
    re.M,
)
