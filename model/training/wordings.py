"""The words of made conversations: questions about a clip in many wordings, and the fixed answers.

No wording of HELD_OUT is ever drawn in training: with it is measured whether a question that was
never seen is understood.
"""

from model.listening import task_answers

CANNOT = task_answers.CANNOT  # a question that does not fit the sound
NO_RECORDING = "There is no recording yet. Record or add one, and ask again."


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


ASKS = {  # a fact's name: its questions; the first is the one of model/tasks.py, drawn most often
    "transcript": _split(
        "What does the person say?|What is said?|What does the speaker say?|What did they say?|"
        "Transcribe the recording.|Transcribe this.|Write down what is said.|Write down the words.|"
        "Please transcribe the audio.|What is the person saying?|Can you write down the words?|"
        "What is being said in this recording?|Which words are spoken?|What are the words?"
    ),
    "language": _split(
        "Which language is spoken?|What language is this?|In which language do they speak?|"
        "Which language does the speaker use?|What language does the person speak?|"
        "Name the language.|Can you tell me the language?|Which language is it?|"
        "What is the language of this recording?"
    ),
    "gender": _split(
        "Is the speaker a man or a woman?|Is it a man or a woman?|Who speaks, a man or a woman?|"
        "Is this a woman's or a man's voice?|Is the voice male or female?|"
        "Do you hear a man or a woman?|Does a man or a woman speak?|Is a woman or a man talking?|"
        "What is the speaker's gender?"
    ),
    "kind": _split(
        "What kind of sound is it?|Which kind of sound is this?|What sort of sound is that?|"
        "What type of sound do you hear?|Tell me the kind of sound.|"
        "Is it speech, an animal, an instrument or something else?|What kind of recording is it?|"
        "Which sort of sound is in the recording?|Classify the sound."
    ),
    "event": _split(
        "Which sound is it?|What sound is this?|What makes this sound?|What is making the noise?|"
        "Which sound do you hear?|What is that sound?|Name the sound.|What is that noise?|"
        "Can you name this sound?|Where does the sound come from?"
    ),
    "instrument": _split(
        "Which instrument plays?|What instrument is this?|Which instrument do you hear?|"
        "What instrument is playing?|Name the instrument.|Which instrument is being played?|"
        "Can you tell which instrument it is?|What is the instrument?|What is being played?"
    ),
    "family": _split(
        "Which family of instruments is it?|What family of instruments does it belong to?|"
        "Which family is the instrument from?|To which family does the instrument belong?|"
        "Name the family of the instrument.|Which instrument family do you hear?|"
        "Which group of instruments is this?|Is it strings, brass, reeds or another family?|"
        "What is the family of the instrument?"
    ),
    "note": _split(
        "Which note is played?|What note is this?|Which note do you hear?|Name the note.|"
        "What is the pitch?|Which pitch is it?|Can you name the note?|What note is being played?|"
        "Tell me the note.|How high is the note?"
    ),
}
ANIMAL = _split(  # the event's name, where it is known to be an animal
    "Which animal is it?|What animal is this?|Which animal do you hear?|"
    "What animal makes this sound?|Name the animal."
)
OPEN = _split(
    "What do you hear?|Describe the recording.|What is this?|What can be heard?|"
    "What is in the recording?|Describe what you hear.|What is happening?|Listen. What is it?|"
    "Tell me what you hear.|What is to be heard here?"
)
THEN = {  # asked after another question about the same clip
    "transcript": _split(
        "And what did they say?|What were the words?|And what is said?|So what did the person say?|"
        "And the words?|What was said in it?|Write down the words, please.|"
        "Now write down what is said."
    ),
    "language": _split(
        "In which language?|And in which language?|Which language was it?|And the language?|"
        "What language was that?|And what language is it?|Do you know the language?|"
        "Which language did they speak?"
    ),
    "gender": _split(
        "Is the speaker a man or a woman?|And was it a man or a woman?|A man or a woman?|"
        "Who said it, a man or a woman?|And is it a woman or a man?|"
        "Was the speaker a woman or a man?|And the voice, male or female?|"
        "Was that a man's or a woman's voice?"
    ),
    "kind": _split(
        "And what kind of sound was it?|What kind of sound was that?|And which kind of sound?|"
        "What sort of sound is it?|And the kind of sound?|Which kind of sound was it?|"
        "So what kind of sound is it?|What type of sound was that?"
    ),
    "event": _split(
        "And which sound was it?|Which sound exactly?|And what made the sound?|"
        "What was it exactly?|And what was that sound?|Which one is it?|"
        "So what made that noise?|Can you be more exact?"
    ),
    "instrument": _split(
        "And which instrument was it?|Which instrument was that?|And the instrument?|"
        "On which instrument?|And what instrument is it?|Do you know the instrument?|"
        "What instrument played it?|So which instrument is it?"
    ),
    "family": _split(
        "And which family of instruments?|Which family is that?|And the family?|"
        "Which family of instruments was it?|And what family does it belong to?|"
        "To which family does it belong?|So which family of instruments?|"
        "And the instrument's family?"
    ),
    "note": _split(
        "And which note?|And which note was it?|Which note was that?|And the note?|"
        "What note did it play?|And what pitch was it?|What was the note?|So which note is it?"
    ),
}
HELD_OUT = {  # follow-ups for measuring alone
    "transcript": _split("And what exactly was said there?|Could you write out those words?"),
    "language": _split("And which language did you hear?|What language were they speaking?"),
    "gender": _split("And who was speaking, a woman or a man?|Was it a male or a female voice?"),
    "kind": _split("And what sort of sound was it?|What kind of sound did you hear?"),
    "event": _split("And what exactly made that sound?|What sound did you hear there?"),
    "instrument": _split("And which instrument did you hear?|What instrument was playing?"),
    "family": _split("And from which family is that instrument?|Which instrument family was it?"),
    "note": _split("And which note did you hear?|What note was it playing?"),
}
WHETHER = _split("Is this {}?|Is it {}?|Is that {}?|Do you hear {}?|Would you say it is {}?")
WHETHER_THEN = _split("Was that {}?|Was it {}?|And was it {}?|So it was {}?|Is it {}?")
SPEECH_OR_MUSIC = _split(
    "Was it speech or music?|Is it speech or music?|Speech or music?|Do you hear speech or music?"
)
IN_EITHER = {  # about one of two clips in one message, by its number
    "transcript": _split("What does the person say in Audio {}?|Write down the words of Audio {}."),
    "language": _split("Which language is spoken in Audio {}?|What is the language of Audio {}?"),
    "gender": _split("Is the speaker of Audio {} a man or a woman?|Who speaks in Audio {}?"),
    "kind": _split("What kind of sound is Audio {}?|Which kind of sound is in Audio {}?"),
    "event": _split("Which sound is in Audio {}?|What makes the sound in Audio {}?"),
    "instrument": _split("Which instrument plays in Audio {}?|What is the instrument in Audio {}?"),
    "family": _split("Which family of instruments is Audio {}?|From which family is Audio {}?"),
    "note": _split("Which note is played in Audio {}?|What is the note in Audio {}?"),
    "open": _split("What do you hear in Audio {}?|What is Audio {}?|Describe Audio {}."),
}
WHICH = _split(
    "Which of the two is {}?|Which recording is {}?|Which one is {}?|In which of the two is {}?"
)
BOTH = _split(
    "Do you hear {} in both recordings?|Do both recordings hold {}?|Is there {} in both of them?"
)
EACH = _split("What do you hear in each?|What are the two sounds?|Describe both recordings.")
AND_THE_OTHER = _split(
    "And in Audio {}?|And Audio {}?|What about Audio {}?|And the other one, Audio {}?"
)
