"""The names under which suppliers know the fields of a product; the first that a source has is taken."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from taxonomy.names import without_accents

ALIASES: Mapping[str, tuple[str, ...]] = {
    "id": (
        *("id", "sku", "product_id", "item_id", "variant_sku", "uniq_id", "unique_id", "article_number", "article_id"),
        *(
            "item_number",
            "product_number",
            "product_code",
            "item_code",
            "code",
            "asin",
            "pid",
            "offer_id",
            "part_number",
        ),
        *("Artikelnummer", "Artikel-Nr.", "Art.-Nr.", "ArtNr", "Produktnummer", "Bestellnummer"),
        *("référence", "référence produit", "réf.", "identifiant", "code article", "code produit"),
        *("referencia", "código", "codigo de producto", "identificador"),
        # A number that the supplier gave comes before one of the article, which is no name of a row where some lack it.
        *("mpn", "gtin", "gtin13", "gtin14", "ean", "ean13", "upc", "isbn", "barcode", "handle"),
    ),
    "title": (
        *("title", "name", "product_name", "product_title", "item_name", "item_title", "product", "display_name"),
        *("productDisplayName", "short_name", "heading"),
        *("Titel", "Bezeichnung", "Artikelbezeichnung", "Produktname", "Produktbezeichnung", "Artikelname"),
        *("libellé", "titre", "nom", "nom du produit", "désignation", "intitulé"),
        *("título", "nombre", "nombre del producto", "denominación"),
    ),
    "description": (
        *(
            "description",
            "long_description",
            "product_description",
            "body_html",
            "Body (HTML)",
            "body",
            "full_description",
        ),
        *(
            "item_description",
            "desc",
            "details",
            "summary",
            "short_description",
            "overview",
            "bullet_points",
            "bullets",
        ),
        *("features", "feature", "about_product", "text", "content"),
        *("Beschreibung", "Produktbeschreibung", "Langtext", "Artikelbeschreibung", "Kurzbeschreibung", "Kurztext"),
        *("descriptif", "description longue", "description du produit", "description courte"),
        *("descripción", "descripción larga", "descripción del producto", "descripción corta"),
    ),
    "brand": (
        *("brand", "brand_name", "brands", "manufacturer", "manufacturer_name", "vendor", "maker", "make"),
        *("Marke", "Hersteller", "Markenname", "Marke/Hersteller", "marque", "fabricant", "marca", "fabricante"),
    ),
    "specs": (
        *("specs", "specifications", "specification", "product_specifications", "product_specification", "attributes"),
        *("product_attributes", "additional_attributes", "technical_details", "technical_specifications", "properties"),
        *("characteristics", "product_details", "params", "parameters"),
        *("Merkmale", "Eigenschaften", "technische Daten", "Attribute", "Spezifikationen"),
        *("caractéristiques", "spécifications", "fiche technique", "attributs"),
        *("especificaciones", "características", "atributos", "ficha técnica"),
    ),
    "category": (
        *("category_path", "category", "categories", "category_name", "category_tree", "product_category"),
        *("product_category_tree", "product_categories", "category_full_path", "categories_path", "product_type"),
        *("breadcrumb", "breadcrumbs", "taxonomy", "taxonomy_path", "department", "google_product_category"),
        *("Kategorie", "Kategoriepfad", "Kategorien", "Warengruppe", "Produktkategorie"),
        *("catégorie", "catégories", "rayon", "famille", "arborescence"),
        *("categoría", "categorías", "categoría del producto", "familia"),
    ),
    "tags": (
        *("tags", "tag", "labels", "keywords", "product_tags"),
        *("Schlagworte", "Schlagwörter", "Stichworte", "mots-clés", "étiquettes", "etiquetas", "palabras clave"),
    ),
    "image": (
        *(
            "image_path",
            "image",
            "images",
            "image_url",
            "image_urls",
            "image_link",
            "image_src",
            "main_image",
            "base_image",
        ),
        *("picture", "pictures", "picture_url", "photo", "photos", "photo_url", "img", "img_url", "thumbnail"),
        *("Bild", "Bilder", "Bild-URL", "Bildpfad", "Bilddatei", "Bildname", "Produktbild", "photo du produit"),
        *("imagen", "imágenes", "foto"),
    ),
    "image_vector": ("image_vector", "image_embedding", "image_embeddings", "image_features", "clip_image_vector"),
    # A column that is only called provenance or weight tells where a product comes from and what it weighs.
    "provenance": ("label_provenance",),
    "weight": ("label_weight",),
    # Facts: only what no field above reads. What is only called store, domain, model or type means too many things.
    "gtin": (
        *("gtin", "gtin14", "gtin13", "gtin12", "gtin8", "ean", "ean13", "ean_code", "ean_upc", "upc", "upc_code"),
        *("isbn", "isbn13", "isbn10", "barcode", "variant_barcode", "global_trade_item_number"),
        *("EAN-Nummer", "Strichcode", "code-barres", "code EAN", "código de barras", "cód. barras"),
        *("código EAN",),
    ),
    "mpn": (
        *("mpn", "manufacturer_part_number", "manufacturer_number", "part_number", "part_no", "model_number"),
        *("model_no", "model_code", "Herstellernummer", "Hersteller-Artikelnummer", "Herstellerartikelnummer"),
        *("Modellnummer", "référence fabricant", "numéro de modèle", "referencia del fabricante", "número de modelo"),
    ),
    "price": (
        *("price", "current_price", "sale_price", "selling_price", "discounted_price", "final_price", "special_price"),
        *("regular_price", "retail_price", "list_price", "unit_price", "variant_price", "product_price", "item_price"),
        *("Preis", "Verkaufspreis", "VK", "VK brutto", "Bruttopreis", "UVP", "prix", "prix de vente", "prix TTC"),
        *("precio", "precio de venta", "PVP"),
    ),
    "supplier": (
        *("supplier", "supplier_name", "supplier_id", "merchant", "merchant_name", "merchant_id"),
        *("seller", "seller_name", "seller_id", "vendor", "vendor_name", "vendor_id", "shop", "shop_name", "shop_id"),
        *("retailer", "distributor", "Lieferant", "Händler", "Verkäufer", "fournisseur", "vendeur", "marchand"),
        *("proveedor", "vendedor", "tienda", "source"),
    ),
    "worth": ("worth",),  # any number: which one, as stock or margin, a profile or --map says
    "foreign_category": (
        *("foreign_category", "merchant_category", "supplier_category", "source_category", "original_category"),
        *("vendor_category", "seller_category", "shop_category", "external_category", "google_product_category"),
        *("Lieferantenkategorie", "Händlerkategorie", "catégorie fournisseur", "categoría del proveedor"),
    ),
}
"""By field, the best first. Compared by `column_key`: only letters and digits count, not their case or accents."""

SPEC_PREFIXES = ("spec", "specs", "attr", "attribute", "attributes", "specification", "specifications", "property")
"""A column `attr_colour`, `attribute:colour` or `specs.colour` is the spec `colour`, beside the columns above."""

_NOISE = re.compile(r"[\W_]+")
_PREFIXED = re.compile(rf"(?:{'|'.join(SPEC_PREFIXES)})\s*[_.:\-/]\s*+(.*[^\W\d_].*)", re.IGNORECASE)


def column_key(name: str) -> str:
    """Return what the spellings of a column have in common: `Product-ID`, `product_id` and `productId` are one."""
    return _NOISE.sub("", without_accents(name)).casefold()


def spec_name(column: str) -> str:
    """Return the spec that a prefixed column holds, or "" for any other column."""
    found = _PREFIXED.fullmatch(column.strip())
    return found[1].strip() if found else ""


@cache
def keys(field: str) -> tuple[str, ...]:
    """Return the aliases of a field as compared, the best first."""
    return tuple(dict.fromkeys(map(column_key, ALIASES[field])))
