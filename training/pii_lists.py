"""What the values of the PII sentences are made from: countries, names, streets, address layouts, brands, formats."""


def words(text: str, separator: str = ",") -> list[str]:
    return text.split(separator)


ENGLISH = words("en_US en_US en_US en_US en_GB en_GB en_AU en_CA en_IN en_IN en_IE en_NZ en_NG en_PH", " ")
LATIN = words(
    "de_DE de_DE de_AT de_CH fr_FR fr_FR fr_CA es_ES es_ES es_MX es_CO it_IT it_IT nl_NL nl_BE pl_PL cs_CZ sk_SK sv_SE "
    "da_DK no_NO fi_FI pt_BR pt_PT tr_TR hu_HU ro_RO hr_HR sl_SI et_EE lv_LV lt_LT vi_VN id_ID yo_NG tw_GH zu_ZA",
    " ",
)
ROMANISED = words("xru xuk xel xja xzh xko xar xar", " ")  # names of other scripts in Latin letters
NATIVE = words("ru_RU uk_UA el_GR ja_JP zh_CN ko_KR he_IL hi_IN th_TH", " ")
ROMANISED_BY_FAKER = {"xja": "ja_JP", "xzh": "zh_CN"}
ROMANISED_HERE = {"xru": "ru_RU", "xuk": "uk_UA", "xel": "el_GR"}
FAMILY_FIRST = {"hu_HU", "vi_VN", "ja_JP", "zh_CN", "ko_KR", "xja", "xzh", "xko"}
UNSPACED = {"ja_JP", "zh_CN", "ko_KR"}
INVENTED = {
    "en_US",
    "en_GB",
    "en_AU",
    "en_CA",
    "en_IE",
    "en_NZ",
    "en_NG",
    "yo_NG",
    "tw_GH",
    "zu_ZA",
    *ROMANISED,
}  # their streets
GOOD_ADDRESSES = {*LATIN, "en_IN", "en_PH"} - {"tr_TR", "et_EE", "lv_LV", "lt_LT", "yo_NG", "tw_GH"}

GIVEN = {
    "xko": words("Ji-woo Min-jun Seo-yeon Hyun-woo Soo-jin Yuna Dong-hyun Eun-ji Jae Haneul Sung-min Kyung-hee", " "),
    "xar": words(
        "Mohammed Ahmed Fatima Layla Omar Yasmin Khaled Noor Hassan Amira Youssef Rania Ibrahim Zainab Tariq Huda", " "
    ),
}
FAMILY = {
    "xko": words("Kim Lee Park Choi Jung Kang Cho Yoon Jang Lim Shin Oh Seo Kwon Hwang Bae Noh", " "),
    "xar": words(
        "al-Rashid,Haddad,Khalil,Mansour,Al-Sayed,El Masry,Nasser,Darwish,Abbas,bin Saleh,Farouk,Hamdan,Qureshi"
    ),
}
WORDY_GIVEN = words(  # names that are words or places too
    "April,May,June,Paris,Jordan,Austin,Mercedes,Chelsea,Brooklyn,Rose,Grace,Mark,Will,Art,Georgia,Sydney,Carmen,Angel,"
    "Florence,Dallas,Hope,Bill,Frank,Rich,Pat,Sue,Jack,Faith,Summer,Autumn,Victoria,Lincoln,Chase,Hunter,Dawn,Ivy"
)
WORDY_FAMILY = words(
    "London,Bush,Rice,Banks,Ford,Gates,Stone,Young,King,Black,White,Green,Park,Brown,Law,Church,Rivers,West,England,Holland,"
    "German,French,Price,Page,Bell,Cook,Baker,Long,Short,Day,Winter,Field,Bank,Hall,Street,Washington,Ward,Best,Love"
)
CYRILLIC = dict(zip("абвгдезийклмнопрстуфыэіїєґъь", [*"abvgdeziyklmnoprstufyei", "yi", "ye", "g", "", ""], strict=True))
CYRILLIC |= {"ё": "yo", "ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ю": "yu", "я": "ya"}
GREEK = dict(zip("αβγδεζηικλμνξοπρσςτυφω", "avgdeziiklmnxoprsstyfo", strict=True)) | {"θ": "th", "χ": "ch", "ψ": "ps"}
ROMAN = str.maketrans({**CYRILLIC, **GREEK, "'": "", "’": ""})

STYLES = [  # of a person's name other than given and family; repeated are those most usual
    *[
        "{given} {middle} {family}",
        "{given} {middle[0]}. {family}",
        "{given[0]}. {family}",
        "{given} {particle}{family}",
    ]
    * 3,
    *[
        "{given} {family}-{second}",
        "{given} {family} {second}",
        "{given}-{middle} {family}",
        "{given} {middle} {family}",
    ]
    * 2,
    "{given[0]}. {middle[0]}. {family}",
    "{given[0]}.{middle[0]}. {family}",
    "{given[0]} {family}",
    "{given} {family[0]}.",
    "{given} {middle[0]} {family}",
    "{given} {family} Jr.",
    "{given} {family} III",
    "{given} {middle} {family} {second}",
]
PARTICLES = words("van ,van der ,de ,de la ,von ,da ,di ,dos ,O',Mc,Mac,D',al-,Ben ,El ,Le ,St. ,ter ,du ,bin ,O’")

_CITIES = {
    "us": "New York,Chicago,Austin,Portland,Denver,Boston,San Diego,"
    "Springfield,Fort Worth,St. Louis,Salt Lake City,Houston,"
    "Phoenix,San Francisco,Seattle,Omaha,Tulsa,Madison,Jackson,"
    "Charlotte,Lincoln,Florence,Paris,Santa Fe,Ann Arbor,El Paso,"
    "Washington,Baton Rouge,Little Rock,Buffalo,Los Angeles,Las Vegas,Savannah,Des Moines,Eugene,Aurora,Cleveland,Reno",
    "en": "London,New York,Chicago,Leeds,Austin,Toronto,Sydney,Dublin,"
    "Bristol,Portland,Melbourne,Denver,Boston,Cork,Perth,"
    "Glasgow,San Diego,Vancouver,Auckland,Springfield,Fort Worth,St. Louis,Salt Lake City,Newcastle upon Tyne,Lagos,"
    "Nairobi,Mumbai,Pune,Manila,Madison,Jackson,Charlotte,Lincoln,Florence,Paris,Berlin,Dubai,Singapore,Milton Keynes,"
    "Houston,Phoenix,San Francisco,Seattle,Omaha,Tulsa,Accra,"
    "Cape Town,Ottawa,Winnipeg,Brisbane,Hobart,Wellington,Belfast,"
    "Cardiff,Edinburgh,Sheffield,York,Bath,Galway,Stratford-upon-Avon,Amman,Cairo,Seoul,Tokyo,Kyiv,Athens,Hong Kong",
    "tr": "Ankara,İstanbul,İzmir,Bursa,Kadıköy/İstanbul,Çankaya/Ankara,Antalya,Konya,Eskişehir,Bornova/İzmir",
    "it": "Roma,Milano,Torino,Napoli,Bologna,Firenze,Lecce,Bari,Pavia,Ivrea,Cortona,Reggio Emilia,L'Aquila,Matera,"
    "Trieste,Castelfranco Veneto,Siena,San Gimignano,Cefalù,Porto Recanati,Udine,Genova,Alba",  # Faker's order varies
    "et": "Tallinn,Tartu,Pärnu,Narva,Viljandi,Rakvere",
    "lv": "Rīga,Liepāja,Jelgava,Daugavpils,Ventspils,Sigulda",
    "lt": "Vilnius,Kaunas,Klaipėda,Šiauliai,Panevėžys",
}
_ROADS = {
    "en": "Main,Oak,Maple,Elm,2nd,Church,High,Station,Park,Mill,"
    "Washington,Victoria,Cedar,Sunset,Lake,West 42nd,N Pine,King's,"
    "Martin Luther King Jr,Old Kent,Queen,Riverside,Juniper,"
    "NE 14th,Albert,Castle,Birch Hollow,Kingsley,St. John's,Willow,"
    "Harbour View,Chestnut,George,Abbey,Grove,Market,Union,"
    "Hillcrest,Windmill,SE Stark,Fairview,Pleasant,Marlborough,Canal",
    "tr": "Atatürk,Cumhuriyet,Bağdat,İnönü,Gül,Çınar,Lale,1453.,Barbaros,Papatya",
    "et": "Pikk,Tartu maantee,Narva mnt,Liivalaia,Pärna tänav,Kesk,Vabaduse pst",
    "lv": "Brīvības iela,Rīgas iela,Skolas iela,Lāčplēša iela,Dārza iela,Kr. Barona iela",
    "lt": "Gedimino pr.,Vilniaus g.,Kęstučio g.,Savanorių pr.,Liepų g.,Žalgirio g.",
}
CITIES = {language: names.split(",") for language, names in _CITIES.items()}
ROADS = {language: names.split(",") for language, names in _ROADS.items()}
OWN_ROADS = ("tr", "et", "lv", "lt")  # where Faker has no cities and streets
ROAD_KINDS = words("St,Street,St.,Ave,Avenue,Rd,Road,Lane,Ln,Blvd,Drive,Dr,Court,Way,Close,Crescent,Terrace,Place,Hill")

FRONT = [
    "<n> <road>|<zip> <city>",
    "<n> <road>|<zip> <city>|<land>",
    "<n>, <road>|<zip> <city>",
    "BP <box>|<zip> <city>",
]
BACK = [
    "<road> <n>|<zip> <city>",
    "<road> <n>|<zip> <city>|<land>",
    "<road> <n>|<zip> <city>",
    "<road> <n>|<city>",
    "<road> <n>|<city>|<zip>",
    "<zip> <city>|<road> <n>",
]
LAYOUTS = {  # "|" is the end of a line or what stands for it; the first layout shows where the number stands
    "us": [
        "<n> <road>|<city>, <state> <zip>",
        "<n> <road>, <unit>|<city>, <state> <zip>",
        "<n> <road>|<city>, <state>",
        "<n> <road> <unit>|<city>, <state> <zip>|<land>",
        "<n> <road>|<unit>|<city>, <state> <zip>",
        "<n> <road>|<city>",
        "P.O. Box <box>|<city>, <state> <zip>",
        "PO Box <box>|<city> <state> <zip>",
        "<n> <road>|<city> <state> <zip>",
    ],
    "gb": [
        "<n> <road>|<city>|<zip>",
        "<unit>|<n> <road>|<city> <zip>",
        "<n> <road>|<city>|<zip>|<land>",
        "<n> <road>|<city>",
        "<n> <road>|<city> <zip>",
        "PO Box <box>|<city>|<zip>",
        "Rose Cottage|<road>|<city>|<zip>",
        "<unit>, <n> <road>|<city>",
    ],
    "in": [
        "<n>/<d> <road>|<city> <zip>",
        "H.No. <n>, <road>|<city> - <zip>",
        "Flat <d>, <road>|Sector <d>|<city> <zip>|<land>",
        "<n> <road>|<city>|<zip>",
        "<unit>, <road>, Near Post Office|<city> <zip>",
    ],
    "de": [
        *BACK,
        "<road> <n>|D-<zip> <city>",
        "Postfach <box>|<zip> <city>",
        "<road> <n>, <d>. OG|<zip> <city>",
        "<road> <n>, Wohnung <d>|<zip> <city>",
    ],
    "baltic": [*BACK, "<road> <n>-<d>|<city>, <zip>", "<road> <n>-<n>|<zip> <city>", "a/d <box>|<zip> <city>"],
    "fr": [*FRONT, "<n> bis <road>|<zip> <city>", "Appt <d>, <n> <road>|<zip> <city>", "<n> <road>|<zip> <city> Cedex"],
    "es": [
        "<road>, <n>|<zip> <city>",
        "<road> <n>, <d>º B|<zip> <city>",
        "<road>, nº <n>, piso <d>|<zip> <city>, <land>",
        "<road> #<n>-<d>|<city>",
        "Apdo. de Correos <box>|<zip> <city>",
        "<road> <n>|<city> <zip>|<land>",
    ],
    "it": [
        "<road>, <n>|<zip> <city>",
        "<road> <n>|<zip> <city> (<province>)",
        "<road> n. <n>, int. <d>|<zip> <city>|<land>",
        "Casella postale <box>|<zip> <city>",
        "<road> <n>|<city>",
    ],
    "nl": [*BACK, "<road> <n>-<d>hs|<zip> <city>", "Postbus <box>|<zip> <city>", "<road> <n> bus <d>|<zip> <city>"],
    "pl": [
        *BACK,
        "ul. <road> <n>/<d>|<zip> <city>",
        "ul. <road> <n> m. <d>|<zip> <city>",
        "os. <road> <n>|<zip> <city>|<land>",
    ],
    "cs": [*BACK, "<road> <n>/<d>|<zip> <city>", "P. O. Box <box>|<zip> <city>"],
    "nordic": [
        *BACK,
        "<road> <n> A <d>|<zip> <city>",
        "<road> <n>, <d>. th|<zip> <city>",
        "PB <box>|<zip> <city>",
        "<road> <n> lgh 110<d>|<zip> <city>",
    ],
    "pt": [
        "<road>, <n>|<zip> <city>",
        "<road>, <n> - Apto <d>01|<city> - <province>|<zip>",
        "<road> <n>|<city>",
        "<road>, nº <n>, <d>º Esq.|<zip> <city>|<land>",
        "Caixa Postal <box>|<zip> <city>",
    ],
    "tr": [
        "<road> Caddesi No:<n> D:<d>|<zip> <city>",
        "<road> Mah. <road> Sok. No: <n>|<zip> <city>",
        "<road> Cad. <n>/<d>|<city>",
        "<road> Sokak <n>|<city>|Türkiye",
    ],
    "hu": [
        "<road> <n>|<zip> <city>",
        "<zip> <city>, <road> <n>.",
        "<city>, <road> <n>. <d>/2|<zip>",
        "<city>|<road> <n>.",
    ],
    "ro": [
        "<road> <n>|<zip> <city>",
        "Str. <road> nr. <n>|<city> <zip>",
        "<road> nr. <n>, bl. A<d>, sc. B, ap. <d>|<city>",
    ],
    "vi": [
        "<n> <road>|Quận <d>|<city>",
        "Số <n> đường <road>, phường <d>|<city>",
        "<n>/<d> <road>, P.<d>, Q.<d>|<city>",
    ],
    "id": [
        "<road> No. <n>|<city> <zip>",
        "<road> No.<n>, RT 0<d>/RW 0<d>|<city> <zip>|<land>",
        "<road> Blok C<d> No. <n>|<city>",
    ],
}
LAYOUT_OF = {
    "en_US": "us",
    "en_CA": "us",
    "en_AU": "us",
    "en_PH": "us",
    "en_IN": "in",
    "en": "gb",
    "fr_CA": "us",
    "sk": "cs",
    "hr": "cs",
}
LAYOUT_OF |= (
    dict.fromkeys(["sv", "da", "no", "fi"], "nordic") | dict.fromkeys(["et", "lv", "lt"], "baltic") | {"sl": "cs"}
)
LAYOUT_OF |= dict.fromkeys(ROMANISED, "us") | dict.fromkeys(["yo", "tw", "zu", *(tag[:2] for tag in NATIVE)], "gb")
STREET = {True: "<n> <road>", False: "<road> <n>"}  # does the number come first?
UNITS = ["Apt ", "Apt. ", "Suite ", "Unit ", "Flat ", "Apartment ", "Floor ", "Ste. ", "Room ", "Bldg ", "No. "]
STATES = {"en_CA": ("province_abbr", "en_CA"), "en_AU": ("state_abbr", "en_AU"), "fr_CA": ("province_abbr", "en_CA")}
LANDS = ["UK", "USA", "Germany", "U.S.A.", "Deutschland", "France", "España"]
PROVINCES = words("RM MI TO NA SP RJ MG BA", " ")

BRANDS = words(
    "Acme,Samsung,Bosch,Lenovo,Sony,Dyson,Garmin,Philips,Canon,Makita,Logitech,Jabra,Nokia,Brother,Dell,Husky"
)
THINGS = words(
    "Galaxy S23,X1 Carbon,Series 7,Air Fryer XL,V15 Detect,Forerunner 265,EOS R6,MX Master 3,Pro Max,TM-200,One"
)
ORG_STEMS = words(
    "Northwind,Blue Harbor,Globex,Meridian,Helios,St. Mary's,"
    "Red Oak,Contoso,Alpina,Vertex,Bright Path,Orion,Lloyd,Wells,"
    "Santa Clara,Victoria,Bayer,Ferrero,Johnson & Marsh,Hudson,Lincoln,Maersk,Porter House,Franklin,Morgan,Roche,Tata"
)
ORG_TAILS = words(
    "Inc.,Ltd,GmbH,LLC,Bank,Hospital,University,Logistics,S.A.,Insurance,Foundation,Group,AG,Airlines,& Co."
)
FROM_LISTS = {  # "#" is any digit, "%" one above zero, "?" a letter
    "title": words("Mr,Mr.,Mrs,Mrs.,Ms,Ms.,Miss,Dr,Dr.,Prof.,Professor,Sir,Rev.,Captain,Judge,Senator,Coach,Sister"),
    "nationality": words(
        "German,French,Italian,Polish,Brazilian,Canadian,Kenyan,"
        "Japanese,Turkish,Swedish,Indian,Mexican,Vietnamese,Irish,"
        "Greek,Ukrainian,Dutch,Portuguese,Nigerian,Korean,British,Argentine,Norwegian,Czech,Filipino,Chinese,Egyptian"
    ),
    "phone": [
        "+1 (%##) %##-####",
        "%##-%##-####",
        "+44 7### ######",
        "0%## ######",
        "+49 1%# #######",
        "06 %# ## ## ##",
        "+33 6 ## ## ## ##",
        "(0%#) #### ####",
        "+91 9#### #####",
        "+55 11 9####-####",
        "+48 %## ### ###",
    ],
    "ssn": [
        "###-##-####",
        "%## ## ####",
        "% ## ## ## ### ### ##",
        "######-####",
        "###.###.###-##",
        "########?",
        "######-###?",
        "?? ## ## ## ?",
        "#########",
        "## ######-#",
    ],
    "number": ["%", "%#", "%#", "%##", "%###", "%#####", "%,###", "%########", "%#", "%##"],
}
MAIL_DOMAINS = words(
    "gmail.com,outlook.com,yahoo.com,web.de,orange.fr,icloud.com,proton.me,example.org,mail.ru,acme-corp.com"
)
PATHS = words(",/about,/docs/intro,/p/4821,/blog/2023/07/release,/login?next=%2Fhome,/img/logo.png,/tickets/8812")
DATES = words("%d.%m.%Y,%Y-%m-%d,%B %d %Y,%d %b %Y,%m/%d/%Y,%d/%m/%y,%d %B %Y,%b %d,%A %d %B,%B %Y")
KEYS = {"sk-": 40, "sk-proj-": 48, "AKIA": 16, "ghp_": 36, "xoxb-": 44, "pk_live_": 24, "AIza": 35, "": 32}
