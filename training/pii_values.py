"""Values for the slots of the PII sentences: people, addresses and the rest, as they are written in many countries."""

import datetime
import re
import string
import unicodedata
from functools import cache
from random import Random

from faker import Faker

from training import pii_lists as lists


@cache
def _faker(locale: str) -> Faker:
    return Faker(locale)


def _bare(name: str) -> str:
    """The name without accents."""
    parts = unicodedata.normalize("NFD", name.replace("й", "y"))
    return "".join(c for c in parts if not unicodedata.combining(c))


def _romanise(name: str) -> str:
    return _bare(name).lower().translate(lists.ROMAN).title()


class Source:
    """Values from one country, and now and then from another."""

    def __init__(self, rng: Random, locale: str = "") -> None:
        self.rng = rng
        kinds = [lists.ENGLISH, lists.LATIN, lists.ROMANISED, lists.NATIVE]
        usual = rng.choice(rng.choices(kinds, [32, 50, 13, 5])[0])
        self.home = self.locale = locale if locale and self.chance(75) else usual

    def chance(self, percent: float) -> bool:
        return self.rng.random() * 100 < percent

    def fake(self, what: str, locale: str = "") -> str:
        maker = _faker(locale or ("en_US" if self.locale in lists.ROMANISED else self.locale))
        maker.factories[0].random = self.rng
        return str(getattr(maker, what)())

    def pattern(self, pattern: str) -> str:
        """The pattern with digits for "#", digits above zero for "%" and letters for "?"."""
        digits = re.sub("[#%]", lambda m: str(self.rng.randint(m[0] == "%", 9)), pattern)
        return re.sub(r"\?", lambda _: self.rng.choice("ABCDEFGHKLMNPRSTXYZ"), digits)

    @property
    def language(self) -> str:
        return self.locale.partition("_")[0]


class Names(Source):
    given, family = "", ""  # of the person met last, whom an e-mail address or a second mention may name
    named = ""  # by which slot that person was named last

    def meet(self) -> None:
        self.locale = self.rng.choice(lists.ENGLISH + lists.LATIN + lists.ROMANISED) if self.chance(20) else self.home
        sex = self.rng.choice(["female", "male"])
        if self.locale in lists.GIVEN:
            self.given, self.family = self.other("first_name"), self.other("last_name")
        elif self.locale in lists.ROMANISED_BY_FAKER:
            self.given, self.family = self.fake("romanized_name", lists.ROMANISED_BY_FAKER[self.locale]).split(" ", 1)
        else:
            source = lists.ROMANISED_HERE.get(self.locale, self.locale)
            names = [self.fake(f"first_name_{sex}", source), self.fake(f"last_name_{sex}", source)]
            self.given, self.family = names if source == self.locale else map(_romanise, names)
        if self.locale in lists.ENGLISH and self.chance(15):
            self.given = self.rng.choice(lists.WORDY_GIVEN) if self.chance(60) else self.given
            self.family = self.rng.choice(lists.WORDY_FAMILY) if self.chance(60) else self.family
        if self.locale in lists.LATIN and self.chance(10):
            self.given, self.family = _bare(self.given), _bare(self.family)

    def other(self, what: str) -> str:
        """A given or a family name for double and middle names."""
        if self.locale in lists.GIVEN:
            return self.rng.choice((lists.GIVEN if what == "first_name" else lists.FAMILY)[self.locale])
        return self.fake(what, lists.ROMANISED_HERE.get(self.locale, "en_GB") if self.locale in lists.ROMANISED else "")

    def person(self, listed: bool) -> str:
        """Any way to write a full name; with `listed`, those of forms and lists too."""
        self.meet()
        self.named = "person"
        given, family = self.given, self.family
        if self.locale in lists.FAMILY_FIRST and self.chance(60):
            return f"{family}{'' if self.locale in lists.UNSPACED and self.chance(70) else ' '}{given}"
        if listed and self.chance(14):
            return self.rng.choice([f"{family}, {given}", f"{family}, {given[0]}.", f"{family.upper()} {given}"])
        if self.locale in lists.NATIVE + lists.ROMANISED or self.chance(60):
            return f"{given} {family}"
        middle, second = self.other("first_name"), self.other("last_name")
        particle = self.rng.choice(lists.PARTICLES)
        style = self.rng.choice(lists.STYLES)
        return style.format(given=given, family=family, middle=middle, second=second, particle=particle)

    def first(self) -> str:
        self.maybe_meet("first")
        return f"{self.given}-{self.other('first_name')}" if self.chance(3) else self.given

    def last(self) -> str:
        self.maybe_meet("last")
        return f"{self.family}-{self.other('last_name')}" if self.chance(5) else self.family

    def maybe_meet(self, slot: str) -> None:
        """A list of first names has few twice; a first name after a full or a last one often is that person's."""
        if not self.named or self.chance(90 if self.named == slot else 45):
            self.meet()
        self.named = slot


class Addresses(Names):
    """Addresses and their parts, in the layouts of many countries."""

    def street(self) -> str:
        if self.locale in lists.NATIVE:
            return self.fake("address").replace("\n", " ")
        first = self.rng.choice(self.layouts()).split("|")[0]
        usable = "<road>" in first and "<city>" not in first and "<zip>" not in first
        return self.filled("<road>" if self.chance(6) else first if usable else lists.STREET[self.numbers_first()])

    def address(self, multiline: bool) -> str:
        by_faker = self.locale in lists.NATIVE or (self.locale in lists.GOOD_ADDRESSES and self.chance(20))
        layout = self.fake("address").replace("\n", "|") if by_faker else self.rng.choice(self.layouts())
        weights = [60, 30, 6, 2, 2] if multiline else [4, 82, 9, 2, 3]
        separator = self.rng.choices(["\n", ", ", " ", " - ", ","], weights)[0]
        text = re.sub(r" *, *\|", "|", self.filled(layout)).replace("|", separator)
        return text.replace(", ", " ") if separator == " " else text

    def layouts(self) -> list[str]:
        return lists.LAYOUTS[lists.LAYOUT_OF.get(self.locale) or lists.LAYOUT_OF.get(self.language) or self.language]

    def numbers_first(self) -> bool:
        return self.layouts()[0].startswith("<n>")

    def filled(self, layout: str) -> str:
        return re.sub(r"<(\w+)>", lambda part: self.part(part[1]), layout)

    def part(self, name: str) -> str:
        match name:
            case "n":
                most = [40, 150, 999, 9999, 9999] if self.layouts() is lists.LAYOUTS["us"] else [20, 60, 150, 150, 999]
                number = self.rng.randint(1, self.rng.choice(most))
                return f"{number}{self.rng.choice('abcAB') if self.chance(8) else ''}"
            case "road":
                return self.road()
            case "unit":
                return self.pattern(self.rng.choice(lists.UNITS) + self.rng.choice(["%", "%#", "%##", "%?", "%#?"]))
            case "state":
                return self.fake(*lists.STATES.get(self.locale, ("state_abbr", "en_US")))
            case "box":
                return self.pattern(self.rng.choice(["%##", "%###", "%# ## ##", "%#"]))
            case "land":
                return self.fake("current_country") if self.chance(80) else self.rng.choice(lists.LANDS)
            case "d":
                return str(self.rng.randint(1, 9))
            case "province":
                return self.rng.choice(lists.PROVINCES)
        return self.city() if name == "city" else self.fake("postcode")

    def road(self) -> str:
        if self.locale in lists.INVENTED and self.chance(85):
            return f"{self.rng.choice(lists.ROADS['en'])} {self.rng.choice(lists.ROAD_KINDS)}"
        return (
            self.rng.choice(lists.ROADS[self.language])
            if self.language in lists.OWN_ROADS
            else self.fake("street_name")
        )

    def city(self) -> str:
        language = self.language
        if self.locale in lists.INVENTED and self.chance(90):
            language = "us" if self.locale in ("en_US", *lists.ROMANISED) else "en"
        return self.rng.choice(lists.CITIES[language]) if language in lists.CITIES else self.fake("city")


class Values(Addresses):
    """A value for each slot of a template."""

    def value(self, slot: str, before: str, after: str) -> str:
        if slot == "person":
            return self.person(listed=(before.endswith((": ", "- ", "\n")) or not before) and after[:1] != ",")
        if slot == "address":
            return self.address(multiline=before.endswith("\n"))
        if slot == "number" and after.startswith((" year", "-year", " ans")):
            return str(self.rng.randint(4, 97))
        if slot in lists.FROM_LISTS:
            return self.pattern(self.rng.choice(lists.FROM_LISTS[slot]))
        return str(getattr(self, slot)())

    def zip(self) -> str:
        return self.fake("postcode")

    def country(self) -> str:
        return self.fake("country", "en_US" if self.chance(70) else "")

    def org(self) -> str:
        if self.chance(30):
            return self.fake("company")
        return f"{self.rng.choice(lists.ORG_STEMS)} {self.rng.choice(lists.ORG_TAILS)}"

    def product(self) -> str:
        return f"{self.rng.choice(lists.BRANDS)} {self.rng.choice(lists.THINGS)}"

    def email(self) -> str:
        """Mostly of the person met last."""
        parts = [re.sub(r"[^a-z]", "", _bare(name).lower()) for name in (self.given, self.family)]
        if not all(parts) or self.chance(25):
            parts = [self.rng.choice(["info", "support", "sales", "no-reply", "hr"]), self.pattern("%#")]
        user = self.rng.choice(["{0}.{1}", "{0}{1}", "{0[0]}{1}", "{0}_{1}", "{0}.{1}84", "{1}", "{0}"]).format(*parts)
        return f"{user}@{self.rng.choice(lists.MAIL_DOMAINS)}"

    def card(self) -> str:
        number = self.fake("credit_card_number", "en_US")
        return re.sub(r"(\d{4})(?=\d)", rf"\1{self.rng.choice([' ', '-', ''])}", number)

    def iban(self) -> str:
        number = self.fake("iban", self.rng.choice(["de_DE", "fr_FR", "en_GB", "nl_NL", "es_ES", "it_IT", "pl_PL"]))
        return re.sub(r"(.{4})(?=.)", r"\1 ", number) if self.chance(50) else number

    def ip(self) -> str:
        return self.fake("ipv6" if self.chance(15) else "ipv4", "en_US")

    def url(self) -> str:
        return f"https://{self.fake('domain_name', 'en_US')}{self.rng.choice(lists.PATHS)}"

    def api_key(self) -> str:
        prefix = self.rng.choice(list(lists.KEYS))
        return prefix + "".join(self.rng.choices(string.ascii_letters + string.digits, k=lists.KEYS[prefix]))

    def date(self, since: int = 1990, until: int = 2026) -> str:
        day = datetime.date(self.rng.randint(since, until), self.rng.randint(1, 12), self.rng.randint(1, 28))
        return day.strftime(self.rng.choice(lists.DATES))

    def dob(self) -> str:
        return self.date(1935, 2010)
