"""Numbers as people write them, units, and what a calendar names."""

from __future__ import annotations

import re

from pointsman.cache.guard.words import in_order, named, words

_SMALL = in_order(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = in_order("twenty thirty forty fifty sixty seventy eighty ninety")
CARDINALS: dict[str, int] = {
    **{word: value for value, word in enumerate(_SMALL)},
    **{word: 10 * value for value, word in enumerate(_TENS, 2)},
    "dozen": 12,
}
SCALES: dict[str, int] = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ORDINALS = in_order(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
)
ORDINALS: dict[str, str] = {word: f"{value}." for value, word in enumerate(_ORDINALS, 1)}
FRACTIONS: dict[str, str] = {
    "half": "1/2",
    "halves": "1/2",
    "quarter": "1/4",
    "twice": "2",
    "double": "2",
    "triple": "3",
    "½": "1/2",
    "¼": "1/4",
    "thirds": "3.",
}
# Without 1, which is also an article, and without what is another word in English.
OTHER_CARDINALS: dict[str, int] = {
    word: value
    for words in (
        "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
        "deux trois quatre cinq six sept huit neuf dix onze douze",
        "dos tres cuatro cinco seis siete ocho nueve diez once doce",
        "due tre quattro cinque sei sette otto nove dieci undici dodici",
        "dois três quatro cinco seis sete oito nove dez onze doze",
        "twee drie vier vijf zes zeven acht negen tien elf twaalf",
        "dwa trzy cztery pięć sześć siedem osiem dziewięć dziesięć",
        "два три четыре пять шесть семь восемь девять десять",
    )
    for value, word in enumerate(words.split(), 2)
    if word not in {"once", "due", "sei", "elf", "six", "dos", "acht"}
}

UNITS = named(
    {
        "mm": "mm millimeter millimetre millimeters millimetres",
        "cm": "cm centimeter centimetre centimeters centimetres cms",
        "metre": "metre meter metres meters",
        "km": "km kms kilometer kilometre kilometers kilometres",
        "inch": "inch inches",
        "foot": "foot feet ft",
        "yard": "yard yards yd",
        "mile": "mile miles mi",
        "mg": "mg milligram milligrams",
        "gram": "gram grams gramme grammes g gr",
        "kg": "kg kgs kilo kilos kilogram kilograms",
        "tonne": "ton tons tonne tonnes",
        "ounce": "ounce ounces oz",
        "pound": "lb lbs pound pounds",
        "ml": "ml millilitre milliliter millilitres milliliters",
        "litre": "litre liter litres liters l",
        "gallon": "gallon gallons gal",
        "cup": "cup cups",
        "tablespoon": "tablespoon tablespoons tbsp",
        "teaspoon": "teaspoon teaspoons tsp",
        "ms": "ms millisecond milliseconds",
        "sec": "seconds sec secs s",
        "minute": "minute minutes min mins",
        "hour": "hour hours hr hrs h",
        "day": "day days",
        "week": "week weeks",
        "month": "month months",
        "year": "year years yr yrs",
        "byte": "byte bytes",
        "kb": "kb kilobyte kilobytes kib",
        "mb": "mb megabyte megabytes mib",
        "gb": "gb gigabyte gigabytes gib",
        "tb": "tb terabyte terabytes tib",
        "kbps": "kbps kbit",
        "mbps": "mbps mbit",
        "gbps": "gbps gbit",
        "km/h": "km/h kmh kph",
        "mph": "mph",
        "watt": "watt watts w",
        "kw": "kw kilowatt kilowatts",
        "kwh": "kwh",
        "volt": "volt volts v",
        "ampere": "ampere amperes amp amps a",
        "ma": "ma milliampere",
        "celsius": "celsius centigrade °c",
        "fahrenheit": "fahrenheit °f",
        "kelvin": "kelvin",
        "percent": "percent percentage percentages pct %",
        "dollar": "dollar dollars usd $ buck bucks",
        "euro": "euro euros eur €",
        "gbp": "gbp £ quid sterling",
        "yen": "yen jpy ¥",
        "yuan": "yuan cny rmb",
        "rupee": "rupee rupees inr ₹ rs rs.",
        "franc": "franc francs chf",
        "cent": "cent cents",
        "cubic": "cubic",
        "acre": "acre acres",
        "hectare": "hectare hectares",
        "degree": "degree degrees °",
        "am": "am",
        "pm": "pm",
        "century": "century centuries",
        "decade": "decade decades",
    }
)
TIMES = frozenset({"sec", "minute", "hour", "day", "week", "month", "year"})
SHORT_UNITS = words(
    "g gr l s h v w a ft mi min am pm ms ma mb kb gb tb sec cm mm km kg lb oz yd hr yr ml tsp tbsp gal pound pounds "
    "k m % °"
)
"""Units right after a figure; some of them are other words elsewhere."""

CALENDAR = named(
    {
        "january": "january jan januar janvier enero gennaio januari",
        "february": "february feb februar février febrero febbraio februari",
        "march": "march märz mars marzo maart",
        "april": "april apr avril abril aprile",
        "may": "may mai mayo maggio mei",
        "june": "june jun juni juin junio giugno",
        "july": "july jul juli juillet julio luglio",
        "august": "august aug août agosto augustus",
        "september": "september sept sep septembre septiembre settembre",
        "october": "october oct oktober octobre octubre ottobre",
        "november": "november nov novembre noviembre",
        "december": "december dec dezember décembre diciembre dicembre",
        "monday": "monday mon montag lundi lunes lunedì maandag",
        "tuesday": "tuesday tue tues dienstag mardi martes martedì dinsdag",
        "wednesday": "wednesday wed mittwoch mercredi miércoles mercoledì woensdag",
        "thursday": "thursday thu thurs donnerstag jeudi jueves giovedì donderdag",
        "friday": "friday fri freitag vendredi viernes venerdì vrijdag",
        "saturday": "saturday samstag sonnabend samedi sábado sabato zaterdag",
        "sunday": "sunday sonntag dimanche domingo domenica zondag",
        "today": "today heute",
        "tomorrow": "tomorrow morgen demain mañana domani",
        "yesterday": "yesterday gestern hier ayer ieri",
        "tonight": "tonight",
        "morning": "morning",
        "noon": "noon midday",
        "afternoon": "afternoon",
        "evening": "evening",
        "night": "night",
        "midnight": "midnight",
        "spring": "spring",
        "summer": "summer",
        "autumn": "autumn",
        "winter": "winter",
        "weekend": "weekend weekends",
        "christmas": "christmas xmas",
        "easter": "easter",
        "breakfast": "breakfast",
        "lunch": "lunch",
        "dinner": "dinner supper",
    }
)
AMBIGUOUS = words("may march mars mon wed jan hier mei fri sun mai jun dec")
"""Names in a calendar that are more often something else: only with a figure beside, or after `in`, and not first."""

_AMOUNT = re.compile(r"((?:rs\.?|[$€£¥₹#])?)([+-]?\d[\d,.' ]*)(st|nd|rd|th|%|[^\W\d_]{1,10}|°[cf]?|km/h)?\Z")
_GROUPED = re.compile(r"\d{1,3}(?:[,']\d{3})+\Z")


def amount(chunk: str) -> tuple[str, str] | None:
    """The figure and the sign or unit written onto it, of `$1,000`, `5km`, `3rd`, `15%`; None for anything else."""
    found = _AMOUNT.match(chunk)
    if not found:
        return None
    sign, figure, suffix = found[1], found[2], found[3] or ""
    if suffix in ("st", "nd", "rd", "th"):
        return f"{plain(figure)}.", ""
    unit = sign or suffix
    return (plain(figure), unit) if not suffix or suffix == "s" or suffix in UNITS or suffix in ("k", "m") else None


def plain(figure: str) -> str:
    """Without signs that group thousands. Nothing else is dropped: 3.10 may be a version, 007 a number of a kind."""
    figure = figure.rstrip(".,' ")
    return re.sub("[,']", "", figure) if _GROUPED.match(figure) else figure.replace(",", ".")
