"""Closed classes that decide what a question asks for."""

from __future__ import annotations

from pointsman.cache.guard.words import named, words

NEGATIONS = words("""
    not no never without none neither nor nobody nothing nowhere hardly barely scarcely unable lacks lacking
    nicht kein keine keinen keiner keinem keines nie niemals ohne weder nichts
    pas jamais sans aucun aucune rien ni
    sin nunca jamás ninguno ninguna ningún nada tampoco
    non mai senza nessuno nessuna nulla
    não nao sem nenhum nenhuma
    niet geen nooit zonder niets
    nie bez nigdy żaden żadna żadne nic
    не нет без никогда ни нельзя ничего
    不 没 沒 无 無 别 勿 非
    """)
NEGATED_ENDINGS = ("ません", "ない", "なく", "いけない", "ずに", "ぬ")
"""Of Japanese, which writes negation onto the verb."""
FOREIGN = words("sin nada ni non mai sem nie bez nic pas rien")
"""Negations elsewhere that are short enough to be something else in English; counted unless the text is English."""

QUANTIFIERS = named(
    {
        "all": "all every each everything everyone everybody always entire whole",
        "some": "some several few sometimes certain",
        "most": "most majority mostly usually",
        "none": "none",
        "both": "both",
        "either": "either",
        "often": "often frequently",
        "rarely": "rarely seldom",
        "any": "any",
        "only": "only solely exclusively",
        "hourly": "hourly",
        "daily": "daily",
        "weekly": "weekly",
        "monthly": "monthly",
        "yearly": "yearly annually",
    }
)
FREE = frozenset({"any", "all", "some", "most", "both", "either"})
"""Groups that may be on one side alone."""

BOUNDS: dict[tuple[str, str], str] = {
    ("at", "least"): "at least",
    ("no", "less"): "at least",
    ("no", "fewer"): "at least",
    ("at", "most"): "at most",
    ("no", "more"): "at most",
    ("up", "to"): "at most",
    ("more", "than"): "more than",
    ("greater", "than"): "more than",
    ("less", "than"): "less than",
    ("fewer", "than"): "less than",
}

MODALS: dict[str, str] = {
    "must": "must",
    "may": "may",
    "might": "may",
    "should": "should",
    "shall": "should",
    "ought": "should",
}
TENSES: dict[str, str] = {
    "is": "present",
    "are": "present",
    "am": "present",
    "do": "present",
    "does": "present",
    "was": "past",
    "were": "past",
    "did": "past",
    "will": "future",
}
PERSONS: dict[str, str] = {
    "my": "my",
    "mine": "my",
    "me": "my",
    "your": "your",
    "yours": "your",
    "our": "our",
    "we": "our",
    "us": "our",
    "his": "his",
    "him": "his",
    "he": "his",
    "her": "her",
    "hers": "her",
    "she": "her",
    "their": "their",
    "them": "their",
    "they": "their",
}

ASKING: dict[str, str] = {
    "who": "who",
    "whom": "who",
    "whose": "who",
    "when": "when",
    "where": "where",
    "why": "why",
    "how": "how",
    "what": "what",
    "which": "what",
}
# The word after `how`, or after `what`.
HOW: dict[str, str] = {
    "many": "how many",
    "much": "how much",
    "long": "how long",
    "often": "how often",
    "frequently": "how often",
    "old": "how old",
    "tall": "how tall",
    "high": "how tall",
    "far": "how far",
    "fast": "how fast",
    "quickly": "how fast",
    "big": "how big",
    "large": "how big",
    "wide": "how wide",
    "deep": "how deep",
    "heavy": "how heavy",
    "soon": "when",
    "come": "why",
    "expensive": "how much",
}
WHAT: dict[str, str] = {
    "time": "when",
    "year": "when",
    "date": "when",
    "day": "when",
    "reason": "why",
    "place": "where",
    "person": "who",
    "cause": "why",
    "causes": "why",
    "caused": "why",
    "led": "why",
}
IMPLIED: dict[str, tuple[str, ...]] = {
    form: tuple(kinds.split(", "))
    for kinds, forms in {
        "how": "way ways steps tips recipe recipes instructions command guide tutorial advice fix solve",
        "why": "reason reasons cause causes",
        "what": "definition define meaning mean means stand",
        "where": "location located",
        "how many": "number population",
        "when": "date",
        "why, how": "makes",
    }.items()
    for form in forms.split()
}
"""Without a question word these ask, too."""
CHECKING = words("is are was were do does did can could should may must will has have am would might")
"""With one of these first, a question wants yes or no."""
ORDERS: dict[str, str] = {
    **dict.fromkeys(("make", "create", "set", "add", "book", "order", "schedule"), "make"),
    **dict.fromkeys(("show", "display", "list"), "what"),
}
"""What a command begins with: to make something is no question after it."""
SEEN = words("find see view locate")
"""How to do this to a thing is where it is."""
ACTIONS = named(
    {
        "use": "use uses used using",
        "get": "get gets got getting find finds receive receives received receiving obtain obtains obtained obtaining",
        "make": "make makes made making create write draft compose",
        "work": "work works worked working",
        "happen": "happen happens happened",
        "mean": "mean means meaning meant",
        "help": "help helps helped",
        "take": "take takes took taking",
        "go": "go goes went",
        "call": "call calls called",
    }
)
"""Verbs that are too common to be a subject, and yet say what is to be done with one."""

PLACING = words(
    "before after until outside inside behind beside under below above over without against near up down off out back"
)
"""Where both texts have one, they may not be exchanged for each other."""
DECISIVE = words("before after outside behind beside under below above")
"""Nor these for `in`, `on` or `at`."""
AT = words("in on at inside")
BEST = words("best good better great top greatest finest should recommend suggest ideal favorite favourite perfect")
MANNER = words("way ways method methods approach time practice practices")
CONTRASTED = (
    ("from", "to"),
    ("from", "for"),
    ("about", "by"),
    ("about", "for"),
    ("of", "off"),
    ("to", "by"),
)
"""`a letter to her` and `a letter from her`."""
PERMITTING = named({"can": "can could may", "should": "should must ought shall"})
