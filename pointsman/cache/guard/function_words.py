"""English words that carry no subject of their own. Forms are folded; contractions are spelled out before."""

from __future__ import annotations

import re

from pointsman.cache.guard.forms import stem
from pointsman.cache.guard.words import words

CONTRACTIONS: dict[str, tuple[str, ...]] = {
    "cannot": ("can", "not"),
    "can't": ("can", "not"),
    "won't": ("will", "not"),
    "shan't": ("shall", "not"),
    "ain't": ("is", "not"),
    "let's": ("let", "us"),
    "gonna": ("going", "to"),
    "wanna": ("want", "to"),
    "gotta": ("got", "to"),
    "whats": ("what", "is"),
    "whos": ("who", "is"),
    "wheres": ("where", "is"),
    "hows": ("how", "is"),
    "whys": ("why", "is"),
    "im": ("i", "am"),
    "ive": ("i", "have"),
    "id": ("id",),
    "dont": ("do", "not"),
    "doesnt": ("does", "not"),
    "didnt": ("did", "not"),
    "isnt": ("is", "not"),
    "arent": ("are", "not"),
    "wasnt": ("was", "not"),
    "werent": ("were", "not"),
    "cant": ("can", "not"),
    "wont": ("will", "not"),
    "couldnt": ("could", "not"),
    "shouldnt": ("should", "not"),
    "wouldnt": ("would", "not"),
    "hasnt": ("has", "not"),
    "havent": ("have", "not"),
    "hadnt": ("had", "not"),
    "it's": ("it", "is"),
    "he's": ("he", "is"),
    "she's": ("she", "is"),
    "that's": ("that", "is"),
    "there's": ("there", "is"),
    "here's": ("here", "is"),
    "what's": ("what", "is"),
    "who's": ("who", "is"),
    "where's": ("where", "is"),
    "when's": ("when", "is"),
    "how's": ("how", "is"),
    "why's": ("why", "is"),
}
ENDINGS: dict[str, tuple[str, ...]] = {
    "n't": ("not",),
    "'re": ("are",),
    "'ve": ("have",),
    "'ll": ("will",),
    "'d": ("would",),
    "'m": ("am",),
    "'s": (),
}

STOP = words("""
    a an the this that these those there here it its itself of to in on at for by with from into onto as and or but
    if then so than too very just also about per via is are am be been being was were do does did done doing have
    has had having can could will would shall should may might must ought need needs i me my mine you your yours we
    us our ours he him his she her hers they them their theirs one ones someone somebody anyone anybody something
    anything what which who whom whose when where why how please kindly thanks thank hi hello hey ok okay well oh um
    actually really basically simply exactly maybe perhaps let lets go going get gets got gotten getting
    want wants wanted like know tell show give explain describe help helps find say says make makes made making way
    ways best good better great nice proper correct right use uses used using possible able thing things stuff kind
    sort type someone's etc such own same even still ever yet now up out off over down back again around between
    among through during while because since until though although however whether else any some much many lot lots
    more most other another each both only not no never all every would'd write draft compose create suggest
    recommend provide list name asking ask wondering wonder looking look try trying tips tip steps step guide
    instructions tutorial answer mean means meaning meant called work works working happen happens happened people
    person take takes come comes different there's gone upon toward towards within across behind beside
    """)
"""What may be on only one side. The rules have read the negations, quantifiers and question words among them before."""

STOP_STEMS = frozenset(map(stem, words("show give explain describe say make take come try happen work ask")))
"""Of verbs among them, whose other forms carry no more."""

# On only one side these change what is asked, although each is too common to be a subject.
NARROWING = frozenset(
    {"only", "except", "unless", "besides", "excluding", "apart", "instead", "another", "else", "again"}
)
ADDING = words("additional extra second new more other multiple several")
"""Besides `another`, `else` and `again` on the other side these say as much."""
COURTESY = frozenset({"please", "kindly", "thanks", "thank", "hi", "hello", "hey"})
LINKS = frozenset({"and", "or", "vs", "versus", "with", "between", "nor", "plus", "times", "both"})
"""What stands between two arguments may stand between them in either order."""
LIGHT = frozenset(
    map(
        stem,
        words(
            """
            reason cause time year date hour hours minute minutes week weeks month months define definition
            translate translation convert conversion calculate calculation compute word phrase term command recipe
            number member located location place offer required require allowed fix error problem issue idea ideas
            current currently exist exists difference vs versus compare comparison example certain process method
            approach option options available existing detail details particular specific fact facts information
            info away live purpose regarding concerning related based recommend recommendation
            see think believe seem wish appreciate assistance exact already anyway notice involve matter
            """
        ),
    )
)
"""Content, and yet on one side alone they mostly say again what the question word or the verb says."""

PREAMBLE = re.compile(
    r"\W*(?:(?:(?:hi|hello|hey|thanks|thank you|ok|okay|so|well|please|pls|sorry|excuse me)(?: there)?"
    r"|(?:i was|i am|i'm|im) (?:just )?wondering(?: if| whether)?"
    r"|(?:i )?(?:just )?want(?:ed)? to (?:know|ask)(?: if| whether)?"
    r"|i(?:'d| would) like to (?:know|ask)|(?:a )?quick question|i have a (?:quick )?question"
    r"|(?:can|could|would|will) (?:you|u|someone|anyone) (?:please |kindly )?"
    r"(?:tell me|explain(?: to me)?|help me|show me|give me|let me know)"
    r"|(?:can|could|would) you please|do you (?:happen to )?know)\b\W*)+(?=\w)",
    re.IGNORECASE,
)
"""What people begin with before they ask."""
PREAMBLE_MOST = 200  # characters
