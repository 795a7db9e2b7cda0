"""The words around a number that say what it is."""

from __future__ import annotations

import re

PHONE, OTHER, CARD, SSN = "phone", "other", "card", "ssn"

REACH = 48
"""Characters before a number in which a word speaks of it."""

_WORDS: dict[str, str] = {
    word: kind
    for kind, words in {
        PHONE: """
            phone phones telephone tel telno mobile cell cellphone cellular landline fax facsimile desk pager hotline
            helpline whatsapp sms viber signal ph mob call called calling calls dial ring text answering reach reached
            contact callback voicemail extension phoned texted texting texts message messages msg otp
            telefon telefonnummer telefonnr handy handynummer mobil mobilnummer mobilfunk rufnummer rückruf anrufen
            durchwahl festnetz téléphone telephone tél portable appeler appelez joindre teléfono telefono móvil movil
            celular llamar llámame llame telefone telemóvel telemovel ligar ligue cellulare chiamare chiamami
            recapito telefoon telefoonnummer mobiel bel bellen gsm telefonnummeret mobilnummer tlf ring puhelin
            puhelinnumero puh soita telefonu  komórka dzwoń zadzwoń mobilní telefonní telefonszám
            mobilszám hívjon τηλέφωνο κινητό телефон тел моб звоните позвоните мобильный телефонен telefonas tālrunis
            telefoni thoại sđt telepon hp هاتف جوال फोन मोबाइल""",
        OTHER: """
            order invoice isbn issn account acct konto ticket tracking serial version zip postcode postal id ref
            reference case po policy sku model price tax vat iban swift bic routing address street road apt suite unit
            box population page pages date dates year years pin port job timestamp commit licence license passport
            patent lot batch latitude longitude coordinates item bestellung rechnung auftrag bestellnummer kundennummer
            plz commande facture pedido factura ordine fattura doi arxiv pmid build release shipment customer
            transaction receipt parcel imei barcode ean upc gtin plate total amount cost revenue""",
        CARD: """
            card cards cc credit creditcard debit visa mastercard amex maestro discover diners jcb karte kreditkarte
            carte tarjeta cartão carta kort kaart karta карта payment pan cvv""",
        SSN: """ssn social itin""",
    }.items()
    for word in words.split()
}
_UNSPACED = {
    "电话": PHONE, "電話": PHONE, "手机": PHONE, "手機": PHONE, "携帯": PHONE,
    "전화": PHONE, "연락처": PHONE, "휴대폰": PHONE,
    "โทร": PHONE, "传真": PHONE, "致电": PHONE, "卡": CARD, "カード": CARD, "카드": CARD, "订单": OTHER, "账号": OTHER,
    "注文": OTHER, "주문": OTHER,
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")
_OWN_NUMBER = re.compile(r"\b(?:my|your|his|her|our|their|new|another|work|home|office|direct) (?:number|no|nr)\b")
_LABEL = re.compile(
    r"[ \t]?[-–,:]?[ \t]?[(\[]?(?:office|fax|home|work|mobile|cell|desk|direct|tel|phone)\b(?! of\b)",
    re.IGNORECASE,
)
_INITIAL = re.compile(r"(?:^|[\s|,;(•·])[tmpfchowdTMPFCHOWD][.:)] {0,2}$")


def of(text: str, start: int, end: int, loosely: bool = True) -> str | None:
    """What the words around say that the number is; those after it only if they label it, or `loosely`."""
    if _LABEL.match(text, end):
        return PHONE
    return before(text, start) or (after(text, end) if loosely else None)


def before(text: str, start: int) -> str | None:
    """What the nearest word that says anything makes of a number that starts here."""
    context = text[max(0, start - REACH) : start]
    if _INITIAL.search(context):
        return PHONE
    context = context.lower()
    line = context.rfind("\n", 0, len(context.rstrip())) + 1  # of the number, or of the field's name above it
    kind = _kind(context[line:])
    if kind is None and _kind(context[:line]) == PHONE:
        return PHONE
    return kind or (PHONE if _OWN_NUMBER.search(context) else None)


def _kind(context: str) -> str | None:
    for word in reversed(_WORD.findall(context)):
        kind = _WORDS.get(word)
        if kind is not None:
            return kind
    if not context.isascii():
        places = {context.rfind(word): kind for word, kind in _UNSPACED.items()}
        return places.get(max(places)) if max(places) >= 0 else None
    return None


def after(text: str, end: int) -> str | None:
    context = text[end : end + 28].lower()
    for word in _WORD.findall(context.partition("\n")[0]):
        kind = _WORDS.get(word)
        if kind is not None:
            return kind
    return PHONE if _OWN_NUMBER.search(context) else None
