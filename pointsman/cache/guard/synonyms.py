"""Words that may stand for each other in a request. Each line is a group; the first names it. `_` joins phrases."""

from __future__ import annotations

GROUPS = """
enable activate turn_on switch_on put_on
disable deactivate turn_off switch_off
login log_in sign_in logon log_on signin
logout log_out sign_out
signup sign_up register
setup set_up configure configuration
big large huge biggish
biggest largest
small little tiny
smallest tiniest
fast quick rapid speedy quickly swift
faster quicker
fastest quickest
cheap inexpensive affordable low_cost cheaply
start begin commence launch starting
end finish
stop quit exit cease
delete erase remove rid get_rid
buy purchase
fix repair solve resolve troubleshoot
error problem issue trouble
improve boost enhance better_at
increase raise grow
decrease reduce
change modify alter edit update
update upgrade
photo picture image pic
movie film
car automobile
phone smartphone cellphone mobile
computer pc
fridge refrigerator
tap faucet
flat apartment
job position
salary wage pay earn income
cost price priced pricing costs
money cash
kid child children
parent parents
mom mother mum mommy
dad father daddy
doctor physician
medicine medication drug
illness disease sickness
symptom sign
treat cure heal
pain ache
weight heavy
lifespan life_expectancy
author writer write wrote written
inventor invent invented
founder found founded
painter paint painted
leader head
capital capital_city
country nation
city town
world earth globe
usa united_states us america united_states_of_america u.s. u.s.a. american
uk united_kingdom britain great_britain
germany german
france french_republic
japan japanese_republic
eu european_union
ww2 world_war_2 wwii second_world_war
ww1 world_war_i world_war_1 wwi first_world_war
2fa 2_factor_authentication 2_factor
ai artificial_intelligence
ml machine_learning
js javascript
k8s kubernetes
db database
app application
repo repository
dir directory folder
docs documentation
info information
config configuration
param parameter
arg argument
dict dictionary
func function
node nodejs node.js
postgres postgresql
wifi wi_fi wireless
email mail e_mail
website site web_site webpage
screenshot screen_shot
resume cv
vacation holiday
autumn in_fall the_fall about_fall
present gift
wedding marriage
meeting appointment
lawyer attorney
shop store
parcel package
ship deliver delivery shipping shipment
refund money_back reimbursement
contact reach
support customer_service help_desk customer_support
cancel terminate
resignation resign quit_job quit_my_job
run execute
latest newest
password passcode
important significant crucial
difference differ distinguish distinction
compare comparison vs versus
advantage benefit pro upside
disadvantage drawback con downside
example sample instance
definition define
summary summarize summarise overview
translate translation
convert conversion
calculate compute calculation
count number
list enumerate
check verify
find locate search located location
choose pick select
show display view
build construct
cook prepare
recipe cook
eat consume
drink beverage
healthy good_for_you
unhealthy bad_for_you
safe safely secure
dangerous unsafe hazardous
allowed permitted allow permit
required necessary needed require
famous well_known
poor impoverished
rich wealthy
happy glad
sad unhappy
angry mad
smart intelligent clever
hard difficult tough
easy simple easily simply
beautiful pretty
cause reason caused lead_to led_to
effect impact influence consequence
future upcoming
learn study
teach train
student pupil
teacher instructor
university college
exam test
company firm business corporation
employee worker staff
boss manager
customer client
user users
error_message error
crash crashing
slow sluggish
extract untar unpack
compress zip
combine merge join
divide divided
add plus sum
subtract minus
height tall high
tallest highest
age old
distance far
speed fast
area size
population inhabitant
duration long
currency money_used
language tongue
get_up wake wake_up
remind reminder
call phone_call ring
message text
color colour
favorite favourite
center centre
theater theatre
organize organise organisation organization
analyze analyse
program programme
gray grey
tire tyre
license licence
catalog catalogue
behavior behaviour
neighbor neighbour
aluminum aluminium
practice practise
fulfill fulfil
traveling travelling
jewelry jewellery
math maths mathematics
airplane plane aircraft aeroplane
bike bicycle
tv television
sofa couch
garbage trash rubbish
gas petrol
elevator lift
truck lorry
cookie biscuit
soccer football
pants trousers
zip_code postal_code postcode
ceo chief_executive
gdp gross_domestic_product
dna deoxyribonucleic_acid
pls please
approx approximately roughly
regularly frequently often
travel trip journey
flight flights
restaurant diner
sight attraction landmark
stain spot
grow cultivate
store keep
clog blocked clogged
barking bark
leak leaking drip
deal cope handle
stress stressed
nap sleep asleep
dream dreaming
exercise workout training
muscle muscles
run running
lose drop
gain put_on_weight
song music track
play put_on_music
louder volume_up
lights light
step stage
rule regulation
law legislation
tax taxes
rent rental
invest investing investment
stock share
bitcoin btc
crypto cryptocurrency
science_fiction sci_fi scifi
novel book
poem poetry verse
essay composition
letter missive
command cmd
error_code code_error
current present_day
obtain acquire
become turn_into
purpose aim goal
invite add_people
limit maximum cap
restriction restrictions
include included contain
substitute replacement replace alternative
frequency often
plural plural_form
synonym another_word
spelling spell
formula equation
string str
method function
install installing installation
download downloading
display_all show_all
kill terminate_process
print output
random arbitrary
unique distinct
duplicate duplicates
sort order_by
loop iterate
line row
exist exists
africa african
asia asian
europe european
italy italian
spain spanish
china chinese
russia russian
india indian
canada canadian
australia australian
mexico mexican
brazil brazilian
poland polish
sweden swedish
norway norwegian
turkey turkish
greece greek
ireland irish
switzerland swiss
rename change_name change_the_name
code coding programming program
population inhabitants how_many_people how_many_people_live how_many_people_are
live living reside
rid get_rid remove
get obtain
lifespan how_long_live
contest appeal dispute
greeting message
transfer move
human real_person
skillet pan frying_pan
louder loud
mount mt mt.
saint st
doctor dr
number amount
many numerous
kb kilobyte
square_root sqrt
capital capitol
node.js node nodejs
mac macos osx
recover restore retrieve get_back
forgot lost forget
present gift
drawback disadvantage con
expense cost
wage salary
guideline rule
sum total
method approach technique
tool utility
mistake error bug
sign indication
begin start
rent lease
landlord owner
hurt ache pain
nausea nauseous
sick ill
baby infant newborn
elderly senior seniors
couch sofa
stove cooker
fry frying
boil boiling
vegetable veggie
meal dish
dessert sweets
hamburger burger
fries chips
delivery shipping
bill invoice
receipt proof_of_purchase
coupon voucher promo_code discount_code promo
atm cash_machine
branch branches
pin pin_code
card cards
verify confirm validate
identity id
link url
notification alert
laptop notebook
monitor screen display
battery batteries
charge charging
memory ram
storage disk_space space
hard_drive disk
folder directory
paste insert
rename retitle
tab tabs
bug defect
function method
variable var
integer int
boolean bool
character char
authentication auth
administrator admin
environment env
production prod
development dev
asynchronous async
synchronous sync
specification spec
maximum max
minimum min
standard_deviation stdev
statistics stats
vocabulary vocab
professor prof
laboratory lab
advertisement ad advert
human_resources hr
chief_financial_officer cfo
artificial_intelligence ai
virtual_reality vr
graphics_card gpu
processor cpu
operating_system os
stock_market stock_exchange
real_estate property
new_york nyc new_york_city
san_francisco sf
european_union eu
united_nations un
talk speak
size area how_big
tired exhausted
obese overweight
fee charge
money funds fund
restriction limit limitation limitations
believe think
additional extra
several multiple
automatic auto automatically
immediately asap right_away
deny reject decline refuse
kind type sort variety
assist help assistance
closest nearest
employment job
born birth
rating score
listen hear
taxi cab
reverse revert undo
receive get obtain
ship send deliver
die dead death
hold keep
occur happen
view see
house home
hire employ recruit
wash clean
glasses eyeglasses spectacles
police cop cops
hobby pastime
tired sleepy
quit give_up
belly stomach tummy abdomen
homework assignment
thesis dissertation
coworker colleague
roommate flatmate
subway metro underground
highway freeway motorway
sidewalk pavement
eggplant aubergine
zucchini courgette
cilantro coriander
shrimp prawn
diaper nappy
stroller pram
pharmacy drugstore chemist
gas_station petrol_station
parking_lot car_park
phone cell_phone mobile_phone
series tv_show tv_series
driver_license driving_licence driver_licence driving_license
distinguish differentiate tell_apart
sleep fall_asleep
find look_up discover find_out
discard dispose throw_away get_rid
collect pick_up
determine figure_out work_out
ensure make_sure
postpone delay put_off
return go_back come_back give_back
cancel call_off
backup back_up
shutdown shut_down turn_off power_off
boot start_up
reboot restart
broken stopped_working defective
damage harm hurt
injury wound
vaccine vaccination shot
allergy allergic
nutrition nutrient
protein proteins
beginner newbie novice
rare uncommon
strange weird odd
brave courageous
funny humorous hilarious
boring dull
quiet silent
dirty filthy
correct accurate
wrong incorrect
huge enormous gigantic massive
tiny miniature
entire whole
main primary principal major
usual normal
clothes clothing apparel
shoes footwear
sweater jumper pullover
luggage baggage
ticket fare
passport travel_document
beach seaside
forest woods
ocean sea
rock stone
cave cavern
storm tempest
war conflict
soldier troop
king monarch
election vote
politician statesman
immigrant migrant
religion faith
priest clergyman
prison jail
crime offense offence
murder kill
thief robber burglar
contract agreement
court tribunal
judge magistrate
evidence proof
debt owe
wealth riches
budget spending_plan
advertise promote
brand trademark
product item goods
quality standard
quantity amount
arrive receive
show_up appear display reflected
transaction payment
recognize recognise remember
charge fee cost
abroad overseas
attempt try
cancel stop
satisfied happy
asap soon quickly right_away immediately urgently
verify prove proof authenticate validation
exchange trade
withdraw withdrawal withdrew
topup top_up top_ups
several few
lost missing misplaced
difficulty trouble
difference vs versus
fast quick fastest quickest
strange weird unfamiliar unknown suspicious
stolen steal theft
move relocate relocated
accept support supported approved take
freeze block
expire expiration expiry
eligible qualify
lend loan
often frequent
decline reject refuse deny
unsuccessful failed fail
reimburse refund
permission authorization authorisation
wrong incorrect false
change replace
acquire get obtain
mobile_app app
boil boiling
determine calculate
determine decide
additional several multiple
abroad travel
login log_into
recent last
end terminate
wait await
cancel cancellation
identity identification
child offspring
change alteration
deactivate inactivate
speed_up faster
near closest
"""
