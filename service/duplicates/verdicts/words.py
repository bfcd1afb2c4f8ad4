"""Words of titles as they are compared: without accents, in one language, and without those that name nothing.

Two shops name one article in two languages, and what kind of thing it is in more or fewer words. What is listed here is
what shops of any trade use; words of a trade itself come with the labelled products of an index.
"""

from __future__ import annotations

from functools import lru_cache

from service.duplicates.verdicts.colours import one_colour
from service.duplicates.verdicts.editions import one_term
from taxonomy.names import without_accents


def _folded(word: str) -> str:
    return without_accents(word).replace("ß", "ss")


_NOTHING = frozenset(
    map(
        _folded,
        (  # noqa: SIM905  # a list of words
            "an and at by from in of on or the to with und mit für fur von der die das den dem ein eine im am aus "
            "zu zum zur auf et avec pour de du des la le les un une en au aux new neu neuf neue neuer neues "
            "original originale genuine official offiziell shipping versand gratis sale angebot bestseller "
            "delivery quality qualität neuware ovp sealed boxed verpackung uk eu size größe grosse taille gr "
            "colour color farbe couleur ref nr no vol model modell type typ "
        ).split(),
    )
)
"""Words that name no article: they are not compared."""

_GROUPS = (
    "headphones headphone headset kopfhörer kopfhorer casque écouteurs earphones earbuds ohrhörer",
    "speaker speakers lautsprecher enceinte",
    "charger ladegerät chargeur",
    "cable kabel câble cord",
    "battery batteries batterie batterien akku accu pile piles",
    "screen display bildschirm écran",
    "monitor moniteur",
    "keyboard tastatur clavier",
    "mouse maus souris",
    "printer drucker imprimante",
    "ink tinte encre cartridge patrone tintenpatrone cartouche",
    "camera kamera appareil",
    "phone smartphone handy telefon téléphone",
    "wireless kabellos drahtlos funk cordless",
    "hard festplatte drive disque",
    "lamp lampe leuchte light bulb leuchtmittel glühbirne ampoule luminaire",
    "drill bohrer bohrmaschine perceuse",
    "screwdriver schraubendreher schraubenzieher tournevis",
    "saw säge scie",
    "hammer marteau",
    "pliers zange pince",
    "hose schlauch gartenschlauch tuyau",
    "filter filtre",
    "oil öl huile motoröl engine",
    "very sehr très",
    "champagne champagner",
    "handle griff poignée",
    "antihaft antiadhésive antiadhésif",
    "tyre tire tyres tires reifen pneu pneus",
    "brake bremse frein",
    "pads belag bremsbelag bremsbelagsatz bremsbeläge plaquettes",
    "winter hiver winterreifen",
    "summer sommer sommerreifen été",
    "pan frying bratpfanne pfanne poêle",
    "pot topf kochtopf casserole marmite",
    "knife messer couteau",
    "glass glas verre gläser",
    "bottle flasche bouteille",
    "cup tasse becher mug",
    "plate teller assiette",
    "towel handtuch serviette",
    "pillow kissen oreiller cushion",
    "blanket decke couverture",
    "mattress matratze matelas",
    "chair stuhl chaise",
    "table tisch",
    "desk schreibtisch bureau",
    "shelf regal bookcase bücherregal étagère",
    "bed bett",
    "coffee kaffee café",
    "beans bohnen kaffeebohnen grains",
    "tea tee thé",
    "milk milch lait",
    "chocolate schokolade chocolat",
    "hazelnut haselnuss nuss noisette",
    "beer bier bière",
    "wine wein vin",
    "water wasser eau",
    "juice saft jus",
    "salt salz sel",
    "sugar zucker sucre",
    "cheese käse fromage",
    "biscuits cookies kekse",
    "crisps chips",
    "sauce soße",
    "dog hund chien hunde",
    "cat katze chat katzen",
    "food futter alleinfuttermittel nourriture trockenfutter croquettes",
    "chicken huhn hähnchen poulet",
    "salmon lachs saumon",
    "beef rind boeuf",
    "cream creme crème",
    "lotion feuchtigkeitslotion moisturising moisturizing hydratant hydratante feuchtigkeitsspendend",
    "shampoo shampooing",
    "soap seife savon",
    "toothbrush zahnbürste brosse aufsteckbürsten bürstenköpfe",
    "toothpaste zahnpasta zahncreme dentifrice",
    "razor rasierer rasoir",
    "skin haut peau",
    "hair haar haare cheveux",
    "dry trocken trockene sec sèche",
    "sensitive empfindlich empfindliche sensible sensibel",
    "shoes shoe schuhe schuh chaussures trainers sneaker sneakers turnschuhe baskets",
    "boots stiefel bottes",
    "shirt hemd chemise",
    "trousers pants pantalon",
    "jacket jacke veste blouson",
    "dress kleid robe",
    "socks socken chaussettes",
    "bag tasche sac",
    "backpack rucksack",
    "wallet geldbörse portefeuille",
    "watch uhr armbanduhr montre smartwatch",
    "belt gürtel ceinture",
    "gloves handschuhe gants",
    "hat hut mütze cap bonnet",
    "nappies diapers windeln couches",
    "toy spielzeug jouet",
    "game spiel jeu",
    "book buch livre",
    "film movie",
    "doll puppe poupée",
    "notes haftnotizen",
    "paper papier",
    "pen kugelschreiber stift stylo",
    "pencil bleistift crayon",
    "folder ordner classeur",
    "adhesive kleber klebeband tape colle",
    "bicycle bike fahrrad vélo",
    "racket schläger tennisschläger raquette",
    "ball balle ballon",
    "helmet helm",
    "tent zelt tente",
    "vacuum staubsauger aspirateur akkusauger hoover",
    "kettle wasserkocher bouilloire",
    "fridge kühlschrank réfrigérateur refrigerator",
    "washing waschmaschine",
    "oven backofen",
    "iron bügeleisen repassage",
    "fan ventilator ventilateur",
    "mixer mixeur blender rührgerät",
    "chain kette chaîne",
    "lock schloss cadenas padlock",
    "screws schrauben",
    "paint peinture lack",
    "thermometer thermomètre fieberthermometer",
    "pressure blutdruck blutdruckmessgerät tension",
    "plaster pflaster pansement",
    "tap faucet armatur wasserhahn robinet mitigeur",
    "basin waschbecken lavabo waschtisch",
    "shower dusche douche",
    "year years jahre jahr ans année old",
    "pieces stück pièces",
    "hours stunden heures",
    "warm warmweiß warmwhite chaud",
    "portable tragbar mobile mobil",
    "electric elektrisch elektrische électrique elektro",
    "automatic automatik automatique",
    "organic bio biologique",
    "waterproof wasserdicht étanche",
    "lightweight leichtgewicht léger",
    "soft weich doux",
    "stainless edelstahl inox",
    "wood holz bois wooden",
    "leather leder cuir",
    "cotton baumwolle coton",
    "plastic kunststoff plastique",
    "lid deckel couvercle",
    "garden garten jardin",
    "kitchen küche cuisine",
    "gift geschenk cadeau",
    "birthday geburtstag anniversaire",
    "christmas weihnachten noël",
    "family familie famille",
)


_ONE = {_folded(word): some.split()[0] for some in _GROUPS for word in some.split()}


@lru_cache(65_536)
def one_word(word: str) -> str:
    """Return a word in small letters as it is compared; "" for one that names nothing."""
    plain = _folded(word)
    if plain in _NOTHING:
        return ""
    term = one_term(one_colour(word))
    return term if term != word else _ONE.get(plain, plain)
