"""What the page asks about models: which answers, what else is here, and that another may. No
layout."""

from dataclasses import asdict
from hashlib import blake2b

from app import doctor
from app.events import Command
from app.i18n import Language
from app.models import Models
from app.policy import Allowance
from sessions.store import Store


def telling(models: Models, allowance: Allowance) -> list[Command]:
    """What everybody may know. What is wrong with a model, which may name folders, only who may
    change it."""

    def model(asked: dict, language: Language) -> dict:
        """The model that answers, and what is under way."""
        about, fetching, failed = models.seat.about, models.fetching, models.failed
        told = {
            "name": about.name,
            "weights": about.n_weights,
            "bits": about.bits,
            "memory": about.memory_bytes,
            "device": about.device.removeprefix("cuda: "),
            "context": about.context,
            "hears": about.hears,
            "note": language.heard(about.note),
            "licence": about.licence,
            "stamp": blake2b(f"{models.seat.name} {about.weights}".encode()).hexdigest()[:16],
            "loading": asdict(models.loading) if models.loading else None,
            "failed": None,
            "fetching": None,
        }
        if not allowance.policy.model:
            return told
        if failed:
            told["failed"] = {"title": failed.title, "why": language.heard(failed.sentence)}
        if fetching:
            told["fetching"] = {
                "what": fetching.what,
                "done": fetching.done,
                "total": fetching.total,
                "is_over": fetching.is_over,
                "is_stopped": fetching.is_stopped,
                "why": language.heard(fetching.trouble),
            }
        return told

    return [model]


def choosing(models: Models) -> list[Command]:
    """What the owner may ask for, and guests whom the owner lets change the model."""

    def models_here(asked: dict, language: Language) -> dict:
        """What can be loaded, and what could be fetched."""
        entries = [
            asdict(entry)
            | {"trouble": language.heard(entry.trouble), "is_used": entry.name == models.seat.name}
            for entry in models.entries()
        ]
        offer = models.offer()
        return {"models": entries, "offer": asdict(offer) if offer else None}

    def use(asked: dict, language: Language) -> dict:
        models.use(str(asked["name"]))
        return {}

    def give_up(asked: dict, language: Language) -> dict:
        models.give_up()
        return {}

    return [models_here, use, give_up]


def running(models: Models, store: Store) -> list[Command]:
    """What only the owner of the machine may ask for: see owner.py."""

    def fetch(asked: dict, language: Language) -> dict:
        models.fetch()
        return {}

    def stop_fetching(asked: dict, language: Language) -> dict:
        models.stop_fetching()
        return {}

    def machine(asked: dict, language: Language) -> dict:
        """What `doctor` finds."""
        findings = doctor.report(store.folder, models.folder)
        return {"findings": [asdict(finding) for finding in findings]}

    return [fetch, stop_fetching, machine]
