"""Frequent words without a subject of their own in languages other than English, without what is a subject there."""

from __future__ import annotations

from pointsman.cache.guard.function_words import STOP
from pointsman.cache.guard.words import words

OTHER_STOP = words("""
    der die das den dem des ein eine einen einem einer eines und oder ist sind war bin bist wie was wer wo wann warum
    ich du er sie es wir ihr man mir mich dir dich kann kannst können darf soll muss bitte im in am an auf zu zum zur
    von vom mit für bei aus nach über es gibt viel viele mein meine meinen meiner dein deine sein hat haben werden wird
    le la les un une des du de d l et ou est sont que quel quelle quels quelles qui comment pourquoi où quand combien je
    tu il elle on nous vous ils mon ma mes ton ta votre vos au aux en dans sur pour avec par ce cette c s plaît faire
    el los las una unos unas del y o es son qué cuál cuáles cómo por como cuándo dónde cuánto cuántos cuántas quién yo
    mi mis tu tus su sus para con al se lo hago hacer puedo
    il lo gli i uno di da che come perché quando dove quanto chi è sono e si fa posso per una dei delle della del nel
    o a os as um uma é são qual quais como porque onde quem e ou do da dos das no na em para meu minha fazer faço
    het een en of wat hoe waarom waar wie wanneer ik je jij mijn op van voor met naar te is zijn kan maak
    jak co kto gdzie kiedy dlaczego i w na do z jest są to ile mój moja jaka jaki się
    как что кто где когда почему и в на с у по это мой моя мне я ли какая какой сколько
    的 了 吗 呢 是 啊 吧 請 请 は が を に の で と も か です ですか ます ますか のは はどこ はどこですか
    """)
MARKS = (
    OTHER_STOP - STOP - words("war die man hat son comment con bin mine mi mis tu ton mon est dove era sui sugar jest")
)
"""Of these, what no English text has."""
