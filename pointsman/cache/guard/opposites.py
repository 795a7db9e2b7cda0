"""Pairs of words that turn an answer round. Either side may have several forms, with commas between them."""

from __future__ import annotations

PAIRS = """
same different; similar different;
enable disable; activate deactivate; activated deactivated; on off; start stop,end,finish; begin end,finish;
open close,shut; opening closing; increase decrease,reduce; raise lower,reduce; rise fall,drop,decline; up down;
gain lose; win lose,loss; lock unlock; install uninstall,remove; encrypt decrypt; encode decode;
add remove,delete,subtract; insert delete,remove; create delete,destroy; save spend,delete,discard; show hide;
ascending descending; minimum maximum; min max; minimize maximize; largest,biggest smallest; large,big small;
larger,bigger smaller; advantage disadvantage,drawback; pro con; benefit drawback,risk,harm;
accept decline,reject,refuse; approve reject,deny; allow forbid,deny,prohibit,block,prevent; import export;
upload download; deposit withdraw; best worst; better worse; good bad; cheap expensive; cheapest expensive;
follow unfollow; block unblock; freeze unfreeze,thaw; subscribe unsubscribe; legal illegal; fast slow; faster slower;
fastest slowest; quick slow; high low; higher lower; highest lowest; internal external; inside outside;
interior exterior; indoor outdoor; oldest youngest,newest; old young,new; older younger,newer; push pull;
compress decompress,extract; zip unzip,extract; thick thin; thicker thinner; buy sell; purchase sell;
strengthen weaken; strong weak; stronger weaker; strongest weakest; positive negative; formal informal,casual;
full empty; attach detach; connect disconnect; first last; before after; mute unmute; help hurt,harm; heal harm;
hottest coldest; hot cold; warm cool; hotter colder; soft hard; easy hard,difficult; short long,tall,detailed;
shorter longer,taller; shortest longest,tallest; ally enemy; friend enemy; input output; active passive; in out;
clear keep; expand collapse,shrink; grow shrink; more less,fewer; most least,fewest; many few; all none; always never;
left right; top bottom; front back; upper lower; north south; east west; northern southern; eastern western; push pop;
enqueue dequeue; read write; send receive; give receive; lend borrow; teach learn; ask answer; arrive depart,leave;
arrival departure; enter exit,leave; entry exit; login logout; join leave,split; merge split; attack defend;
love hate; like dislike; laugh cry; live die; alive dead; birth death; born died; male female; man woman; boy girl;
husband wife; brother sister; son daughter; mother father; mom dad; king queen; uncle aunt; host guest;
tenant landlord; employer employee; teacher student; buyer seller; lender borrower; doctor patient; parent child;
leader follower; hero villain; predator prey; cause effect; question answer; day night; am pm; morning evening;
sunrise sunset; dawn dusk; summer winter; spring autumn; early late; earlier later; past future; ancient modern;
public private; local remote,global; global regional; domestic foreign,international; urban rural; rich poor;
wealth poverty; success failure; succeed fail; pass fail; true false; yes no; right wrong; correct incorrect,wrong;
happy sad; optimistic pessimistic; safe dangerous,unsafe; clean dirty; dry wet; wide narrow; deep shallow;
heavy light; dark light; bright dim,dark; loud quiet; tight loose; smooth rough; sharp dull,blunt; sweet sour,bitter;
fresh stale; raw cooked; sick healthy; inhale exhale; ascend descend; climb descend; rise sink; float sink;
freeze melt,boil; heat cool; tighten loosen; shorten lengthen; widen narrow; deepen shallow; accelerate decelerate;
speed slow; promote demote; hire fire; appoint dismiss; marry divorce; include exclude; included excluded;
inclusive exclusive; with without; present absent; presence absence; mandatory optional; required optional;
necessary unnecessary; permanent temporary; static dynamic; mutable immutable; synchronous asynchronous; sync async;
serial parallel; sequential parallel; horizontal vertical; row column; x y; client server; frontend backend;
push-based pull-based; primary secondary; major minor; senior junior; majority minority; odd even; prime composite;
even uneven; integer float; numerator denominator; multiply divide; plus minus; addition subtraction;
multiplication division; differentiate integrate; derivative integral; sine cosine; income expense; revenue cost;
profit loss; asset liability; debit credit; credit debt; bull bear; bullish bearish; inflation deflation;
surplus deficit; supply demand; export import; gross net; fixed variable; liberal conservative; democrat republican;
capitalism communism,socialism; war peace; victory defeat; offense defense; guilty innocent; plaintiff defendant;
prosecute defend; convict acquit; arrest release; imprison free; acid base; acidic alkaline;
positive-charge negative-charge; anode cathode; proton electron; conductor insulator; series parallel; convex concave;
exothermic endothermic; aerobic anaerobic; benign malignant; acute chronic; systolic diastolic;
hypertension hypotension; hyperthyroidism hypothyroidism; hyperglycemia hypoglycemia; vein artery; inflate deflate;
pack unpack; load unload; mount unmount,dismount; bind unbind; wrap unwrap; fold unfold; plug unplug; tie untie;
do undo; undo redo; cover uncover; dress undress; seal unseal; archive unarchive; pin unpin; friend unfriend;
register unregister,deregister; deploy undeploy; enroll unenroll,withdraw; grant revoke,deny; assign unassign;
select deselect,unselect; check uncheck; commit rollback; upgrade downgrade; scale-up scale-down;
publish unpublish,retract; sign unsign; hit miss; keep discard,delete; find lose; remember forget;
reward punish,punishment; praise criticize; agree disagree; support oppose; for against; over under; above below;
ahead behind; near far; nearest farthest,furthest; close distant; forward backward; forwards backwards;
clockwise counterclockwise,anticlockwise; inbound outbound; incoming outgoing; ingress egress; wake sleep; stand sit;
work rest; employed unemployed; introvert extrovert; introverted extroverted; theist atheist; rookie veteran;
beginner expert,advanced; basic advanced; simple complex,complicated; novice expert; amateur professional;
generic specific; abstract concrete; subjective objective; qualitative quantitative; deductive inductive;
explicit implicit; singular plural; synonym antonym; prefix suffix; uppercase lowercase; vowel consonant;
fiction nonfiction; comedy tragedy; prologue epilogue; smart stupid,dumb; polite rude; brave cowardly;
generous greedy,stingy; lazy hardworking; honest dishonest; ugly beautiful,pretty; fat thin,skinny; skinny overweight;
underweight overweight; tall short; taller shorter; noisy quiet; crowded empty; busy free;
boring exciting,interesting; love hatred; hope despair; trust distrust; attract repel; absorb emit,reflect;
expand contract; deliver pick; ship return; order cancel; book cancel; renew cancel; approve disapprove;
paid free,unpaid; pay receive; allowed forbidden,prohibited,banned; permit forbid,prohibit; ban allow,unban;
whitelist blacklist; allowlist denylist; visible invisible,hidden; visit leave; immigrate emigrate;
immigration emigration; vegan carnivore; inner outer; innermost outermost; lead lag; ally foe;
healthy unhealthy,toxic; poisonous edible; toxic harmless; harmful harmless; useful useless; careful careless;
hopeful hopeless; wireless wired; cordless corded; online offline; in-store online; weekday weekend; manual automatic;
analog digital; hardware software; monopoly competition; maximum-security minimum-security; latest earliest,oldest;
newest oldest; next previous,last; previous following,next
"""

PREFIXES = ("un", "in", "im", "ir", "il", "non", "dis", "de", "mis", "anti", "a")
"""Before a word of the other text these make it its opposite."""

OTHER_PAIRS = """
aktivieren deaktivieren; einschalten ausschalten; öffnen schließen; mit ohne; mehr weniger; vor nach; erste letzte;
ja nein; kaufen verkaufen; größte kleinste; beste schlechteste; hinzufügen entfernen; erhöhen senken; immer nie;
zunehmen abnehmen; activer désactiver; ouvrir fermer; avec sans; plus moins; avant après; premier dernier;
acheter vendre; ajouter supprimer; augmenter diminuer; toujours jamais; meilleur pire; activar desactivar;
abrir cerrar; con sin; más menos; antes después; primero último; comprar vender; añadir eliminar; aumentar disminuir;
siempre nunca; mejor peor; attivare disattivare; aprire chiudere; con senza; più meno; prima dopo; comprare vendere;
aumentare diminuire; ativar desativar; abrir fechar; com sem; mais menos; antes depois; inschakelen uitschakelen;
openen sluiten; met zonder; meer minder; voor na; kopen verkopen; włączyć wyłączyć; z bez; więcej mniej; przed po;
kupić sprzedać; включить выключить,отключить; с без; больше меньше; до после; купить продать; открыть закрыть
"""
