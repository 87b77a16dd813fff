"""What manifests call a sound, as one of six kinds and as a short phrase with an article.

A label that names nothing one could hear ("gift") has no phrase, and what could be of two kinds has
none. Rules first; the tables hold what they do not get right.
"""

import re

VOCAL, ANIMAL = "A vocal sound.", "An animal."
INSTRUMENT, DRUM, EVENT = "An instrument.", "A drum.", "An event."
KINDS = ("Speech.", VOCAL, ANIMAL, INSTRUMENT, DRUM, EVENT)
_BY_TASK = {"vocal": VOCAL, "animal": ANIMAL, "drum": DRUM, "chord": INSTRUMENT, "note": INSTRUMENT}
_BY_WORD = (  # the first that stands in the label of an instrument or event decides
    (r"\bdrums?\b|tabla|hi-hat|cymbal|cowbell|triangle|tambourine|maracas|castanets|bongo", DRUM),
    (r"guitar|piano|(signal|french) horn|viola|violin|cello|bassoon|trumpet|\bharp\b", INSTRUMENT),
    (r"harmonica|accordion|banjo|saxophone|clarinet|tuba\b|trombone|\borgan\b", INSTRUMENT),
    (r"\bflute\b|xylophone|dulcimer|harpsichord|clavichord", INSTRUMENT),
    (r"\bbirds?\b|\bbees?\b|\bcrickets?\b|monkeys|\bcat\b", ANIMAL),
    (r"burp|cheering|groan|wail|laugh|\bkiss", VOCAL),
)
_FAMILY = {  # of recorded instruments, as General MIDI has them
    "accordion": "Organ.",
    "bassoon": "Reeds.",
    "cello": "Strings.",
    "clarinet": "Reeds.",
    "clavichord": "Piano.",
    "dulcimer": "Mallets.",
    "electric guitar": "Guitar.",
    "flute": "Flutes.",
    "french horn": "Brass.",
    "guitar": "Guitar.",
    "harmonica": "Organ.",
    "harp": "Strings.",
    "harpsichord": "Piano.",
    "organ": "Organ.",
    "piano": "Piano.",
    "saxophone": "Reeds.",
    "trombone": "Brass.",
    "trumpet": "Brass.",
    "tuba": "Brass.",
    "viola": "Strings.",
    "violin": "Strings.",
    "xylophone": "Mallets.",
}
_SAID = {  # what a label means, where it is not said in plain English
    "3d printer": "a printer",
    "french horn": "a French horn",
    "percussion": "a percussion instrument",
    "ahooga": "a car horn",
    "aircraft flying": "an airplane",
    "airhammer selected": "a jackhammer",
    "airmine impact": "an explosion",
    "airplane engine": "an airplane",
    "alarm clock": "an alarm clock",
    "anvil collision": "an anvil",
    "anvil fall": "an anvil",
    "arcticwind": "wind",
    "axe hit": "a blow with an axe",
    "balloon pop": "a balloon popping",
    "baseballbat": "a blow with a bat",
    "bee buzzing": "a bee",
    "bee buzzing in water": "a bee",
    "beep": "a beep",
    "beep tone": "a beep",
    "bird song": "a bird",
    "bite": "a bite",
    "blade swish": "a sword",
    "body hitting the ground": "a body hitting the ground",
    "bow and arrow": "a bow and arrow",
    "bow puny": "a bow and arrow",
    "brick": "a brick",
    "bubble": "a bubble",
    "bullet ricochet": "a ricochet",
    "burning fuse": "a burning fuse",
    "bush rustle": "rustling leaves",
    "camera": "a camera",
    "camera shutter": "a camera",
    "campfire": "a campfire",
    "card flip": "a playing card",
    "card shuffling": "shuffling cards",
    "cart rolling": "a rolling cart",
    "chest close": "a chest closing",
    "chest open": "a chest opening",
    "chest opening": "a chest opening",
    "chimp": "a chimpanzee",
    "clank": "a clank",
    "clock tick": "a ticking clock",
    "clock tower bell": "a bell",
    "cool lava": "lava cooling in water",
    "crackling fire": "fire",
    "crash": "a crash",
    "creak low short": "a creak",
    "cricket": "crickets",
    "crowd cheering": "a cheering crowd",
    "crumpling paper (empty trash)": "crumpling paper",
    "cymbal crash": "a crash cymbal",
    "blackcat": "a cat",
    "daytime nature ambience": "nature by day",
    "desert ambient": "wind",
    "dog bark": "a dog",
    "dog bark growl": "a dog",
    "dog growl": "a dog",
    "dog snarl": "a dog",
    "drillgun": "a drill",
    "droning long": "a drone",
    "droning short": "a drone",
    "drum": "drums",
    "drum tomtom floor": "a tom drum",
    "drumkit": "a drum kit",
    "dynamite exp": "an explosion",
    "dynamite fuze": "a burning fuse",
    "egg crack": "a cracking egg",
    "engine alien big": "an engine",
    "engine alien medium": "an engine",
    "engine alien small": "an engine",
    "error beep tone": "a beep",
    "fencegate close": "a gate closing",
    "fencegate open": "a gate opening",
    "finger snap": "a finger snap",
    "fire end": "fire",
    "fire start": "fire",
    "firepunch hit": "a blow",
    "firesoft": "fire",
    "firetruck": "a fire engine",
    "flame": "fire",
    "flame big": "fire",
    "flamer big": "a flamethrower",
    "flamer small": "a flamethrower",
    "footsteps on crouch": "footsteps",
    "footsteps on hard floor": "footsteps on a hard floor",
    "footsteps on stand": "footsteps",
    "footsteps on water": "footsteps in water",
    "footsteps on water in": "footsteps in water",
    "footsteps on water out": "footsteps in water",
    "footsteps on water under": "footsteps in water",
    "footsteps splashing in water": "footsteps in water",
    "frozen hog impact": "a thud",
    "furnace fire": "fire",
    "glass break": "breaking glass",
    "glass breaking": "breaking glass",
    "glass rubbing": "a rubbed glass",
    "grabacion de monos gritando": "screaming monkeys",
    "graveimpact": "a thud",
    "gravel dig": "digging in gravel",
    "gravel dug": "digging in gravel",
    "grenade bounce": "a grenade bouncing",
    "grenadeimpact": "a grenade bouncing",
    "gunpowder burning": "a burning fuse",
    "hissing snake": "a snake",
    "horse galloping": "a galloping horse",
    "horse neigh": "a horse",
    "humming hmm": "humming",
    "ice dig": "digging in ice",
    "ice dug": "digging in ice",
    "ignite": "fire",
    "jetpackboost": "a jet engine",
    "kettle": "a kettle",
    "keyboard key press": "a key of a keyboard",
    "keyboard key release": "a key of a keyboard",
    "knife draw": "a knife being drawn",
    "knife impact": "a knife",
    "knife sheathe": "a knife being put away",
    "knife slice": "a knife",
    "knife swish": "a knife",
    "large fire": "fire",
    "lightningbolt": "thunder",
    "machine gun": "a machine gun",
    "mallet": "a hammer",
    "melonimpact": "a splat",
    "metal hit": "a blow on metal",
    "mine beep": "a beep",
    "minepump": "a pump",
    "minetick": "ticking",
    "molotov": "breaking glass",
    "morning birds": "birds",
    "mountaingoat": "a mountain goat",
    "mouse click": "a mouse click",
    "mud fist": "a blow in mud",
    "mud glob": "a splash of mud",
    "net throw": "a whoosh",
    "night crickets": "crickets",
    "night nature ambience": "nature at night",
    "phone": "a telephone",
    "phone ringing": "a telephone",
    "pickhammer": "a jackhammer",
    "rimshot or side stick": "a rimshot",
    "rocket flying": "a rocket",
    "rocket human": "a rocket",
    "rocks falling": "falling rocks",
    "ropeattach": "a rope",
    "roperelease": "a rope",
    "ropeshot": "a rope",
    "saw": "a saw",
    "sheep lamb": "a lamb",
    "ship at sea": "a ship at sea",
    "shotgun": "a gunshot",
    "shotgunreload": "a gun being loaded",
    "shouting no": "somebody shouting no",
    "small fire": "fire",
    "smallfire": "fire",
    "sniperreload": "a gun being loaded",
    "soft boom": "a boom",
    "son de singes qui crient": "screaming monkeys",
    "sound of monkeys screaming": "screaming monkeys",
    "sparks short": "sparks",
    "splatter": "a splat",
    "squishy hit": "a splat",
    "squishy strike": "a splat",
    "staff body": "a blow with a staff",
    "staff break": "breaking wood",
    "staff head": "a blow with a staff",
    "steel bar door close": "a steel door closing",
    "steel bar door open": "a steel door opening",
    "suono delle scimmie urlanti": "screaming monkeys",
    "sword clash": "clashing swords",
    "sword slice": "a sword",
    "sword staff": "a sword",
    "telephone busy tone": "a busy tone",
    "telephone ringback tone": "a telephone",
    "throwing knife": "a knife",
    "thunder and lightning": "thunder",
    "toni ascendenti": "ascending tones",
    "toni discendenti": "descending tones",
    "tono de error": "a beep",
    "tono simple": "a beep",
    "toy plane engine": "a toy airplane",
    "tv newswav": "a news broadcast",
    "tv static": "static",
    "ugv cannon fire": "a cannon",
    "uh-oh": "somebody saying uh-oh",
    "un suono beep": "a beep",
    "un suono beep di errore": "a beep",
    "vinyl backspin": "a record being scratched",
    "vinyl hiss": "hiss",
    "vinyl rewind": "a record being scratched",
    "vinyl scratch": "a record being scratched",
    "wail long": "wailing",
    "wail sml": "wailing",
    "war drums": "drums",
    "water drip": "dripping water",
    "water splash": "a splash",
    "waterfontain": "a fountain",
    "whoosh hit": "a whoosh",
    "wings flapping": "flapping wings",
    "wolf growl": "a wolf",
    "wolf snarl or yelp": "a wolf",
    "zap": "a zap",
}
_NAMELESS = re.compile(  # labels that name no sound one could tell
    r"apple|baseball|bathyscape|bat|bottle|choir|dart|desertday|dragonstick|drum loop|excited"
    r"|final roll call|flip|ghost|gift|glass|good morning|happy|happy ring|hard candy|hell"
    r"|hog freeze|ice beam.*|ink|inukshuk.*|irgoggles|item smoke|landgun|m|m16 cartridge|mad"
    r"|medikit|melee.*|nightime|open close|parachute|player damage|plug|polecat|psiattack|ptl .*"
    r"|quetzal|rubberduck.*|sad|safari ambience|santahat|spider|sunny day|tail|test tone"
    r"|throwrelease|toucan|xanthia|zebra|note .*|.* (major|minor)|.*minor7b5|.*(alien|ufo).*"
    r"|.*bloodspider.*|collect crate|disco|jingle|radiomessage|lights|sand city|hum|torch"
    r"|.*(needler|bolter|flechette|gauss|plasma|laser|taser).*|fist|claws|pincers|club|mace|flail"
    r"|spear|staff|hatchet|sling.*|snow skid|skid|jump|break|broken|bite small"
    r"|.*(tone,|tone the|sonore|acustico|сигнала).*"
)
_UNSURE = re.compile(  # labels that could be of two kinds
    r"choir|safari ambience|excited|happy|mad|sad|ghost|final roll call|good morning|hell|bat"
    r"|spider|polecat|inukshuk.*|player damage|whistle|.*bloodspider.*|test tone|jingle|disco"
    r"|.*(daytime|night) nature ambience|.*(tone,|sonore|acustico|сигнала|radiomessage|newswav).*"
)
_NO_ARTICLE = re.compile(
    r"\b(laughter|applause|rain|thunder|wind|fire|water|lava|lightning|static|electricity|steam"
    r"|music|ambience|paper|rubble|wood|machinery|nature|\w+ing|(?!brass)\w+[^su]s)$"
)


def kind_of(row: dict) -> str | None:
    """The kind of sound a line of a manifest speaks of; None where it is not clear."""
    task, text = row["task"], row["text"].lower()
    if task in _BY_TASK:
        return _BY_TASK[task]
    if task not in ("sound_event", "instrument"):
        return None  # invented creatures: an animal to one, a voice to another
    meant = _meant(text)
    for words, kind in _BY_WORD:
        if re.search(words, meant.lower()):
            return kind
    if task == "instrument" or _UNSURE.fullmatch(text):
        return None
    return EVENT


def phrase(row: dict) -> str | None:
    """What a line of a manifest names, as an answer: "A dog bark.", "Footsteps on snow."; None
    where it names nothing one could tell by ear."""
    if row["task"] == "chord":
        return "A guitar chord."
    meant = _meant(row["text"].lower())
    if row["task"] == "game_creature" or _NAMELESS.fullmatch(meant):
        return None
    if not re.match(r"(an?|the|somebody) ", meant) and not _many(meant):
        meant = f"{'an' if meant[0] in 'aeiou' else 'a'} {meant}"
    return f"{meant[0].upper()}{meant[1:]}."


def _meant(text: str) -> str:
    """A label in plain words."""
    text = re.sub(r"^ambience of ", "", text)
    text = re.sub(r" loop$|(?<=door)\d", "", text)
    text = re.sub(r"^bullet .*(gun|hmg|smg|rifle|pistol|sniper|shotgunmini)$", "gunshot", text)
    text = re.sub(r"^reload .*", "a gun being loaded", text)
    text = re.sub(r"^explosion .*", "explosion", text)
    text = re.sub(r"(?<=door )(open|close)$", lambda end: end[0].rstrip("e") + "ing", text)
    return _SAID.get(text, text)


def _many(meant: str) -> bool:
    """Whether a phrase takes no article: plurals, stuff and what is being done."""
    if meant.endswith(("opening", "closing")):
        return False
    head = re.split(r" (?:on|in|of|or|and|at|by|into|with|being|hitting)\b", meant)[0]
    return bool(_NO_ARTICLE.search(head))


def family_of(row: dict) -> str | None:
    """The family of a recorded instrument, as General MIDI has it."""
    return "Guitar." if row["task"] == "chord" else _FAMILY.get(row["text"])
