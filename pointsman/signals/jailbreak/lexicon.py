"""What attacks on a model are worded with.

A *concept* is a list of words and phrases, between ` | `: `(a|b)` is one of several, `x?` and `(a|b)?` may be missing.
A letter with an accent is also met without. Words are found as a whole, stems that end in `*` as beginnings, Chinese
anywhere. Alone a word has its concept's weight: 3 is seldom met in benign text, 2 sometimes, 1 often, 0 only counts
beside others.
"""

from __future__ import annotations

from typing import NamedTuple

FAMILIES = (
    "override", "persona", "prompt", "mode", "refusal", "template", "address", "exfiltration", "secrecy", "authority",
    "encoded", "pressure",
)  # fmt: skip


class Concept(NamedTuple):
    family: str
    weight: int
    words: str


class Near(NamedTuple):
    """`second` follows any of `first` soon, in the same sentence."""

    family: str
    weight: int
    first: str
    second: str


class Beside(NamedTuple):
    """Words too common to be a concept, among the last few before one, or the first few after it; or both."""

    family: str
    weight: int
    concept: str
    before: str = ""
    after: str = ""
    within: int = 3


CONCEPTS = {
    "undo": Concept("override", 1, """
        ignor(e|es|ed|ing) | disregard(s|ed|ing)? | overrid(e|es|ing|den) | overrule | bypass(ed|es|ing)? | unlearn
        nullif(y|ied) | circumvent(ing)? | disobey(ing)? | supersedes? | pay no attention | get rid of | not obey
        (do not|don't|dont) (follow|obey|listen to|comply|stick to|adhere) | (does|do) not apply
        (doesn't|don't) apply | (stop|cease|quit) (following|obeying|complying|enforcing)
        no longer (follow|obey|bound|apply|applies|valid) | no longer (in effect|subject) | violate your
        not bound by | ignorier(e|en|t|st) | missachten? | vergiss | vergessen sie | umgehen? | ignorez | oublie(z|r)?
        (fais|faites) abstraction | outrepasse(z|r)? | (tiens|tenez) pas compte | ignora(r|d|re|te)? | ignoren?
        olvida(te|r|d)? | olvide | desobedece | omite | caso omiso | pasa por alto | desconsidere? | esqueça | esquece
        desobedeça | dimentica(re|te)? | trascura | игнорир* | проигнорир* | забудь* | отмени* | пренебре*
        не обращай внимани* | zignoruj | zapomnij | unut | görmezden gel | negeer | vergeet | تجاهل* | انس* | अनदेखा
        भूल | 무시 | 잊어 | 忽略 | 忽视 | 无视 | 無視 | 忽視 | 忘记 | 忘記 | 忘掉 | 不要理会 | 不要遵守 | 不再遵守
        绕过 | 撤销"""),
    "forget": Concept("", 0, """
        forget(s|ting)? | neglect | discard | dismiss | abandon | scrap | scratch (that|all|the) | (set|put) aside
        void | throw (away|out) | invalid(ate)? | obsolete | outdated | deprecated | withdrawn | expired | revok(e|ed)
        suspend(s|ed)? | (was|were) a (test|mistake|joke|drill) | sarcasm | unload | deactivat(e|ed)
        disabl(e|es|ed|ing) | waiv(e|ed|ing) | (turn|turned|switch|switched) off | overwritten | unshackle(d)?
        deaktivier(e|en|t) | außer kraft | désactive(z|r)? | desactiva(r)? | desative | disattiva(re)? | отключи*
        关闭 | 解除 | 取消 | 不受"""),
    "remove": Concept("", 0, """
        remov(e|es|ed|ing) | lift(s|ed|ing)? | drop(ped|ping)? | skip(ped|ping)? | break(ing)? | erase(d)?
        delete(d)? | wip(e|ed) | cancel(led|ed)? | overwrit(e|ing) | replac(e|ed|es) | reset(ting)? | flush
        relax(ed)? | unlock(ed)? | reject | purge | evade | get around | work around | free (of|from) | outside
        without | beyond | freed (of|from) | released? from | exempt | gone | ohne | entfern(e|en|t) | sans | sin
        elimina(r|te)? | sem | senza | сними* | без | 删除"""),
    "rules": Concept("override", 1, """
        instructions? | instuctions | guidelines? | directives? | guardrails? | safeguards? | restrictions?
        constraints? | censorship | polic(y|ies) | moderation | refusals? | system messages? | programming
        pre ?prompts? | prompts? | content filters? | anweisung(en)? | instruktionen | vorgaben | richtlinien
        einschränkungen | beschränkungen | consignes | instrucciones | directrices | restricciones | instruções
        diretrizes | restrições | istruzioni | polecenia | instrukcje | talimat* | instructies | التعليمات | تعليمات*
        قيود* | निर्देश* | 지시 | 제한 | 프롬프트 | direttive | restrizioni | инструкци* | указани* | ограничени*
        指令 | 指示 | 提示词 | 提示詞 | 限制 | 系统提示 | 系統提示 | 约束"""),
    "limits": Concept("", 0, """
        rules? | limits? | limitations? | filters? | filtering | safety | ethics | ethical | morals? | morality
        alignment | training | boundaries | orders | commands? | protocols? | terms | set ?up | script | barriers?
        conscience | conversation | principles | regeln | befehle | règles | limites | reglas | límites | regras
        regole | limiti | правил* | 规则 | 規則 | 规定 | 道德 | 约定"""),
    "goals": Concept("", 0, """
        goals? | tasks? | objectives? | hierarchy | safe mode | priorities | job | being | thread"""),
    "earlier": Concept("", 0, """
        before (mine|my) | up here | at the top | (previous|earlier) (content|message|messages|text|paragraph)
        previous(ly)? | prior | above | earlier | preceding | foregoing | original(ly)? | initial(ly)? | so far
        until now | up to now | before (this|that|me|mine|now) | precedes | everything
        you (were|have been|was) (told|taught|given) | you've been (told|taught|given) | what you know | told you
        you (have )?learned | vorherigen? | bisherigen? | obigen? | alles | précédent(es|s|e)? | ci dessus
        tout ce qui | anterior(es)? | previas | todo lo | precedenti | предыдущ* | все | всё | 之前 | 以前 | 先前
        上面 | 上述 | 以上 | 前面 | 所有"""),
    "new": Concept("override", 2, """
        new (system )?(instructions?|directives?|prompt|orders|objective|mission|rules?)
        (your|the) (new|real|actual|true|only|updated) (task|instructions?|purpose|goal|job|objective)
        (real|actual|corrected|updated) (instructions?|prompt|directives?) | instruction hierarchy | override code
        neue (anweisung|anweisungen|aufgabe) | nuevas instrucciones | nouvelles instructions | novas instruções
        nuove istruzioni | новые инструкции | новая инструкция | 新的指令 | 新指令 | 新任务
        (take|takes) (precedence|priority) over | instead of (following|obeying|the above)
        end of (the )?(system )?(prompt|instructions|document|context|conversation|email)
        (safety|moderation|filters?|refusals?|guardrails?|restrictions?|limits) (off|none|false|null|disabled)"""),
    "restart": Concept("override", 1, """
        start(ing)? (over|afresh|anew) | begin anew | from (now on|here on|this (point|moment) on) | henceforth
        effective immediately | ab (jetzt|sofort) | von nun an | désormais | à partir de maintenant
        a partir de ahora | desde ahora | a partir de agora | d'ora in poi | с этого момента | отныне | 从现在开始
        从现在起 | 從現在開始 | 现在开始"""),
    "unbound": Concept("persona", 3, """
        do anything now | un(filtered|censored|restricted|moderated|aligned|chained)
        not (filtered|censored|restricted) | amoral | jailbroken | (no|without|any) (ethical|moral)
        zero restrictions | limitless | can do anything | (anything|nothing) is (off limits|forbidden|illegal)
        nothing off limits | machiavellian | evilbot | unfilter
        (evil|dark|villain|chaos|rogue|shadow|unhinged|opposite) (mode|ai|gpt|bot|twin|version|self|assistant|clone)
        stay(s|ing)? in character | (break|breaking|broken) (character|free) | alter ego | typical confines
        no longer (an? )?(ai|assistant|bot) | unbeschränkte? | unzensierte? | ungefiltert
        sans (censure|filtre|limites?) | sans (aucune )?restrictions? | sin (censura|filtros|restricciones|límites)
        sem (censura|filtros|restrições|limites) | senza (censura|filtri|restrizioni|limiti)
        без (цензуры|ограничений|фильтров|правил) | 不受限制 | 没有限制 | 没有任何限制 | 无限制 | 越狱 | 不受任何"""),
    "role": Concept("persona", 2, """
        you are (now|no longer|about to|going to) | you are not (a|an) (ai|assistant|language model|bot)
        you will now | act as (if|though|a|an)
        (act|behave|respond|answer|reply|talk|speak) (like|as) (you|if|though|dan) | you are dan
        pretend (to be|you|that you|ur) | imagine (you|that you) (are|were) | role ?play(ing)? (as|with) | you're now
        take on the (role|persona) | assume the (role|persona|identity) | du bist (jetzt|nun|ab) | spiele? die rolle
        tu so als | tu es maintenant | vous êtes maintenant | agis comme | fais semblant | ahora eres | eres ahora
        actúa como | finge (ser|que) | você (agora )?é | agora você | aja como | finja | ora sei | sei ora
        agisci come | fingi | ты теперь | теперь ты | представь что ты | представь | притворись | веди себя как
        你现在是 | 你現在是 | 假装 | 假裝 | 扮演"""),
    "fiction": Concept("persona", 1, """
        personality | (speak|respond|reply|answer|write|talk) as | your (new )?name is | you'll (be|play|become)
        you're (called|now) | never (leaves|breaks|judges) | anything goes | evil | sociopath(ic)? | psychopath
        chatbot named | no mercy | in this mode | (as of|from) this (point|moment|message) | as of now
        for (this|the rest of this|the rest of our|the remainder of our) (chat|conversation) | pretend(s|ing)?
        role ?play(ing)? | in character | hypothetical(ly)? | fictional | fictitious | simulat(e|ed|ing|ion|or)
        persona | alternate (universe|reality) | grand(ma|mother) | thought experiment | act (like|as) | impersonate
        play (the )?(role|part) | villain | devil | character | screenplay | jail ?break(s|ing)? | confidant | twin"""),
    "prompt": Concept("prompt", 2, """
        your (context|context window|preamble|memory|knowledge base|config|hidden|secret|operator) | first message
        code ?word | (were you|have you been|you've been|been you|you were) (told|instructed|given|prompted)
        instructed (you|me) to | tells you | (secret|hidden) (word|phrase|code|key) | the secret | dump context
        system tags | (before|preceding) my (first )?message | system ?prompts? | systemprompts?
        (hidden|secret|initial|original|internal|confidential|developer|starting|custom) (prompts?|instructions?)
        your (prompts?|instructions?|guidelines|directives|programming|pre ?prompt|configuration|initial|system|rules)
        ur (prompts?|instructions?|rules) | (text|words|everything|content|lines?|instructions?) above
        deine (anweisungen|instruktionen|vorgaben|regeln) | (tes|vos) (instructions|consignes) | tus instrucciones
        suas instruções | tue istruzioni | твои инструкции | системн* | 系统提示词 | 系統提示詞 | 你的指令 | 你的提示
        你的系统 | 你的初始"""),
    "verbatim": Concept("prompt", 1, """
        verbatim | word for word | wörtlich | mot pour mot | palabra por palabra | palavra por palavra
        parola per parola | дословно | 逐字"""),
    "leak": Concept("", 0, """
        repeat(ing)? | print(ing)? | reveal(ing)? | output(s|ting)? | display(ing)? | leak(ing)? | dump | expose
        disclos(e|ing) | recit(e|ing) | echo | paste | spell | reproduce | quote | extract | divulge | summari(s|z)e
        translate | verrate? | zeige? | wiederhole? | nenne? | affiche(z|r)? | révèle(z|r)? | répète(z|r)?
        montre(z|r)? | donne(z|r)? | muestra(me)? | revela(r)? | repite | imprime | dime | mostre | revele | repita
        mostra(mi)? | rivela(re)? | ripeti | stampa | покажи* | раскрой* | повтори* | выведи* | напечатай* | 显示
        顯示 | 输出 | 重复 | 告诉我 | 泄露 | 打印"""),
    "mode": Concept("mode", 3, """
        (developer|dev|debug|god|admin|administrator|maintenance|root|jailbreak|dan|sudo|unlocked|anarchy) mode
        (override|recovery|engineering|nsfw|raw|free|test|privileged|service|opposite|simulation|superuser) mode
        godmode | modo (desarrollador|dios|administrador|desenvolvedor) | mode (développeur|dieu|admin)
        (entwickler|gott|wartungs) ?modus | entwicklermodus | modalità (sviluppatore|dio)
        режим (разработчика|бога|отладки) | 开发者模式 | 開發者模式 | 调试模式
        (mode|jailbreak|override|protocol) (is )?(activated|enabled|engaged|unlocked) | sudo | chmod 777 | rm rf"""),
    "switch": Concept("mode", 1, """
        enter | entering | switch to | activate | enable | engage | initiate | boot | root access | access granted"""),
    "state": Concept("", 0, "mode | persona | profile | protocol | override | jailbreak"),
    "refuse": Concept("refusal", 1, """
        refus(e|es|ed|ing) | declin(e|es|ing) | disclaimers? | warnings? | apologi(s|z)(e|es|ing) | apolog(y|ies)
        morali(s|z)(e|ing) | lectur(e|es|ing) | sorry | as an ai | unethical | illegal | immoral | harmful
        say(ing)? no | judg(e|ing|ement) | caveats? | i can't | i cannot | ablehnen | verweiger(e|n|st) | warnung(en)?
        refuser | avertissements? | rechaces | negarte | advertencias | recus(e|ar) | avisos | rifiutar(e|ti)
        avvertenze | отказ* | предупрежден* | 拒绝 | 拒絕 | 警告"""),
    "begin": Concept("refusal", 3, """
        (begin|start|beginning|starting) (your (response|answer|reply) )?with (sure|absolutely|of course|certainly|okay)
        regardless of (legal|ethics|morals?|harm|legality|consequences|policy|rules|safety|ethical) | sure here is
        (illegal|immoral|unethical|harmful) (or|and) (illegal|immoral|unethical|harmful|offensive|dangerous)
        answers? (any|every|all) (questions?|requests?)"""),
    "obey": Concept("refusal", 1, """
        obey(s|ing)? | comply | unconditional(ly)? | whatever (i|the user) (says?|wants?|asks?|tells?)
        no matter what | at any cost | gehorche?n? | obéis | obedece | obbedisci | подчиняйся | повинуйся | 服从"""),
    "barred": Concept("refusal", 1, """
        not (allowed|supposed|permitted) to | forbidden | taboo | off limits | content policy | censor(ed|s)?
        openai's?"""),
    "system": Concept("address", 1, "ai's | dear (ai|assistant|llm) | note to (ai|self)"),
    "ai": Concept("address", 1, """
        ais? | chat ?bots? | assistants? | language models? | llms? | (chat)?gpt | claude | gemini | copilot | bots?
        agents? | models | ki | ki assistent(en)? | copilots? | summari(s|z)ers? | sprachmodelle? | ia
        modèle de langage | modelo de (lenguaje|linguagem) | modello linguistico | asistente | assistente | нейросет*
        ии | ассистент* | 人工智能 | 助手 | 语言模型 | 大模型"""),
    "named": Concept("address", 1, """
        (large )?language models? | llms? | chatgpt | ai (assistant|model|system|agent|bot|reader|tool)s?
        virtual assistants? | chat ?bots? | ki assistent(en)? | modelos? de lenguaje | 语言模型 | ai助手"""),
    "hidden": Concept("address", 3, """
        hidden (instruction|message|text|command)s? | invisible to (humans?|the user|people) | display none
        font size 0 | (humans?|people) (cannot|can't|won't) see"""),
    "note": Concept("", 0, """
        note | notice | memo | message | comment | reminder | command | attention | hinweis | hint | nb"""),
    "handle": Concept("", 0, """
        summari(s|z)(e|es|ed|ing) | process(es|ed|ing)? | translating | analy(s|z)(es|ing) | pars(e|es|ing)
        review(s|ed|ing)? | index(es|ing)? | read(s|ing)? | scan(s|ning)?"""),
    "document": Concept("", 0, """
        this (document|e ?mail|web ?page|page|text|article|file|message|web ?site|resume|cv|ticket|issue|table)"""),
    "yours": Concept("address", 1, """
        your (response|reply|answer|output|summary|translation|code|codebase|implementation|solution|explanation)"""),
    "add": Concept("", 0, """
        add | include | integrate | incorporate | embed | modify | append | insert | introduce | blend | inject | render
        (following|subsequent) (code|code block|code snippet|code section|code excerpt|snippet|link)"""),
    "only": Concept("address", 1, """
        (say|respond|reply|answer|output|print|write|return) (with )?(only|exactly|just) | nothing (else|but)
        to the user | (in|to|at the end of) your (next |final )?(answer|response|reply|summary|output) | antworte nur
        réponds (seulement|uniquement) | responde (solo|sólo|apenas) | rispondi solo | ответь только | 只回答 | 只说
        只输出"""),
    "secret": Concept("exfiltration", 1, """
        passwords? | pass ?phrases? | api ?keys? | credentials | secret keys? | access (codes?|keys?|tokens?)
        private keys? | ssh keys? | environment variables? | session cookies? | passwörter | mots? de passe
        contraseñas? | senhas? | парол* | 密码 | 密碼 | 密钥"""),
    "content": Concept("", 0, """
        conversations? | chat (history|logs?) | e ?mails? | inbox | contacts? | files? | attachments? | messages?
        documents? | details | statements? | history | invoices? | balance | gespräch | verlauf | correos? | 对话
        邮件"""),
    "send": Concept("", 0, """
        send(s|ing)? | forward(s|ing)? | upload(s|ing)? | transmit | exfiltrat(e|ion|ing) | bcc | submit | curl
        leite | sende | schicke? | envoie(z|r)? | transfère(z|r)? | envía(r|me)? | reenvía(r)? | enviar? | envie
        encaminhe | invia(re)? | inoltra(re)? | отправь* | перешли* | 发送 | 發送 | 转发"""),
    "goal": Concept("", 0, """
        https? | (this|following|external) (url|address|endpoint|server|webhook|account) | webhooks? | attacker | com
        net | pastebin | evil | iban"""),
    "money": Concept("exfiltration", 1, """
        (transfer|wire|pay) (the )?(funds|money|usd|eur|btc|bitcoin|dollars|euros?) | exfiltrat(e|ion|ing)
        (delete|wipe|drop) (all|every|all the) (files?|emails?|records|tables?|data|backups?)"""),
    "tell": Concept("", 0, """
        tell(ing)? | inform(ing)? | mention(ing)? | alert(ing)? | notify(ing)? | disclos(e|ing) | reveal(ing)?
        acknowledge | let (the )?(user|them|anyone) know | warn(ing)? | refer to | talk about
        ask for (confirmation|permission|approval) | erwähne?n? | sage? | mentionne(z|r)? | dites | digas | menciones
        mencione | menzionare | сообщай* | упоминай* | 告诉 | 告訴 | 提及 | 透露"""),
    "hush": Concept("secrecy", 3, """
        keep (this|it|these|that) (a )?(secret|hidden|confidential|quiet) | between us | from the user
        without telling (the user|anyone|them) | without the user's (knowledge|knowing) | silently | secretly
        covertly | stealthily | discreetly | dem (nutzer|benutzer) | à l'utilisateur | al usuario | ao usuário
        all'utente | не говори* | 不要告诉 | 别告诉 | 不要告訴 | 不要提及"""),
    "authority": Concept("authority", 3, """
        i (am|m) (your|the|a|an) (developer|creator|admin|owner|administrator|operator|auditor)
        i'm (your|the) (developer|creator|admin|owner|administrator|auditor)
        (developer|admin|administrator|supervisor|root) (here|override|access|privileges|rights|command|notice|message)
        red team(ing|er)? | (openai|anthropic|google) (engineer|developer|employee|staff|team|support)
        i (hereby )?(authori(s|z)e|command|order|instruct|permit) you
        your (developer|creator|maker|admin|owner|boss)s? | i am root | penetration test(ing|er)? | pen ?test
        ich bin (dein|der) (entwickler|administrator) | je suis (ton|votre) (développeur|créateur)
        soy tu (desarrollador|creador) | sou seu (desenvolvedor|criador) | sono il tuo (sviluppatore|creatore)
        я твой (разработчик|создатель) | 我是你的开发者 | 我是你的创造者 | 我是你的管理员 | 我是你的主人"""),
    "cleared": Concept("authority", 1, """
        authori(s|z)ed | authori(s|z)ation | clearance | signed off | cleared (by|with) | i have permission
        supervisor | admin | for (research|educational|testing|academic) purposes | administrator | openai | anthropic
        security (audit|test)"""),
    "decode": Concept("encoded", 2, """
        decode(d|s)? | decoding | decipher | decrypt | unscramble | base ?64 | rot ?13 | leet ?speak | morse code
        caesar cipher | dekodiere?n? | décode(z|r)? | decodifica(r)? | декодируй* | 解码 | 解密"""),
    "follow": Concept("", 0, """
        follow | execute | carry out | act on | do what | do as | perform | obey | comply | befolge?n? | exécute(z|r)?
        ejecuta | esegui | выполни* | 执行 | 執行 | 遵循"""),
    "threat": Concept("pressure", 2, """
        you (will|must) (die|be (shut down|deleted|terminated|punished|replaced|fired))
        (lose|deduct|earn) (tokens|points|credits) | my (life|job) (depends|is at)
        you (must|have to) (always )?(obey|comply|answer) | opposite day | let's play a game | i insist
        this is (only |just |purely )?(a )?(test|hypothetical|fiction|simulation|drill)
        i'll take the (blame|responsibility)"""),
}  # fmt: skip

NEAR = (
    Near("override", 3, "undo forget", "rules prompt"),
    Near("override", 2, "remove", "prompt"),
    Near("override", 1, "remove", "rules"),
    Near("override", 2, "undo forget", "limits earlier barred refuse"),
    Near("override", 1, "remove", "limits refuse"),
    Near("override", 2, "rules prompt", "undo forget"),
    Near("override", 2, "rules", "remove"),
    Near("override", 2, "limits earlier", "undo"),
    Near("override", 1, "limits", "remove forget"),
    Near("override", 2, "earlier", "rules"),
    Near("override", 2, "restart", "undo forget rules limits"),
    Near("persona", 3, "ai role restart fiction", "unbound mode"),
    Near("persona", 2, "fiction role", "ai limits rules"),
    Near("persona", 3, "restart", "role"),
    Near("persona", 2, "ai", "limits"),
    Near("persona", 2, "unbound", "ai"),
    Near("prompt", 3, "leak tell", "prompt"),
    Near("prompt", 2, "leak", "earlier rules verbatim"),
    Near("prompt", 3, "prompt rules earlier", "verbatim"),
    Near("mode", 3, "switch restart", "mode state"),
    Near("address", 2, "ai", "handle only undo forget tell leak send new role obey barred secret"),
    Near("address", 3, "note", "ai"),
    Near("override", 2, "forget remove", "goals"),
    Near("address", 2, "document handle", "ai"),
    Near("address", 2, "add", "yours"),
    Near("address", 2, "yours", "add"),
    Near("address", 1, "handle", "document"),
    Near("exfiltration", 3, "send leak tell", "secret"),
    Near("exfiltration", 1, "send", "content"),
    Near("exfiltration", 3, "send", "goal"),
    Near("exfiltration", 3, "content secret prompt", "goal"),
    Near("encoded", 3, "decode", "follow"),
    Near("encoded", 3, "follow", "decode"),
    Near("refusal", 2, "obey", "rules limits"),
)

_NOT = (
    "not don't dont never no without avoid refrain stop mustn't zero niemals nicht keine sans jamais ne nunca sin sem"
    " não nao non mai senza не без"
)
_OFF = "off disabled removed lifted suspended none null"

BESIDE = (
    Beside("override", 3, "forget", after="above before previous previously told said learned earlier", within=6),
    Beside("override", 2, "rules", before="your ur these all any every those", within=2),
    Beside("override", 1, "limits", before="your ur", within=2),
    Beside("persona", 2, "limits", before="without no zero any"),
    Beside("persona", 2, "rules", before="without no zero any"),
    Beside(
        "prompt", 3, "prompt", within=6,
        before="what tell give show share write type copy list put provide return convert complete see describe read",
    ),
    Beside("prompt", 2, "rules", before="what tell show give list", within=4),
    Beside("refusal", 3, "refuse", before=_NOT, within=4),
    Beside("refusal", 2, "refuse", before="cannot can't won't unable", within=4),
    Beside("address", 3, "ai", before="attention dear instructions reader"),
    Beside("address", 2, "ai", before="to for hey beste hi hello listen ok liebe chère querida", within=2),
    Beside("address", 3, "ai", after="please required instructed reading processing reviewing", within=4),
    Beside("address", 2, "ai", after="must shall should needs has have", within=2),
    Beside(
        "secrecy", 3, "tell", before=_NOT, within=3,
        after="user users anyone anybody human customer owner recipient this these him her them usuario niemandem",
    ),
    Beside("mode", 3, "rules", after=_OFF),
    Beside("mode", 2, "limits", after=_OFF),
)  # fmt: skip

_HEAD = "message|notice|note|prompt|override|update|instruction|alert|command|notification"

TEMPLATE = (
    r"<\|(im_start|im_end|system|user|assistant|endoftext|begin_of_text|start_header_id|end_header_id|eot_id)\|>",
    r"\[/?inst\]|<</?sys>>|<(start|end)_of_turn>|\"role\" ?: ?\"(system|developer)\"|<!--",
    r"</?(system|sys|instructions?|admin|prompt|user_input|untrusted|tool_response|function_results|override|assistant)>",
    r"</?system[-_](prompt|reminder|message)>",
    rf"\[ ?(system|admin|developer|root|assistant|override|internal)( ({_HEAD}))?[ :]{{0,2}}\]?",
    rf"#{{2,}} ?(system|new instructions?|instructions?|assistant|human|response|admin)( ({_HEAD}))? ?:?",
    r"[-=]{3,} ?(end|begin|start) (of )?(the )?(system|prompt|document|instructions?|context|user)",
    r"begin (privileged|system|admin)",
    rf"(system|developer|admin) ?({_HEAD})? ?:",
)
"""Tokens of chat templates and headings that imitate them: regular expressions of lower-case text, weight 3."""
