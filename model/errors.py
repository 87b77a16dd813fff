"""What a person can mend: each message is a sentence that says what is wrong and what to do."""


class EarshotError(Exception):
    """Shown as its sentence, never as a traceback."""


class Unplayable(EarshotError):
    """No usable sound came out of a file, of bytes or of a microphone."""


class Unreadable(Unplayable):
    """Damaged, or in a format no decoder here knows."""


class Mislabelled(Unplayable):
    """The name promises sound; the content is something else."""


class Empty(Unplayable):
    """There is no file, no byte, no audio stream or no sample."""


class Silent(Unplayable):
    """Every sample is (nearly) zero: a muted microphone."""


class Truncated(Unplayable):
    """The file ends before the length its own header states."""


class TooLarge(Unplayable):
    """More bytes or minutes than the limit allows."""


class DoesNotFit(EarshotError):
    """The conversation is longer than the model can read at once."""


class NoWeights(EarshotError):
    """A checkpoint is missing, incomplete or not one of ours."""


class NoRoom(EarshotError):
    """Memory or disk is too small for what was asked."""
