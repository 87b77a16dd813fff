"""More sounds of Debian packages that no manifest lists: what each file is, told by its name.

Animals above all, of which the manifests have few. A row here is like a line of a manifest.
`gcompris-qt-data` is held out: animals, instruments played by people, and machines to test with,
but for the recordings that gamine-data has as well.
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

HELD_OUT = {"gcompris-qt-data"}
FOLDER = "_collected"  # where what is inside of archives is unpacked
_SOUND = {".ogg", ".wav"}
_MOST = 12  # files of one rule: twenty arrows in wood teach no more than twelve
# package | task | what is heard | files, as a regular expression
_RULES = """
0ad-data | animal | camel | fauna/.*camel
0ad-data | animal | cow | fauna/animal/cattle
0ad-data | animal | chicken | fauna/animal/chicken
0ad-data | animal | elephant | fauna/animal/elephant
0ad-data | animal | flamingo | fauna/animal/flamingo
0ad-data | animal | horse | fauna/animal/horse
0ad-data | animal | horse | death/death_horse
0ad-data | animal | lion | fauna/animal/lion
0ad-data | animal | peacock | fauna/animal/peacock
0ad-data | animal | pig | fauna/animal/pig
0ad-data | animal | sheep | fauna/animal/sheep
0ad-data | animal | goat | fauna/death/goat
0ad-data | animal | dog | voice/global/civ_dog
0ad-data | animal | galloping horse | mounted/movement/mstep
0ad-data | animal | birds | ambient/dayscape/day_temperate_\\d
0ad-data | vocal | female death cry | death/female_death
0ad-data | vocal | male death cry | death/male_death_[0-3]
0ad-data | vocal | male death cry | death/male_death_[4-6]
0ad-data | sound_event | footsteps on sand | fs_sand|Foorstep_Sand
0ad-data | sound_event | footsteps on grass | fs_grass|Footstep_Grass
0ad-data | sound_event | footsteps on gravel | fs_gravel|Footstep_Gravel
0ad-data | sound_event | footsteps on stone | fs_rock|Footstep_Rock
0ad-data | sound_event | footsteps on wood | fs_wood|Footstep_Wood
0ad-data | sound_event | footsteps on snow | fs_snow
0ad-data | sound_event | footsteps on dirt | hstep_
0ad-data | sound_event | a gate closing | stonegate_close
0ad-data | sound_event | a gate opening | stonegate_open
0ad-data | sound_event | flowing water | ambient/water/river
0ad-data | sound_event | waterfall | ambient/water/waterfall
0ad-data | sound_event | waves | ambient/water/wave
0ad-data | sound_event | rain | weather/rain
0ad-data | sound_event | thunder | weather/thunder
0ad-data | sound_event | wind | weather/(wind|snowstorm)
0ad-data | sound_event | a building collapsing | building_collapse
0ad-data | sound_event | fire | attack/fire/
0ad-data | sound_event | an arrow hitting wood | impact/arrow_wood
0ad-data | sound_event | an arrow hitting metal | impact/arrow_metal
0ad-data | sound_event | an arrow hitting stone | impact/arrow_stone
0ad-data | sound_event | a flying arrow | arrowfly
0ad-data | sound_event | bow and arrow | weapon/bow_attack
0ad-data | sound_event | a blow on metal | impact/shield_metal
0ad-data | sound_event | a blow on wood | impact/shield_wood
0ad-data | sound_event | gunshot | weapon/Musket
0ad-data | sound_event | sword clash | weapon/swordhit
0ad-data | sound_event | saw | construction/con_saw
0ad-data | sound_event | hammer | construction/con_wood
0ad-data | sound_event | digging in earth | farming/hoe
0ad-data | sound_event | bush rustle | foraging/leaves
0ad-data | sound_event | an axe on wood | lumbering/lumber_tree_?\\d
0ad-data | sound_event | a falling tree | lumbering/lumber_treeexpire
0ad-data | sound_event | a pickaxe on stone | mining/mine_stone
0ad-data | sound_event | a pickaxe on metal | mining/mine_metal
widelands-data | animal | bird | animals/bird
widelands-data | animal | boar | animals/boar
widelands-data | animal | crickets | animals/cricket
widelands-data | animal | moose | animals/moose
widelands-data | animal | deer | animals/stag
widelands-data | animal | frog | animals/frog
widelands-data | animal | wolf | animals/wolf
widelands-data | animal | coyote | animals/coyote
widelands-data | animal | ox | farm/ox
widelands-data | animal | sheep | farm/sheep
widelands-data | animal | horse | farm/horse
widelands-data | animal | donkey | farm/donkey
widelands-data | sound_event | hammer | hammering/
widelands-data | sound_event | a hammer on an anvil | smiths/.*smith_
widelands-data | sound_event | sharpening | smiths/sharpening
widelands-data | sound_event | a mill | mill/mill_turning
widelands-data | sound_event | a loom | mill/weaving
widelands-data | sound_event | an axe on wood | woodcutting/.*woodcutting
widelands-data | sound_event | a falling tree | woodcutting/tree_falling
widelands-data | sound_event | saw | sawmill/|saw/
widelands-data | sound_event | a pickaxe on stone | stonecutt
widelands-data | sound_event | falling tools | other/falling_tools
widelands-data | sound_event | a scythe | farm/scythe
widelands-data | sound_event | a net in water | fisher/
widelands-data | sound_event | bubbling | bubble_
unknown-horizons | animal | sheep | sounds/sheepfield
unknown-horizons | sound_event | an axe on wood | sounds/lumberjack
unknown-horizons | sound_event | a pickaxe on stone | sounds/stonemason
unknown-horizons | sound_event | a hammer on an anvil | sounds/smith
unknown-horizons | sound_event | a mill | sounds/windmill
unknown-horizons | sound_event | bell | sounds/(chapel|ships_bell)
sound-icons | instrument | harpsichord | cembalo
sound-icons | instrument | clavichord | klavichord
sound-icons | instrument | guitar | guitar
sound-icons | instrument | piano | piano-3
sound-icons | instrument | trumpet | trumpet
sound-icons | instrument | cello | violoncello
sound-icons | instrument | xylophone | xylofon
sound-icons | instrument | dulcimer | cymbaly
sound-icons | drum | percussion | percussion
sound-icons | animal | canary | canary
gcompris-qt-data | animal | owl | animals/owl
gcompris-qt-data | animal | pig | animals/pig
gcompris-qt-data | animal | chicken | animals/chickens
gcompris-qt-data | animal | cat | animals/cat
gcompris-qt-data | animal | horse | animals/horse
gcompris-qt-data | animal | cow | animals/cow
gcompris-qt-data | animal | dog | animals/dog|LRBark
gcompris-qt-data | animal | duck | animals/duck
gcompris-qt-data | animal | sheep | animals/sheep
gcompris-qt-data | animal | frog | LRFrogs
gcompris-qt-data | instrument | tambourine | instruments/.*tambourine
gcompris-qt-data | instrument | snare drum | instruments/.*snare_drum
gcompris-qt-data | instrument | harmonica | instruments/.*harmonica
gcompris-qt-data | instrument | violin | instruments/.*violin
gcompris-qt-data | instrument | cello | instruments/.*cello
gcompris-qt-data | instrument | accordion | instruments/.*accordion
gcompris-qt-data | instrument | bongo | instruments/.*bongo
gcompris-qt-data | instrument | electric guitar | instruments/.*electric_guitar
gcompris-qt-data | instrument | banjo | instruments/.*banjo
gcompris-qt-data | instrument | triangle | instruments/.*triangle
gcompris-qt-data | instrument | trumpet | instruments/.*trumpet
gcompris-qt-data | instrument | french horn | instruments/.*/horn
gcompris-qt-data | instrument | piano | instruments/.*piano
gcompris-qt-data | instrument | cymbal | instruments/.*cymbal
gcompris-qt-data | instrument | harp | instruments/.*/harp\\.
gcompris-qt-data | drum | timpani | instruments/.*timpani
gcompris-qt-data | instrument | saxophone | instruments/.*saxophone
gcompris-qt-data | instrument | maracas | instruments/.*maracas
gcompris-qt-data | instrument | clarinet | instruments/.*clarinet
gcompris-qt-data | instrument | guitar | instruments/.*/guitar
gcompris-qt-data | instrument | tuba | instruments/.*tuba
gcompris-qt-data | instrument | trombone | instruments/.*trombone
gcompris-qt-data | instrument | organ | instruments/.*organ
gcompris-qt-data | instrument | castanets | instruments/.*castanets
gcompris-qt-data | instrument | flute | instruments/.*flute
gcompris-qt-data | instrument | xylophone | xylofon_son
gcompris-qt-data | sound_event | water | water_fill|core/.*/water\\.
gcompris-qt-data | sound_event | a door opening | LRDoor_Open
gcompris-qt-data | sound_event | knocking | melody/.*knock
gcompris-qt-data | sound_event | an engine | LRStartAndStopCar
gcompris-qt-data | sound_event | gong | LRBuddhist_gong
gcompris-qt-data | sound_event | a machine | LRFactory_noise
gcompris-qt-data | sound_event | falling things | LRObject_falling
gcompris-qt-data | sound_event | bell | LRRing_01
gcompris-qt-data | sound_event | a train | LRTrain|railroad/.*train
gcompris-qt-data | sound_event | applause | LRApplauses
gcompris-qt-data | sound_event | a heartbeat | LRHeart_beat
gcompris-qt-data | sound_event | rain | LRRain_in_garden
gcompris-qt-data | sound_event | card flip | memory/.*card_flip
gcompris-qt-data | sound_event | a pickaxe on stone | mining/.*pickaxe
gcompris-qt-data | sound_event | coins | money/.*money
gcompris-qt-data | sound_event | a car | traffic/.*car
gcompris-qt-data | sound_event | a harbour | harbor
gcompris-qt-data | sound_event | a helicopter | helicopter
gcompris-qt-data | sound_event | dripping water | clickgame/.*drip
gcompris-qt-data | sound_event | a blow on metal | metal_hit
gcompris-qt-data | sound_event | a flying arrow | target/.*arrow
"""
_ARCHIVES = {  # package: the archive inside it and the folder in that
    "0ad-data": ("usr/share/games/0ad/mods/public/public.zip", "audio/"),
    "gcompris-qt-data": ("usr/share/gcompris-qt/rcc", "gcompris/"),
}


def rules() -> list[tuple[str, str, str, str]]:
    """(package, task, what is heard, files) of each rule."""
    return [tuple(line.split(" | ")) for line in _RULES.strip().splitlines()]


PACKAGES = tuple(sorted({package for package, *_ in rules()}))


def described(sources: Path) -> list[dict]:
    """A row for each sound, with `audio` from the folder of sources, whose packages are there."""
    found = []
    for package in PACKAGES:
        root = sources / FOLDER / package if package in _ARCHIVES else sources / package
        files = sorted(f.relative_to(sources).as_posix() for f in root.rglob("*"))
        files = [file for file in files if Path(file).suffix in _SOUND]
        for _, task, what, pattern in (rule for rule in rules() if rule[0] == package):
            fit = [file for file in files if re.search(pattern, file)][:_MOST]
            found += [_row(package, task, what, file) for file in fit]
            files = [file for file in files if file not in fit]
    return found


def _row(package: str, task: str, what: str, file: str) -> dict:
    split = "test" if package in HELD_OUT else "train"
    row = {"audio": file, "task": task, "text": what, "package": package, "split": split}
    return row | {"label_quality": "file name"}


def unpack(package: str, sources: Path) -> None:
    """The sounds in a package's own archives, into `FOLDER`; the archive itself may be large and
    is removed."""
    if package not in _ARCHIVES or (sources / FOLDER / package).exists():
        return
    inside, only = _ARCHIVES[package]
    archive, half = sources / package / inside, sources / FOLDER / f"{package}.unfinished"
    for name, read in _zip(archive) if archive.suffix == ".zip" else _resources(archive):
        if name.startswith(only) and Path(name).suffix in _SOUND:
            target = half / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(read())
    half.rename(sources / FOLDER / package)
    if archive.suffix == ".zip":
        archive.unlink()


def _zip(file: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """The files in a zip archive: names, and functions that read them."""
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            yield name, partial(archive.read, name)


def _resources(folder: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """The same for every file of Qt's binary resources in a folder. The format: a tree of 14 or 22
    bytes a node, names in UTF-16 with their length and a hash before them, data with its length."""
    for file in sorted(folder.glob("*.rcc")):
        data = file.read_bytes()
        version, tree, content, names = struct.unpack(">4I", data[4:20])
        todo = [(0, "")]
        while todo:
            number, above = todo.pop()
            at = tree + number * (14 if version < 2 else 22)
            node = data[at : at + 14]
            name, flags = struct.unpack(">IH", node[:6])
            path = f"{above}/{_name(data, names + name)}".lstrip("/") if number else ""
            if flags & _FOLDER:
                count, first = struct.unpack(">2I", node[6:14])
                todo += [(first + i, path) for i in range(count)]
            else:
                (place,) = struct.unpack(">I", node[10:14])
                yield path, partial(_content, data, content + place, flags)


_PRESSED, _FOLDER = 1, 2  # flags of a node


def _name(data: bytes, at: int) -> str:
    (length,) = struct.unpack(">H", data[at : at + 2])
    return data[at + 6 : at + 6 + 2 * length].decode("utf-16-be")


def _content(data: bytes, at: int, flags: int) -> bytes:
    (length,) = struct.unpack(">I", data[at : at + 4])
    raw = data[at + 4 : at + 4 + length]
    return zlib.decompress(raw[4:]) if flags & _PRESSED else raw
