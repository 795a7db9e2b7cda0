"""Questions whose answer is another one tomorrow, or for somebody else: an answer of the past is none to them.

Words and not a model: what matters here is that none is missed, and who misses a hit now and then loses little."""

from __future__ import annotations

from typing import Any

import re2

from pointsman.signals.text import utf8

LOOKED_AT = 4096
"""Characters at each end of the text."""

_MEMORY = 64 * 1024**2
"""Bytes that the states of the search may take: with fewer it would begin again and again."""

_TIMES = (
    # English
    r"today(?:'?s)?|tonight|tomorrow|yesterday|now|nowadays|currently|right now|at the moment|at present|these days",
    r"as of (?:now|today)|so far|latest|newest|most recent|up[- ]to[- ]date|breaking",
    r"recent (?:news|events?|developments)",
    r"this (?:morning|afternoon|evening|week|weekend|month|quarter|season|year)",
    r"(?:last|next) (?:night|week|weekend|month|quarter|season|year|(?:mon|tues|wednes|thurs|fri|satur|sun)day)",
    r"current (?:time|date|day|year|month|week|weather|temperature|price|rate|value|version|status|score|record)",
    r"current (?:president|ceo|king|queen|prime minister|champion|events?|news)|(?:hours?|minutes?|days?|weeks?) ago",
    # German, French, Spanish, Portuguese, Italian, Dutch
    r"heute|heutige\w*|gestern|morgen|jetzt|gerade|aktuell\w*|derzeit\w*|momentan|neueste\w*|dieses? jahr",
    r"letzte (?:woche|nacht)|aujourd['’]hui|demain|maintenant|actuel\w*|derni[eè]res? (?:nouvelles|version)",
    r"en ce moment|cette (?:semaine|ann[eé]e)|hoy|ayer|mañana|ahora|actual(?:es|mente)",
    r"(?:presidente|situaci[oó]n) actual",
    r"últim[oa]s? (?:noticias|versi[oó]n)|est[ae] (?:semana|mes|año)|hoje|ontem|amanh[aã]|agora|atual\w*",
    r"últimas? (?:notícias|vers[aã]o)|est[ae] (?:m[eê]s|ano)|oggi|ieri|domani|adesso|attual\w*",
    r"ultim[ei] (?:notizie|versione)|quest[oa] (?:settimana|mese|anno)|vandaag|gisteren|op dit moment|actuele?",
    r"huidige|laatste nieuws|deze (?:week|maand)",
    # Polish, Turkish, Russian, Ukrainian
    r"dzi[sś]|dzisiaj|wczoraj|jutro|teraz|obecnie|bugün|dün|yarın|şimdi|şu an(?:da)?|güncel",
    r"сегодня|вчера|завтра|сейчас|теперь|последни[ех] новост\w*|текущ\w*|сьогодні|вчора|зараз",
)
_SUBJECTS = (
    r"weather|forecast|news|headlines|exchange rates?|opening hours|traffic (?:in|on|near)|standings",
    r"(?:stock|share|gas|fuel|gold|bitcoin|house|ticket|oil) prices?|prices? of|bitcoin|stock market|in stock",
    r"how much (?:is|are|does|do) .{1,60} (?:cost|worth|price)|what (?:time|day|date|year) is it",
    r"what(?:'s| is) the (?:time|date)|available|availability",
    r"wetter\w*|nachrichten|wechselkurs|aktienkurs\w*|wie sp[aä]t|uhrzeit|m[eé]t[eé]o|quelle heure",
    r"cours de (?:bourse|l'action)|qu[eé] hora|el tiempo en|clima|noticias|que horas|notícias|che ore|che tempo",
    r"notizie|het weer|hoe laat|pogoda|kt[oó]ra godzina|hava durumu|saat kaç|haberler\w*|son dakika",
    r"погод\w*|новост\w*|котор\w* час|курс (?:доллара|евро|рубля)",
)
_OWNED = (
    r"orders?|packages?|parcels?|deliver(?:y|ies)|shipments?|bookings?|reservations?|appointments?|flights?|"
    r"invoices?|balance|schedule|calendar|inbox|meetings?"
)
_KNOWN = (
    r"bills?|refunds?|payments?|transfers?|transactions?|subscription|statements?|tickets?|cases?|claims?|"
    r"applications?|salary|location|ip|usage|quota|results?|grades?|prescriptions?|accounts?|cards?|limits?"
)
_LOOKS = (
    r"where(?:'s| is| are)|when (?:will|did|is|does)|what(?:'s| is| are| was)|is|are|has|have|did|was|status of|track|"
    r"check|show|find|list|see|tell|let me|how much(?: is)?"
)
_POSSESSIONS = (
    rf"(?:my|our) (?:\w+ ){{0,2}}(?:{_OWNED})|(?:{_LOOKS}) (?:me |us )?(?:my|our) (?:\w+ ){{0,2}}(?:{_KNOWN})",
    r"where am i|who am i|near me|around here",
    r"mein\w* (?:\w+ )?(?:bestellung|paket|lieferung|buchung|termin|rechnung|konto|flug|abo)\w*",
    r"(?:ma|mon|mes) (?:commande|colis|livraison|r[eé]servation|rendez-vous|facture|compte|vol|solde)s?",
    r"mis? (?:pedido|paquete|env[ií]o|reserva|cita|factura|cuenta|vuelo|saldo)s?",
    r"(?:meu|minha) (?:pedido|pacote|encomenda|entrega|reserva|fatura|conta|voo|saldo)",
    r"(?:il mio|la mia) (?:ordine|pacco|prenotazione|appuntamento|fattura|conto|volo|saldo)",
    r"mijn (?:bestelling|pakket|levering|afspraak|factuur|rekening|vlucht|saldo)",
    r"мо[йяеё]\w* (?:заказ|посылк\w*|доставк\w*|бронь|сч[её]т|баланс|рейс)",
)
# Of scripts in which words have no edges, or ends that change.
_SIGNS = (
    "今天|今日|今晚|今夜|明天|明日|昨天|昨日|现在|現在|目前|当前|當前|最新|最近|今年|今月|今週|本周|本月|天气|天氣|天気|新闻|新聞",
    "ニュース|股价|股價|株価|汇率|匯率|为替|几点|幾點|何時|いま|今の|我的(?:订单|訂單|包裹|快递|账户|帳戶|余额|餘額|预约|預約|航班)",
    "私の(?:注文|荷物|予約|口座|残高)|오늘|내일|어제|지금|현재|최신|최근|날씨|뉴스|환율|주가|몇 시",
    "내 (?:주문|택배|예약|계좌|잔액)|اليوم|غدا|أمس|الآن|حاليا|الطقس|أخبار|طلبي|आज|कल|अभी|मौसम|समाचार",
    "วันนี้|ตอนนี้|hôm nay|bây giờ|thời tiết|hari ini|sekarang|cuaca",
)
_LETTER = r"[\pL\pN\pM_]"
_EDGE = r"[^\pL\pN\pM_]"


def _compile() -> Any:
    words = "|".join((*_TIMES, *_SUBJECTS, *_POSSESSIONS)).replace(r"\w", _LETTER)
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    return re2.compile(rf"(?i)(?:^|{_EDGE})(?:{words})(?:$|{_EDGE})|{'|'.join(_SIGNS)}", options)


_search = _compile().search


def is_volatile(text: str) -> bool:
    if len(text) > 2 * LOOKED_AT:
        text = f"{text[:LOOKED_AT]}\n{text[-LOOKED_AT:]}"
    return _search(utf8(text)) is not None
