"""Who made the held-out recordings that may be passed on with Earshot, and under which licence, by
the copyright files of their packages. What no row names is not passed on.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Credit:
    licence: str
    by: str


_GCOMPRIS = "_collected/gcompris-qt-data/gcompris/src/activities"
_EFFECTS = "hydrogen-drumkits-effects/usr/share/hydrogen/data/drumkits"
_DRUMS = "hydrogen-drumkits/usr/share/hydrogen/data/drumkits"
_BRAIN = "brainparty-data/usr/share/games/brainparty"
_DESKTOP = "sound-theme-freedesktop/usr/share/sounds/freedesktop/stereo"
_FISH = "ALTAR interactive and the authors of Fish Fillets NG"
_JUNE = "June Wallack, Clod Patry, Kristopher Lalletti; Digium, Unlimitel, BGM Informatique"
_FONT = "Frank Wen, Michael Cowgill, S. Christian Collins and those they name"
_TABLE = (  # files as the corpus unpacks them; the first row that fits holds
    ("asterisk-core-sounds-en-g722/*", "CC-BY-SA-3.0", "Allison Smith; Digium"),
    ("asterisk-core-sounds-es-g722/*", "CC-BY-SA-3.0", "Allison Smith; Digium"),
    ("asterisk-core-sounds-fr-g722/*", "CC-BY-SA-3.0", _JUNE),
    ("asterisk-core-sounds-it-g722/*", "CC-BY-3.0", "Carlo Flora, Silvia Petrin"),
    ("asterisk-core-sounds-ru-g722/*", "CC-BY-3.0", "Maxim Topal"),
    ("fillets-ng-data-cs/*", "GPL-2", _FISH),
    ("fillets-ng-data-nl/*", "GPL-2", _FISH),
    (f"{_GCOMPRIS}/explore_farm_animals/*", "GPL-3", "Bruno Coudoin, Franck Doucet and others"),
    (f"{_GCOMPRIS}/instruments/*/drum_kit.ogg", "", ""),  # elsewhere not for commercial use
    (
        f"{_GCOMPRIS}/instruments/*",
        "GPL-3+",
        "Sylvain Dechy, Jérome Blanchard, Julie Jules, Chloé Tuvuku",
    ),
    (f"{_GCOMPRIS}/canal_lock/*/water_fill.wav", "CC-BY-3.0", "inchadney"),
    (f"{_GCOMPRIS}/guessnumber/*/helicopter.wav", "CC-BY-3.0", "fridobeck"),
    (f"{_GCOMPRIS}/memory/*/card_flip.wav", "CC-BY-3.0", "f4ngy"),
    (f"{_GCOMPRIS}/money/*/money1.wav", "CC0", "florian_reinke"),
    (f"{_GCOMPRIS}/money/*/money2.wav", "CC0", "keweldog"),
    (f"{_GCOMPRIS}/scalesboard/*/metal_hit.wav", "CC-BY-3.0", "jorickhoofd"),
    (f"{_GCOMPRIS}/traffic/*/car.wav", "CC-BY-3.0", "henrique85n"),
    (f"{_GCOMPRIS}/watercycle/*", "GPL-3", "Bruno Coudoin, Franck Doucet and others"),
    ("lugaru-data/*", "CC-BY-SA-3.0", "Wolfire Games"),
    ("sonic-pi-samples/*/misc_crow.flac", "CC0", "davidworksonline"),
    (f"{_BRAIN}/electricity.ogg", "CC-BY-SA-3.0", "Alexander Blu"),
    (f"{_BRAIN}/*", "GPL-3+", "Paul Hudson"),
    (f"{_DESKTOP}/alarm-clock-elapsed.oga", "CC-BY-SA-3.0", "Tim (corsica_s)"),
    (f"{_DESKTOP}/bell.oga", "CC-BY-3.0", "Richard Boulanger and others"),
    (f"{_DESKTOP}/trash-empty.oga", "CC-BY-3.0", "Richard Boulanger and others"),
    (f"{_DESKTOP}/camera-shutter.oga", "CC-BY-SA-3.0", "horsthorstensen"),
    (f"{_DESKTOP}/phone-*.oga", "GPL-2+", "Damien Sandras"),
    (f"{_EFFECTS}/belofilms_GuitarStrums/*", "CC-BY-3.0", "Gabriel Verdugo Soto"),
    (f"{_DRUMS}/ColomboAcousticDrumkit/*", "GPL-2+", "Marcos Guglielmetti"),
    (f"{_DRUMS}/The Black Pearl 1.0/*", "GPL-2", "Glen MacArthur"),
    ("lmms-common/*", "GPL-2+", "Tobias Doerffel and the LMMS developers"),
    ("wesnoth-1.16-data/*", "GPL-2+", "David White and the Battle for Wesnoth project"),
    ("musescore-general-soundfont-small/*", "MIT", _FONT),
)


def credit(file: str) -> Credit | None:
    """Of a recording, by its path from the folder of sources; None where it is not passed on."""
    for pattern, licence, by in _TABLE:
        if fnmatchcase(file, pattern):
            return Credit(licence, by) if licence else None
    return None
